"""Receivers on loopback that misbehave, each in a way of its own."""

import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from ssl import SSLContext
from types import MappingProxyType

from benchmarks.certificates import make_certificate
from benchmarks.raw_server import Behavior, Connection, RawServer, serving

PART = b"x" * 65536
LIMIT = 600.0
"""Seconds; longer than a measurement."""
MOVED_HOST = "moved.receiver.example"
"""The name whose address is a private one by now."""


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

    def __init__(self, urls: Mapping[str, str], untouchable: Mapping[str, RawServer]) -> None:
        self.urls = urls
        self.untouchable = untouchable


@contextmanager
def misbehaving() -> Iterator[Receivers]:
    """Run twelve receivers for the ``with`` block."""
    with ExitStack() as running:

        def run(behavior: Behavior, tls: SSLContext | None = None) -> RawServer:
            return running.enter_context(serving(behavior, tls, LIMIT))

        ports = {name: run(each).port for name, each in BEHAVIORS.items()}
        redirected, private = run(fail), run(fail)
        redirecting = run(redirect_to(f"{redirected.base_url}/"))
        _, untrusted = make_certificate(Path(running.enter_context(tempfile.TemporaryDirectory())), "127.0.0.1")
        urls = {name: f"http://127.0.0.1:{port}/" for name, port in ports.items()}
        urls |= {
            "redirect": f"{redirecting.base_url}/",
            "closed-port": f"http://127.0.0.1:{closed_port(running)}/",
            "bad-tls": f"https://127.0.0.1:{run(fail, untrusted).port}/",
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
