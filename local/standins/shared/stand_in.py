"""The server around a provider: receives the requests, keeps the log, and performs the faults."""

import asyncio
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from local.standins.shared.clock import Clock, iso
from local.standins.shared.connection import ConnectionCut
from local.standins.shared.exchange import Call, Elsewhere, Later, Provider, Reply, attempt, credential_hash
from local.standins.shared.faults import ArmedFaults, Fault

REQUESTS_KEPT = 100_000

type Begin = Callable[[], Reply | Later | Elsewhere]


class Memory[P: Provider]:
    """The data that a reset deletes."""

    def __init__(self, provider: P) -> None:
        self.provider = provider
        self.faults = ArmedFaults()
        self.requests: deque[dict[str, Any]] = deque(maxlen=REQUESTS_KEPT)


class StandIn[P: Provider]:
    """One running mock server."""

    def __init__(self, make_provider: Callable[[], P], clock: Clock) -> None:
        self._make_provider = make_provider
        self.clock = clock
        self._late: set[asyncio.Task[None]] = set()
        self.memory = Memory(make_provider())

    def reset(self) -> None:
        """Delete all data, and set the clock right. Calls in progress change only the old memory."""
        self.memory = Memory(self._make_provider())
        self.clock.ahead = 0.0

    def state(self) -> dict[str, Any]:
        """Return all data of the mock server, and the requests that it received."""
        return {**self.memory.provider.state(), "clock_ahead": self.clock.ahead, "requests": list(self.memory.requests)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Load the data that :meth:`state` of an earlier mock server returned, but not its requests.

        Raises:
            LookupError, TypeError, ValueError: the data isn't as it was returned.
        """
        self.memory.provider.load(state)
        self.clock.advance(float(state.get("clock_ahead", 0)))

    def endpoint(self, operation: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the Starlette endpoint for one operation."""

        async def endpoint(request: Request) -> Response:
            memory = self.memory
            try:
                call = await read(request, operation, memory.provider.credential_header)
            except ClientDisconnect:
                return ConnectionCut()
            fault = memory.faults.take(call.method, call.path)
            record = self._record(call, fault, memory.provider.logged_body(call))
            memory.requests.append(record)
            reply = await self._answer(memory.provider, call, fault)
            if reply is None:
                return ConnectionCut()
            record["status"] = reply.status
            common = memory.provider.headers(call)
            headers = {**common, **reply.headers, "x-request-id": record["request_id"]}
            return Response(reply.body, reply.status, headers, reply.media_type)

        return endpoint

    async def _answer(self, provider: Provider, call: Call, fault: Fault | None) -> Reply | None:
        """Return the response, or None to abort the connection."""
        match fault:
            case Fault(name="status", number=status):
                await self._wait(provider.mode.latency)
                return provider.refusal(call, int(status))
            case Fault(name="drop_before"):
                return None
            case Fault(name="late", number=seconds):
                self._do_later(seconds, admit(provider, call))
                return None
        begin = admit(provider, call)
        await self._wait(provider.mode.latency)
        return await self._answer_done(provider, call, await self._do(begin), fault)

    async def _do(self, begin: Begin) -> Reply:
        """Perform a call to its end."""
        outcome = begin()
        if isinstance(outcome, Later):
            await self._wait(outcome.seconds)
            return outcome.finish()
        return await asyncio.to_thread(outcome.finish) if isinstance(outcome, Elsewhere) else outcome

    async def _answer_done(self, provider: Provider, call: Call, reply: Reply, fault: Fault | None) -> Reply | None:
        """Return the response of a performed call, or None to abort the connection."""
        match fault:
            case Fault(name="drop_after"):
                return None
            case Fault(name="error_after"):
                return provider.refusal(call, 500)
            case Fault(name="malformed"):
                return malformed(reply)
            case Fault(name="delay", number=seconds):
                await self._wait(seconds)
        return reply

    def _do_later(self, seconds: float, begin: Begin) -> None:
        async def wait_and_do() -> None:
            await self._wait(seconds)
            await self._do(begin)

        task = asyncio.create_task(wait_and_do())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _wait(self, seconds: float) -> None:
        if seconds:
            await self.clock.sleep(seconds)

    def _record(self, call: Call, fault: Fault | None, body: str) -> dict[str, Any]:
        """Return an entry of the request log. Its status stays None if the connection is aborted."""
        return {
            "at": iso(self.clock.now()),
            "request_id": f"req_{uuid.uuid4().hex}",
            "operation": call.operation,
            "method": call.method,
            "path": call.path,
            "query": call.query,
            "idempotency_key": call.headers.get("idempotency-key"),
            "api_version": call.headers.get("api-version-date"),
            "credential": call.credential,
            "body": body,
            "fault": fault.fault if fault else None,
            "status": None,
        }


def admit(provider: Provider, call: Call) -> Begin:
    """Return the function that performs a call, or that returns the response of a rejected one."""
    admitted = attempt(partial(provider.admit, call))
    return (lambda: admitted) if isinstance(admitted, Reply) else partial(attempt, admitted)


def malformed(reply: Reply) -> Reply:
    """Return a response that isn't JSON, with the status of ``reply`` or, for 204, with 200."""
    status = HTTPStatus.OK if reply.status == HTTPStatus.NO_CONTENT else reply.status
    return Reply(status, b"<html><body>This is not JSON.</body></html>", "text/html")


async def read(request: Request, operation: str, credential_header: str) -> Call:
    """Return the complete request."""
    return Call(
        operation=operation,
        method=request.method,
        path=request.scope["path"],
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers,
        body=await request.body(),
        path_parameters=request.path_params,
        credential=credential_hash(request.headers.get(credential_header)),
    )
