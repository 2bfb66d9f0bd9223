"""Receivers on loopback that misbehave, each in a way of its own."""

import socket
import socketserver
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from types import MappingProxyType
from typing import Any, Self

from benchmarks.upstream import write_certificate

PART = b"x" * 65536
DRIP_SECONDS = 0.2
MOVED_HOST = "moved.receiver.example"
"""The name whose address is a private one by now."""


class Connection:
    """One connection, from the receiver's side."""

    def __init__(self, connected: socket.socket, stopped: Event) -> None:
        self._socket = connected
        self._stopped = stopped

    def read_request(self) -> None:
        """Read the head of a request, and as much of the body as came with it."""
        received = b""
        while b"\r\n\r\n" not in received and (part := self._receive()):
            received += part

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(content)

    def drip(self, content: bytes) -> None:
        """Send the bytes again and again, slowly, until the end of the measurement."""
        while not self._stopped.wait(DRIP_SECONDS):
            self.send(content)

    def flood(self, content: bytes) -> None:
        """Send the bytes again and again, as fast as possible, until the end of the measurement."""
        while not self._stopped.is_set():
            self.send(content)

    def wait(self) -> None:
        """Do nothing until the end of the measurement, or until the client hangs up."""
        while self._receive():
            pass

    def _receive(self) -> bytes:
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                return self._socket.recv(65536)
        return b""


type Behavior = Callable[[Connection], None]


class Misbehaving(socketserver.ThreadingTCPServer):
    """A receiver on a free port in its ``with`` block.

    Args:
        behavior: called with each connection.
        tls: the TLS context of a receiver that uses TLS.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.port: int = self.server_address[1]
        self.connections = 0
        """The number of connections until now."""
        self._behavior = behavior
        self._tls = tls
        self._stopped = Event()
        self._counting = Lock()

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, _client_address: object) -> None:
        """Behave. The client may hang up at any time."""
        with self._counting:
            self.connections += 1
        with suppress(OSError):
            secured = self._tls.wrap_socket(request, server_side=True) if self._tls else request
            secured.settimeout(0.1)
            self._behavior(Connection(secured, self._stopped))


def hang(connection: Connection) -> None:
    """Read the request and never answer."""
    connection.read_request()
    connection.wait()


def fail(connection: Connection) -> None:
    """Answer with an error."""
    connection.read_request()
    connection.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")


def drip(connection: Connection) -> None:
    """Send the head of an answer slowly and without an end."""
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nx-padding: ")
    connection.drip(b"x")


def flood(connection: Connection) -> None:
    """Answer with an error and a body of a terabyte."""
    connection.read_request()
    connection.send(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 1000000000000\r\n\r\n")
    connection.flood(PART)


def ramble(connection: Connection) -> None:
    """Answer with garbage instead of HTTP."""
    connection.read_request()
    connection.send(b"\x00\xff garbage \r\n\r\n" * 10)


def close(_connection: Connection) -> None:
    """Close the connection at once."""


def ask_for_an_hour(connection: Connection) -> None:
    """Ask for a retry after an hour."""
    connection.read_request()
    connection.send(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n")


def never_finish(connection: Connection) -> None:
    """Answer with a success that has no body, and send a body without an end."""
    connection.read_request()
    connection.send(b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n")
    connection.flood(b"10000\r\n" + PART + b"\r\n")


BEHAVIORS: Mapping[str, Behavior] = MappingProxyType(
    {
        "hangs": hang,
        "error-500": fail,
        "slow-drip": drip,
        "huge-answer": flood,
        "garbage": ramble,
        "closes-at-once": close,
        "retry-after-an-hour": ask_for_an_hour,
        "endless-204": never_finish,
    }
)
"""The receivers at plain URLs. :func:`misbehaving` adds those that need more."""


class Receivers:
    """The receivers that run.

    Attributes:
        urls: the URL of each receiver by its name.
        untouchable: receivers to which no connection must be made: the target of a redirect, and a private address.
    """

    def __init__(self, urls: Mapping[str, str], untouchable: Mapping[str, Misbehaving]) -> None:
        self.urls = urls
        self.untouchable = untouchable


@contextmanager
def misbehaving() -> Iterator[Receivers]:
    """Run twelve receivers for the ``with`` block."""
    with ExitStack() as running:
        ports = {name: running.enter_context(Misbehaving(each)).port for name, each in BEHAVIORS.items()}
        redirected = running.enter_context(Misbehaving(fail))
        private = running.enter_context(Misbehaving(fail))
        redirecting = running.enter_context(Misbehaving(redirect_to(f"http://127.0.0.1:{redirected.port}/")))
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        untrusted = running.enter_context(Misbehaving(fail, self_signed(folder)))
        urls = {name: f"http://127.0.0.1:{port}/" for name, port in ports.items()}
        urls |= {
            "redirect": f"http://127.0.0.1:{redirecting.port}/",
            "closed-port": f"http://127.0.0.1:{closed_port(running)}/",
            "bad-tls": f"https://127.0.0.1:{untrusted.port}/",
            "private-address": f"https://{MOVED_HOST}:{private.port}/",
        }
        yield Receivers(urls, {"redirect": redirected, "private-address": private})


def redirect_to(url: str) -> Behavior:
    """Return a behavior that redirects to a URL."""

    def redirect(connection: Connection) -> None:
        connection.read_request()
        connection.send(f"HTTP/1.1 307 Temporary Redirect\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n".encode())

    return redirect


def closed_port(running: ExitStack) -> int:
    """Return a port that rejects connections, because its socket is bound but does not listen."""
    bound = running.enter_context(socket.socket())
    bound.bind(("127.0.0.1", 0))
    port: int = bound.getsockname()[1]
    return port


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return the TLS context of a server with a certificate that no client trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder))
    return context
