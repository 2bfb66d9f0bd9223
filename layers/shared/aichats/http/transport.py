"""An httpx transport with one time limit for a whole call.

httpx limits each read and each write separately, so a slow server can block a call forever. In this transport, every
network operation gets the remaining time of :mod:`aichats.http.deadline`. So the call ends on time whatever the server
does: during the connect, the TLS handshake, the headers or the body. Only the name resolution of the operating system
has limits of its own.

Lambda freezes the process between invocations, so the process does not notice if a server closes a connection. The next
request on this connection would be lost, with an unknown outcome if it is a POST. So a connection that was idle for
more than 30 seconds of wall-clock time is not used again.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpcore
import httpx

from aichats.http.deadline import remaining, time_limit

CERTIFICATES = Path(__file__).parents[2] / "certificates"
"""The folder of the certificate authorities in the layer. Its files have the names that OpenSSL looks up."""
MAX_CONNECTIONS = 50
KEEPALIVE_SECONDS = 30.0
"""The maximum idle time of a connection that is used again."""

type ResolveHost = Callable[[str, int], list[str]]
"""Returns the addresses of a host, for a port."""

type RawReply = tuple[int, dict[str, str], bytes]
"""The status, the headers in small letters, and the body of a response."""

HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)
"""The errors of :meth:`DeadlineTransport.send`."""


class DeadlineTransport(httpx.BaseTransport):
    """The connection pool of a container. Safe to share between threads and clients.

    Args:
        resolve: returns the addresses of a host, to which it connects without another look-up of the name. It may raise
            an error of its own.
    """

    def __init__(self, resolve: ResolveHost | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=None,  # This uses the monotonic clock. The streams use the wall clock instead.
            network_backend=_DeadlineBackend(resolve or addresses_of),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.TransportError: one of the subclasses that httpx's own transport raises.
        """
        url = request.url
        with _httpx_errors(request):
            response = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=dict(request.extensions) | {"timeout": _limits(request)},
                )
            )
        body = _Body(response, request)
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, connect: float, read: float
    ) -> RawReply:
        """Send one request without httpx, and read the whole response.

        Args:
            method: the method.
            url: the URL.
            headers: the headers, with ``host``, but without ``content-length``.
            body: the body.
            connect: the maximum number of seconds to connect.
            read: the maximum number of seconds for the request and the response.

        Raises:
            Exception: one of :data:`HTTPCORE_ERRORS`.
        """
        sized = {**headers, "content-length": str(len(body))}
        request = httpcore.Request(
            method,
            url,
            headers=[(name.encode(), value.encode()) for name, value in sized.items()],
            content=body,
            extensions={"timeout": {"pool": connect, "connect": connect, "read": read, "write": read}},
        )
        with time_limit(connect + read), closing(self._pool.handle_request(request)) as response:
            content = response.read()
        return response.status, {name.decode().lower(): value.decode() for name, value in response.headers}, content

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors(self._request):
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class _DeadlineBackend(httpcore.SyncBackend):
    """A backend whose connections limit every operation by the deadline."""

    def __init__(self, resolve: ResolveHost) -> None:
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the host's addresses one after the other. httpcore would apply the whole limit to each address."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._resolve(host, port):
            try:
                limit = _bounded(timeout, httpcore.ConnectTimeout)
                return _DeadlineStream(super().connect_tcp(address, port, limit, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._used_at = time.time()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content = self._stream.read(max_bytes, _bounded(timeout, httpcore.ReadTimeout))
        self._used_at = time.time()
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send the whole buffer. httpcore would apply the whole limit to each part that the server accepts."""
        connection: socket.socket = self._stream.get_extra_info("socket")
        try:
            while buffer:
                connection.settimeout(_bounded(timeout, httpcore.WriteTimeout))
                buffer = buffer[connection.send(buffer) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _bounded(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, limit))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Return a property of the connection.

        Before the pool uses an idle connection, it asks whether the connection is readable, which means that the server
        has closed it. A connection that was idle for too long is reported as readable, so that the pool closes it.
        """
        if info == "is_readable" and not 0 <= time.time() - self._used_at <= KEEPALIVE_SECONDS:
            return True
        return self._stream.get_extra_info(info)


def tls_context() -> ssl.SSLContext:
    """Return the TLS context of all connections. It trusts what the environment names, or else the layer's authorities.

    ``SSL_CERT_FILE`` and ``AWS_CA_BUNDLE`` are files of certificates, and ``SSL_CERT_DIR`` is a folder in the form of
    OpenSSL. If several are set, all are trusted.
    """
    names = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "SSL_CERT_DIR")
    return _tls_context(*(os.environ.get(name) or None for name in names))


@lru_cache(maxsize=8)
def _tls_context(file: str | None, bundle: str | None, folder: str | None) -> ssl.SSLContext:
    if not (file or bundle or folder):
        # OpenSSL reads a certificate from the folder when a server needs it. To parse a bundle takes 15 ms.
        if CERTIFICATES.is_dir():
            return ssl.create_default_context(capath=CERTIFICATES)
        import certifi

        file = certifi.where()
    context = ssl.create_default_context(cafile=file or bundle, capath=folder)
    if bundle and file not in {None, bundle}:
        context.load_verify_locations(bundle)
    return context


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses of a host as the operating system resolves its name.

    Raises:
        httpcore.ConnectError: the host has no address now.
    """
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in infos]


def _limits(request: httpx.Request) -> dict[str, float | None]:
    """Return httpx's limits for a request.

    Raises:
        httpcore.PoolTimeout: no time is left. Nothing was sent.
    """
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    return limits | {"pool": _bounded(limits.get("pool"), httpcore.PoolTimeout)}


def _bounded(timeout: float | None, expired: type[httpcore.TimeoutException]) -> float | None:
    """Return the smaller of httpx's own limit and the remaining time.

    Raises:
        httpcore.TimeoutException: no time is left.
    """
    left = remaining(default=float("inf"))
    if left <= 0.0:
        raise expired("the time limit of the whole call is over")
    limit = min(left, float("inf") if timeout is None else timeout)
    return None if limit == float("inf") else limit


@contextmanager
def _httpx_errors(request: httpx.Request) -> Iterator[None]:
    """Convert httpcore's errors to httpx's errors of the same name, as httpx's own transport does."""
    try:
        yield
    except HTTPCORE_ERRORS as error:
        translated: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise translated(str(error), request=request) from error
