"""A small HTTP server on loopback, with a thread for each connection."""

import sys
from abc import abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self


class Server(ThreadingHTTPServer):
    """A server that listens on a free port in its ``with`` block."""

    def __init__(self, handler: type["Handler"]) -> None:
        super().__init__(("127.0.0.1", 0), handler)

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of connections that an ended function left open."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """A handler that keeps connections open and logs nothing, because logging costs time."""

    protocol_version = "HTTP/1.1"
    # One write for headers and body. Otherwise the second would wait for the acknowledgment of the first.
    wbufsize = -1

    def handle_one_request(self) -> None:
        """Read a request, whatever its method, and respond."""
        self.raw_requestline = self.rfile.readline(65537)
        self.close_connection = not self.raw_requestline
        if self.raw_requestline and self.parse_request():
            self.respond()
            self.wfile.flush()

    @abstractmethod
    def respond(self) -> None:
        """Answer the request."""

    def body(self) -> bytes:
        """Return the request's body; empty if the request has none.

        Raises:
            ConnectionResetError: the client ended before it sent the whole body.
        """
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError(f"the client sent {len(body)} of {length} bytes")
        return body

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        """Write a response. It is sent when ``respond`` returns."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
