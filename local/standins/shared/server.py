"""A uvicorn server that ends immediately and can abort connections."""

import asyncio
import contextlib
import signal
import socket

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from local.standins.shared.connection import AbortableProtocol

KEEP_ALIVE_SECONDS = 75
"""Seconds to keep idle connections: longer than clients do, so that only faults close connections."""


class Server(uvicorn.Server):
    """A server for one application. ``run(sockets=[listen(…)])`` returns when ``should_exit`` is set."""

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
        """Abort all connections and calls, and end."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


def ending_quietly(app: ASGIApp) -> ASGIApp:
    """Return the application so that a cancellation is no error, for which uvicorn would log a traceback."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return application


def end_on_signals(server: Server) -> None:
    """Let SIGINT and SIGTERM end the server, even if the parent process ignores them.

    uvicorn handles both while it runs, and afterwards sends them again to the earlier handlers. Without this function,
    those would end the process with an exit code other than 0.
    """

    def stop(_signal: int, _frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
