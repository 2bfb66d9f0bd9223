"""Serve a deployed HTTP API on a port of 127.0.0.1, as API Gateway serves it on AWS.

This module invokes the functions, because the emulator's own HTTP API lacks the routes, the cookies and the time limit.
It doesn't implement API Gateway's throttling, CORS, access logs and authorizers.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as Received
from starlette.responses import Response

from local.cloud.functions import Answer, FunctionFailedError
from local.cloud.http_event import Reply, Request, event_of, reply_of
from local.cloud.local_pages import is_local
from local.ports import listen
from local.standins.shared.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Receive, Scope, Send

    from local.cloud.http_api import HttpApi
    from local.cloud.local_pages import LocalPages

    type Invoke = Callable[[str, dict[str, Any]], Answer]
    """Invokes the function of this name with this event."""

TIME_LIMIT = 30.0
"""Seconds after which API Gateway stops waiting for the function."""
BODY_LIMIT = 10 * 1024 * 1024


class HttpFront:
    """The ASGI application in front of an HTTP API. ``log`` is called with a line for each call."""

    pages: LocalPages | None = None
    """Answers below ``/_local``; ``None`` during the start."""

    def __init__(
        self, api: HttpApi, invoke: Invoke, *, time_limit: float = TIME_LIMIT, log: Callable[[str], None] | None = None
    ) -> None:
        self._api = api
        self._invoke = invoke
        self._log = log
        self._time_limit = time_limit
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="http-front")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, unless the client disconnects before the request is complete."""
        with contextlib.suppress(ClientDisconnect):
            await self._respond(Received(scope, receive), send)

    async def _respond(self, received: Received, send: Send) -> None:
        request = Request(
            method=received.method,
            target=received.scope["raw_path"].decode("latin-1"),
            query=received.scope["query_string"].decode("latin-1"),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in received.headers.raw],
            body=await received.body(),
            client=received.client.host if received.client else "",
        )
        if not is_local(request.path):
            reply = await self._logged_answer(request)
        elif self.pages:
            reply = await asyncio.to_thread(self.pages.answer, request)
        else:
            reply = Reply.message(503, "the local stack is starting")
        response = Response(reply.body, reply.status)
        for name, value in reply.headers:
            if name != "content-length":
                response.headers.append(name, value)
        await response(received.scope, received.receive, send)

    async def _logged_answer(self, request: Request) -> Reply:
        reply = await self.answer(request)
        if self._log:
            request_id = f" request_id={reply.request_id}" if reply.request_id else ""
            self._log(f"{request.method} {request.path} {reply.status}{request_id}")
        return reply

    async def answer(self, request: Request) -> Reply:
        """Return the response that API Gateway would send."""
        found = self._api.route(request.method, request.path)
        if found is None:
            return Reply.message(404, "Not Found")
        if len(request.body) > BODY_LIMIT:
            return Reply.message(413, "Request Entity Too Large")
        route, parameters = found
        event = event_of(request, self._api.api_id, route, parameters)
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._invoke, route.function, event)
        try:
            answer = await asyncio.wait_for(running, self._time_limit)
        except TimeoutError:
            return Reply.message(503, "Service Unavailable")
        except FunctionFailedError as error:
            return Reply.message(500, "Internal Server Error", error.request_id)
        try:
            return reply_of(answer.value, answer.request_id)
        except ValueError:
            return Reply.message(500, "Internal Server Error", answer.request_id)


@contextmanager
def serving(app: HttpFront, *, port: int = 0) -> Iterator[str]:
    """Serve for the ``with`` block and yield the base URL. Port 0 means any free port.

    Raises:
        LocalError: the port is in use.
    """
    listener = listen("127.0.0.1", port)
    server = Server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http-front", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
