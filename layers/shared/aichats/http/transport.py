"""An httpx transport whose time limit holds for a whole call.

httpx limits each read and each write by itself, so a server that sends a byte now and then holds a call for ever.
Here every network operation gets what is left of :mod:`aichats.http.deadline`, so the call ends on time whatever the
server does: while connecting, in the TLS handshake, in the headers, in the body. Only the system's resolver of names
has limits of its own.

Lambda freezes the process between invocations. A server that hangs up meanwhile is not noticed, and the first request
after the thaw would be lost, with an unknown outcome if it is a POST. So a connection that was idle for a while by wall
clock is not used again.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from aichats.http.deadline import remaining

MAX_CONNECTIONS = 50
KEEPALIVE_SECONDS = 30.0
"""A connection that was idle for longer is not used again."""

_HTTPCORE_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


class DeadlineTransport(httpx.BaseTransport):
    """One connection pool for a container. Safe to share between threads and clients."""

    def __init__(self) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=None,  # Would be measured by the monotonic clock. The stream knows its age by wall clock.
            network_backend=_DeadlineBackend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.TransportError: the very subclasses that httpx's own transport raises.
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
    """Makes connections whose every operation is bounded by the deadline."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the host's addresses in turn. httpcore's own way gives the whole limit to each of them."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _addresses(host, port):
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
        """Send all. httpcore's own way gives the whole limit to each piece that the server takes."""
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
        """Return what is known of the connection.

        Before the pool uses an idle connection it asks whether it is readable, which an idle one is only once the
        server has hung up. One that was idle for too long is reported as such, so the pool closes it.
        """
        if info == "is_readable" and not 0 <= time.time() - self._used_at <= KEEPALIVE_SECONDS:
            return True
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(str(error)) from error
    return [str(address[0]) for *_, address in found]


def _limits(request: httpx.Request) -> dict[str, float | None]:
    """Httpx's limits of a request; when nothing is left, this raises before anything is sent."""
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    return limits | {"pool": _bounded(limits.get("pool"), httpcore.PoolTimeout)}


def _bounded(timeout: float | None, expired: type[httpcore.TimeoutException]) -> float | None:
    """The smaller of httpx's own limit and what is left.

    Raises:
        httpcore.TimeoutException: nothing is left.
    """
    left = remaining(default=float("inf"))
    if left <= 0.0:
        raise expired("the time limit of the whole call is over")
    limit = min(left, float("inf") if timeout is None else timeout)
    return None if limit == float("inf") else limit


@contextmanager
def _httpx_errors(request: httpx.Request) -> Iterator[None]:
    """Raise httpcore's errors as httpx's of the same name, as httpx's own transport does."""
    try:
        yield
    except _HTTPCORE_ERRORS as error:
        translated: type[httpx.TransportError] = getattr(httpx, type(error).__name__)
        raise translated(str(error), request=request) from error
