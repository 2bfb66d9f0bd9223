"""The server that receives the result of a login: Whop redirects the browser to it, on this machine (RFC 8252)."""

from __future__ import annotations

import errno
import socket
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from copy import replace
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, override
from urllib.parse import parse_qs, urlsplit

from aichats_cli.admin.oauth_login.pages import FAILED, HEADERS, NOT_FOUND, NOT_OURS, USED, Page
from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/callback"
ADDRESSES = ("127.0.0.1", "::1")
"""Addresses of `localhost`. A browser may use either one, so no other program may listen at the second one."""
IDLE_SECONDS = 10.0
"""Seconds until the server closes a connection without a request: browsers open some in advance."""
MAX_CONNECTIONS = 32
"""The largest number of open connections to one address. A browser opens about six."""
SEND_SECONDS = 5.0
"""The longest wait until a page is sent."""
WORK_SECONDS = 600.0
"""The longest wait of the browser for its page: more than the work after a redirect takes."""


@dataclass(frozen=True)
class Redirect:
    """The browser's request for the callback. The browser waits until :meth:`answer` is called."""

    target: str = field(repr=False)
    """The path and the query, which contains the code."""
    _page: Future[Page] = field(default_factory=Future, repr=False)
    _sent: threading.Event = field(default_factory=threading.Event, repr=False)

    def answer(self, page: Page) -> None:
        """Show this page in the browser, and wait until it is sent. A second call does nothing."""
        if not self._page.done():
            self._page.set_result(page)
            self._sent.wait(SEND_SECONDS)

    def page(self) -> Page:
        """Wait for the page, and return it. Called by the server's thread."""
        try:
            return self._page.result(WORK_SECONDS)
        except TimeoutError:
            return FAILED

    def sent(self) -> None:
        """Note that the page is sent, or that the browser has hung up."""
        self._sent.set()


class Callback:
    """The place where the redirect arrives. Only the first request with the ``state`` of this login is a redirect.

    So neither the page of an older login nor a request from another website ends this login.
    """

    def __init__(self, state: str) -> None:
        self._state = state
        self._redirects: SimpleQueue[Redirect] = SimpleQueue()
        self._lock = threading.Lock()
        self._redirect: Redirect | None = None

    def wait(self, seconds: float) -> Redirect | None:
        """Return the redirect, or ``None`` if it doesn't arrive within this time."""
        try:
            return self._redirects.get(timeout=seconds)
        except Empty:
            return None

    def close(self) -> None:
        """Let a browser that still waits see that the login failed."""
        if self._redirect is not None:
            self._redirect.answer(FAILED)

    def take(self, target: str) -> Redirect | Page:
        """Return the redirect in a request, or the page that answers any other request."""
        url = urlsplit(target)
        if url.path != PATH:
            return NOT_FOUND
        if parse_qs(url.query).get("state") != [self._state]:
            return NOT_OURS
        with self._lock:
            if self._redirect is not None:
                return USED
            self._redirect = Redirect(target)
        self._redirects.put(self._redirect)
        return self._redirect


@contextmanager
def listening(port: int, state: str) -> Iterator[Callback]:
    """Serve the callback of the login with this ``state`` at this port of `localhost` for the ``with`` block.

    Raises:
        CommandError: the port is in use.
    """
    callback = Callback(state)
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened) for opened in _sockets(port)]
        for opened in sockets:
            stack.enter_context(_serving(opened, callback))
        stack.callback(callback.close)
        yield callback


def _sockets(port: int) -> list[socket.socket]:
    """Return a socket for each address of `localhost` that this machine has."""
    opened: list[socket.socket] = []
    for address in ADDRESSES:
        try:
            opened.append(_listen(address, port))
        except CommandError as error:
            cause = error.__cause__
            missing = isinstance(cause, OSError) and cause.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
            if not (opened and missing):
                for each in opened:
                    each.close()
                raise
    return opened


def _listen(address: str, port: int) -> socket.socket:
    """Return a socket that accepts connections at this address.

    Raises:
        CommandError: the address can't be used, most often because the port is in use.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = "stop its program, or choose another port: --port 8914"
            raise CommandError(f"port {port} is in use", hint) from error
        raise CommandError(f"can't listen on {address}:{port}: {error}") from error


@contextmanager
def _serving(opened: socket.socket, callback: Callback) -> Iterator[None]:
    """Serve one address in a thread for the ``with`` block."""
    server = _Server(opened, callback)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class _Server(ThreadingHTTPServer):
    """A server on a socket that listens already."""

    daemon_threads = True

    def __init__(self, opened: socket.socket, callback: Callback) -> None:
        super().__init__(opened.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = opened
        self.callback = callback
        self._open: deque[socket.socket] = deque()
        self._lock = threading.Lock()

    def admit(self, connection: socket.socket) -> None:
        """Cut the oldest connection if there are too many, so that a flood of them doesn't keep the redirect out."""
        with self._lock:
            self._open.append(connection)
            oldest = self._open.popleft() if len(self._open) > MAX_CONNECTIONS else None
        if oldest is not None:
            with suppress(OSError):  # its thread has closed it
                oldest.shutdown(socket.SHUT_RDWR)

    def keep(self, connection: socket.socket) -> None:
        """Never cut this connection."""
        with self._lock, suppress(ValueError):  # it was cut or kept before
            self._open.remove(connection)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a connection that the browser cut."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, and logs nothing: the first line of the request contains the code."""

    server: _Server
    timeout = IDLE_SECONDS
    server_version, sys_version = "aichats", ""

    @override
    def setup(self) -> None:
        super().setup()
        self.server.admit(self.connection)

    @override
    def finish(self) -> None:
        self.server.keep(self.connection)
        super().finish()

    def do_GET(self) -> None:
        taken = self.server.callback.take(self.path)
        if isinstance(taken, Page):
            self._send(taken)
            return
        self.server.keep(self.connection)
        try:
            self._send(taken.page())
        finally:
            taken.sent()

    @override
    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that this server doesn't understand, without repeating any of it."""
        self._send(replace(NOT_FOUND, status=code))

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _send(self, page: Page) -> None:
        with suppress(OSError):  # the browser has hung up
            self.send_response(page.status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)
