"""A server of raw bytes on a free port, which can misbehave as benchmarks and tests need."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

type Behavior = Callable[["Connection"], None]

DRIP_SECONDS = 0.05
LIMIT = 180.0
"""Seconds after which connections end even if the client waits for ever."""
STOP_LIMIT = 180.0
"""Seconds for which the end of the server waits for its connections."""


class Connection:
    """One connection, from the server's side."""

    def __init__(self, server: "RawServer", connected: socket.socket, number: int) -> None:
        self.server = server
        self.socket = connected
        self.number = number

    def read_request(self) -> bool:
        """Read one request with its body, and count it. Return ``False`` if no whole request comes."""
        return self.read_body() is not None

    def read_body(self) -> bytes | None:
        """Read one request, and count it. Return its body; ``None`` if no whole request comes."""
        received = b""
        while b"\r\n\r\n" not in received:
            if not (part := self.receive()):
                return None
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            if not (part := self.receive()):
                return None
            body += part
        self.server.requests.append(head.split(b"\r\n")[0].decode())
        self.server.heads.append(head.decode().lower())
        return body

    def receive(self) -> bytes:
        """Return received bytes; none when the client has hung up or the server stops."""
        while not self.server.stopped.is_set():
            with suppress(TimeoutError):
                return self.socket.recv(65536)
        return b""

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(content)

    def answer(self, body: bytes) -> None:
        """Send a success with a body."""
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def drip(self, content: bytes) -> None:
        """Send the same few bytes again and again, slowly, until the server stops."""
        while not self.server.stopped.wait(DRIP_SECONDS):
            self.send(content)

    def flood(self, content: bytes) -> None:
        """Send the same bytes again and again, as fast as possible, until the server stops."""
        while not self.server.stopped.is_set():
            self.send(content)

    def wait(self) -> None:
        """Do nothing until the server stops."""
        self.server.stopped.wait()


class RawServer:
    """Gives each connection to ``behavior`` in a thread of its own.

    Attributes:
        requests: the first line of each request, in order.
        heads: the first line and the headers of each request, in lower case.
        connections: the number of connections so far.
        closed: a semaphore, released once for each connection that the server closed.
        stopped: set at the end of the ``with`` block, or after ``limit`` seconds.
    """

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None, limit: float) -> None:
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.connections = 0
        self.closed = threading.Semaphore(0)
        self.stopped = threading.Event()
        self._behavior = behavior
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        # If the client waits for ever, the connections end, so that the test fails.
        self._limit = threading.Timer(limit, self.stopped.set)
        self._threads = [self._limit, threading.Thread(target=self._accept)]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    @property
    def base_url(self) -> str:
        """The URL of the server, without a slash at its end."""
        return f"{'https://localhost' if self._tls else 'http://127.0.0.1'}:{self.port}"

    def stop(self) -> None:
        """End all connections.

        Raises:
            TimeoutError: a behavior did not end.
        """
        self._limit.cancel()
        self.stopped.set()
        # A connection wakes up the thread that accepts; closing the listener alone does not.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(STOP_LIMIT)
            if thread.is_alive():
                raise TimeoutError("a connection of the server did not end")

    def _accept(self) -> None:
        while True:
            connected, _ = self._listener.accept()
            if self.stopped.is_set():
                connected.close()
                self._listener.close()
                return
            self.connections += 1
            connected.settimeout(10)
            thread = threading.Thread(target=self._serve, args=(connected, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connected: socket.socket, number: int) -> None:
        # The client may hang up at any time.
        with suppress(OSError), connected, self._secured(connected) as secured:
            secured.settimeout(0.1)
            self._behavior(Connection(self, secured, number))
        self.closed.release()

    def _secured(self, connected: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connected, server_side=True) if self._tls else connected


@contextmanager
def serving(behavior: Behavior, tls: ssl.SSLContext | None = None, limit: float = LIMIT) -> Iterator[RawServer]:
    """Run a server for the ``with`` block.

    Args:
        behavior: called with each connection, in a thread of its own.
        tls: the TLS context of a server that uses TLS.
        limit: seconds after which the server ends its connections.
    """
    server = RawServer(behavior, tls, limit)
    try:
        yield server
    finally:
        server.stop()
