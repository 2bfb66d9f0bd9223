"""A reverse proxy on loopback for the calls of the functions, which may kill the calling process."""

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.chaotic.processes import kill_client
from benchmarks.loopback import Handler, Server

LIMIT = 60.0
"""Seconds after which a call counts as lost. No function waits longer."""
NOT_HANDED_ON = {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}


@dataclass(frozen=True)
class Call:
    """A call of a function."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Fate:
    """The fate of a call: the kill of its process before or after it, and the number of its deliveries."""

    kill: Literal["before", "after"] | None = None
    arrivals: int = 1


class Proxy(Server):
    """A proxy for ``upstream`` (``http://host:port``) in its ``with`` block. ``decide`` must be thread-safe."""

    request_queue_size = 128

    def __init__(self, upstream: str, decide: Callable[[Call], Fate]) -> None:
        super().__init__(_Calls)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.decide = decide
        self._upstream = upstream.removeprefix("http://")

    def forward(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        """Forward a call on a new connection. Return status, headers and content of the response.

        Raises:
            OSError: the connection was aborted.
            http.client.HTTPException: the connection was aborted within the response.
        """
        connection = http.client.HTTPConnection(self._upstream, timeout=LIMIT)
        try:
            connection.request(call.method, call.path, call.body, {**call.headers, "Connection": "close"})
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in NOT_HANDED_ON}
            return answer.status, headers, answer.read()
        finally:
            connection.close()


class _Calls(Handler):
    server: Proxy
    disable_nagle_algorithm = True

    def respond(self) -> None:
        """Forward the call as its fate says."""
        call = Call(self.command, self.path, dict(self.headers.items()), self.body())
        fate = self.server.decide(call)
        if fate.kill == "before":
            self._kill()
            return
        try:
            status, headers, content = self.server.forward(call)
            for _ in range(fate.arrivals - 1):
                self.server.forward(call)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        if fate.kill == "after":
            self._kill()
        else:
            self.answer(status, content, headers)

    def _kill(self) -> None:
        self.close_connection = True
        kill_client(self.client_address[1], self.server.server_port)
