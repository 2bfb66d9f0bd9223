"""Abort connections: the client gets no response, not even a broken one."""

import asyncio
from typing import cast, override

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

ABORT = "abort"


class AbortableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, with a function to abort the connection in ``scope["state"]``."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the function that aborts the new connection."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.app_state = {**self.app_state, ABORT: self.transport.abort}


class ConnectionCut(Response):
    """A response that aborts the connection.

    Raises:
        ConnectionResetError: there is no connection, because a client in this process calls the application directly.
    """

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        abort = scope.get("state", {}).get(ABORT)
        if abort is None:
            raise ConnectionResetError("the mock server aborted the connection")
        abort()
        # uvicorn reports an application that ends without a response, unless it has seen the connection close.
        while (await receive())["type"] != "http.disconnect":
            continue
