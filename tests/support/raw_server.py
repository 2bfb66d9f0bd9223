"""A server of raw bytes on a free port, with the faults that a test needs."""

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.fakes import ai_chat
from tests.support.waiting import PATIENCE

type Behavior = Callable[["Connection"], None]

DRIP_SECONDS = 0.05


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
        """Return received bytes; none when the client has hung up or the test is over."""
        while not self.server.stopped.is_set():
            with suppress(TimeoutError):
                return self.socket.recv(65536)
        return b""

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self, body: bytes = json.dumps(ai_chat()).encode()) -> None:
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def drip(self, content: bytes) -> None:
        """Send the same few bytes again and again until the test ends."""
        while not self.server.stopped.wait(DRIP_SECONDS):
            self.send(content)

    def wait(self) -> None:
        """Do nothing until the test ends."""
        self.server.stopped.wait()


class RawServer:
    """Gives each connection to ``behavior`` in a thread of its own.

    Attributes:
        requests: the first line of each request, in order.
        heads: the first line and the headers of each request, in lower case.
        connections: the number of connections so far.
        closed: a semaphore, released once for each connection that the server closed.
        stopped: set at the end of the test, or when the test takes too long.
    """

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None) -> None:
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
        self._limit = threading.Timer(PATIENCE, self.stopped.set)
        self._threads = [self._limit, threading.Thread(target=self._accept)]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    @property
    def base_url(self) -> str:
        return f"{'https://localhost' if self._tls else 'http://127.0.0.1'}:{self.port}"

    def stop(self) -> None:
        self._limit.cancel()
        self.stopped.set()
        # A connection wakes up the thread that accepts; closing the listener alone does not.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection of the server did not end"

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
        # In many tests the client hangs up in the middle.
        with suppress(OSError), connected, self._secured(connected) as secured:
            secured.settimeout(0.1)
            self._behavior(Connection(self, secured, number))
        self.closed.release()

    def _secured(self, connected: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connected, server_side=True) if self._tls else connected


@contextmanager
def serving(behavior: Behavior, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Run a server for the ``with`` block."""
    server = RawServer(behavior, tls)
    try:
        yield server
    finally:
        server.stop()


def make_certificate(folder: Path, host: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """Return the file of a self-signed certificate for a host, and the TLS context of a server that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    return certificate_file, context
