"""Cutting a connection for real: the client gets no answer, not even a broken one."""

import asyncio
from typing import cast, override

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

ABORT = "abort"


class AbortableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 that tells the application, in ``scope["state"]``, how to abort its connection."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to abort the new connection."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.app_state = {**self.app_state, ABORT: self.transport.abort}


class ConnectionCut(Response):
    """In place of an answer: aborts the connection.

    Raises:
        ConnectionResetError: there is no connection, because a client in this process calls the application directly.
    """

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort = scope.get("state", {}).get(ABORT)
        if abort is None:
            raise ConnectionResetError("the stand-in cut the connection")
        abort()
        # uvicorn complains about an application that ends without an answer, unless it has seen the connection go.
        while (await receive())["type"] != "http.disconnect":
            continue
