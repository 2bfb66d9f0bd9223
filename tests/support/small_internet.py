"""An internet with one public server, whose connections and names a test decides."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aichats.http.transport import addresses_of
from benchmarks.certificates import make_certificate
from benchmarks.raw_server import Connection, RawServer, serving

HOST = "files.example"
PUBLIC = "93.184.216.34"
"""The address of the only public server."""
_CONNECT = socket.create_connection
type Answer = bytes | Callable[[Connection], None]
"""The bytes of a response, or a function that sends them."""


class SmallInternet:
    """A public server with TLS, and a private one that nothing must reach.

    Attributes:
        answers: the answers of the public server, by path.
        names: the addresses of each name, one list for each look-up. The last list counts from then on. All other hosts
            are resolved as the operating system does, which uses no network for an IP address.
        looked_up: the hosts that were resolved.
        connected: the addresses and ports to which connections were made.
    """

    def __init__(self, answers: Mapping[str, Answer], public: RawServer, private: RawServer) -> None:
        self.answers = answers
        self.names: dict[str, list[list[str]]] = {HOST: [[PUBLIC]]}
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.public, self.private = public, private

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host."""
        self.looked_up.append(host)
        name = host.lower().rstrip(".")
        if name not in self.names:
            return addresses_of(host, port)
        lists = self.names[name]
        return lists.pop(0) if len(lists) > 1 else lists[0]

    def connect(self, address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        """Connect to the public server, or for any other address to the private one."""
        self.connected.append(address)
        server = self.public if address[0] == PUBLIC else self.private
        return _CONNECT(("127.0.0.1", server.port), *arguments, **options)


@contextmanager
def small_internet(
    answers: Mapping[str, Answer], folder: Path, monkeypatch: pytest.MonkeyPatch, *, certified_host: str = HOST
) -> Iterator[SmallInternet]:
    """Run the servers, which show a certificate that this process trusts, and let all connections go to them."""

    def answer(connection: Connection) -> None:
        while connection.read_request():
            path = connection.server.requests[-1].split()[1].partition("?")[0]
            reply = answers[path]
            if isinstance(reply, bytes):
                connection.send(reply)
            else:
                reply(connection)

    file, tls = make_certificate(folder, certified_host)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(answer, tls) as public, serving(answer, tls) as private:
        internet = SmallInternet(answers, public, private)
        monkeypatch.setattr(socket, "create_connection", internet.connect)
        try:
            yield internet
        finally:
            # The servers need it for their end.
            monkeypatch.setattr(socket, "create_connection", _CONNECT)


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of a response. ``headers`` have ``_`` for ``-``."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} .", f"content-length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body
