"""uvicorn, made to end at once and to let connections be cut."""

import asyncio
import contextlib
import signal
import socket

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local.standins.shared.connection import AbortableProtocol

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections: a connection is to break when a fault says so, and at no other time."""


class Server(uvicorn.Server):
    """Serves one stand-in; ``run(sockets=[listen(…)])`` returns after a signal, or once ``should_exit`` is set."""

    def __init__(self, app: ASGIApp, *, access_log: bool = False) -> None:
        config = uvicorn.Config(
            ending_quietly(app),
            http=AbortableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=access_log,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut what is under way, and end: nobody waits for the answers of a stand-in that was told to stop."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


def ending_quietly(app: ASGIApp) -> ASGIApp:
    """The application, for which being cancelled is no error: uvicorn would log a traceback."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return application


def end_on_signals(server: Server) -> None:
    """Let SIGINT and SIGTERM end the server, even where the parent had them ignored.

    uvicorn handles both while it runs and sends them once more when it is done, to whoever handled them before:
    without this, that is what ends the process with another code than 0.
    """

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
