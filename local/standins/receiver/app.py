"""The mock receiver: takes deliveries, shows them on a page, and keeps them for the control API."""

import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.standins.receiver.mode import ReceiverMode
from local.standins.receiver.page import inbox_page
from local.standins.receiver.received import ID, Received
from local.standins.receiver.signature import key_of
from local.standins.shared.app import create_app as create_stand_in
from local.standins.shared.clock import Clock
from local.standins.shared.control import ControlError, answering_errors, explained
from local.standins.shared.exchange import Call, Operation, Reply
from local.standins.shared.stand_in import StandIn

DELIVERIES_KEPT = 1000
MAX_BODY_BYTES = 256 * 1024
"""The longest body that is accepted. A message of aichats' own queue isn't longer."""


class Secrets(BaseModel):
    """The secrets of the subscriptions whose signatures the receiver checks."""

    model_config = ConfigDict(extra="forbid", strict=True)

    secrets: list[Annotated[str, AfterValidator(lambda secret: key_of(secret) and secret)]]


class Receiver:
    """The receiver, with the deliveries that arrived and the secrets that it knows."""

    operations = (Operation("receive", "POST", "/{path:path}"),)
    credential_header = "authorization"

    def __init__(self, clock: Clock) -> None:
        self.mode = ReceiverMode()
        self.keys: list[bytes] = []
        self.received: deque[Received] = deque(maxlen=DELIVERIES_KEPT)
        self._clock = clock
        self._numbers = itertools.count(1)
        self._known: set[tuple[str, str | None]] = set()

    def state(self) -> dict[str, Any]:
        """Return the last deliveries, in order of arrival, and the number of known secrets."""
        return {"received": [each.as_state(self.keys) for each in self.received], "secrets": len(self.keys)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Add the deliveries that :meth:`state` of an earlier receiver returned. It didn't return the secrets."""
        for each in state["received"]:
            self._keep(Received.of_state(next(self._numbers), each))

    def logged_body(self, _call: Call) -> str:
        """Return nothing, because the deliveries have the bodies."""
        return ""

    def refusal(self, _call: Call, status: int) -> Reply:
        """Return an answer without a body."""
        return empty(status)

    def headers(self, _call: Call) -> Mapping[str, str]:
        """Return no headers."""
        return {}

    def admit(self, call: Call) -> partial[Reply]:
        """Keep the delivery, even if its sender doesn't wait for the answer. The returned function answers."""
        if call.operation != "receive":
            return partial(Reply, 405, b"Send a POST request.\n", "text/plain", {"allow": "POST"})
        answer = self._answer(call)
        path = call.path + (f"?{call.query}" if call.query else "")
        self._keep(
            Received(
                number=next(self._numbers),
                at=self._clock.now(),
                path=path,
                headers=dict(call.headers),
                body=call.body[:MAX_BODY_BYTES],
                duplicate=(path, call.headers.get(ID)) in self._known,
                status=answer.status,
            )
        )
        return partial(self._answer, call)

    def _keep(self, delivery: Received) -> None:
        self.received.append(delivery)
        if delivery.webhook_id is not None:
            self._known.add((delivery.path, delivery.webhook_id))

    def _answer(self, call: Call) -> Reply:
        if len(call.body) > MAX_BODY_BYTES:
            return empty(413)
        if self.mode.redirect is not None:
            return empty(307, location=self.mode.redirect)
        return empty(self.mode.status)


def empty(status: int, **headers: str) -> Reply:
    """Return an answer without a body."""
    return Reply(status, b"", None, headers)


def own_routes(stand_in: StandIn[Receiver]) -> Sequence[Route]:
    """Return the routes of the page and of the secrets."""

    async def page(request: Request) -> Response:
        receiver = stand_in.memory.provider
        return inbox_page(receiver.received, receiver.keys, str(request.base_url))

    async def secrets(request: Request) -> JSONResponse:
        return JSONResponse(replace_secrets(stand_in.memory.provider, await request.body()))

    return [
        Route("/", page, methods=["GET"]),
        Route("/_control/secrets", answering_errors(secrets), methods=["POST"]),
    ]


def replace_secrets(receiver: Receiver, body: bytes) -> dict[str, int]:
    """Replace the secrets that the receiver knows, and return their number.

    Raises:
        ControlError: the body isn't a JSON object with a list of ``secrets``, or one of them isn't a secret.
    """
    try:
        known = Secrets.model_validate_json(body).secrets
    except ValidationError as error:
        raise ControlError(*explained(error, Secrets)) from error
    receiver.keys = [key_of(secret) for secret in known]
    return {"secrets": len(known)}


def reading_at_most(limit: int, app: ASGIApp) -> ASGIApp:
    """Return the application so that it gets the first ``limit`` bytes of each body, and the rest uses no memory."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        left = limit

        async def first_bytes() -> Message:
            nonlocal left
            message = await receive()
            body = message.get("body", b"")[:left]
            left -= len(body)
            return {**message, "body": body} if "body" in message else message

        await app(scope, first_bytes, send)

    return application


def create_app(clock: Clock | None = None, state: Mapping[str, Any] | None = None) -> ASGIApp:
    """Return the mock receiver as an application that starts with ``state``; ``clock`` is by default the machine's."""
    clock = clock or Clock()
    app: Starlette = create_stand_in(lambda: Receiver(clock), clock, state, own_routes)
    return reading_at_most(MAX_BODY_BYTES + 1, app)
