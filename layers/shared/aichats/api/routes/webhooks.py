"""``POST /webhooks/whop``: what Whop tells. A function of its own, without tokens: the signature says who speaks."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aichats.api.problems import CONTENT_TYPE, RefusedError, problem_of
from aichats.api.responses import SECURITY
from aichats.api.routes.runs import Started
from aichats.aws.errors import AWS_ERRORS
from aichats.aws.observability import count, logger
from aichats.aws.secrets import WEBHOOK
from aichats.bootstrap import Application
from aichats.errors import AichatsError, InputError
from aichats.http.deadline import time_limit
from aichats.runs.queue import QueueError
from aichats.whop.webhooks import SignatureError, WebhookEvent, parse_event, read_body, verify

SIGNED_HEADERS = {"webhook-id", "webhook-timestamp", "webhook-signature"}
ANSWER_SECONDS = 4.0
"""After which a delivery is answered. Whop waits five seconds, and then delivers again."""
LEAST_SECONDS = 1.0
"""Also after a long cold start: if Whop has gone by then, less is left for its next delivery."""
GATEWAY_SECONDS = 30

type Json = dict[str, Any]


def receive(app: Application, event: Mapping[str, Any], request_id: str) -> Json:
    """Answer one delivery, as API Gateway hands it over (payload format 2.0).

    202 once everything that it sets off is safe in ledger or queue; 401 if the signature does not fit; 400 if Whop
    signed it, and it is not an event. What fails on our side is a 500, and Whop delivers it again.
    """
    try:
        with time_limit(_time_to_answer(event)):
            run_ids = _hear(app, event)
    except RefusedError as error:
        # What strangers can bring about is counted apart from what Whop signed.
        if error.status != HTTPStatus.UNAUTHORIZED:
            count("DeliveriesRefused")
        elif _claims_to_be_signed(event["headers"]):
            count("DeliveriesUnverified")
        # Nothing of the body: it is anybody's.
        logger.warning("delivery refused", extra={"status": error.status, "reason": str(error)})
        return _refusal(error, request_id)
    except (AichatsError, QueueError, *AWS_ERRORS) as error:
        count("DeliveriesNotTaken")
        logger.error("delivery not taken; Whop sends it again", exc_info=error)
        # Anybody may have asked: what is wrong here stands in the log alone.
        return _refusal(RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "not taken: deliver it again"), request_id)
    return _answer(HTTPStatus.ACCEPTED, Started(run_ids=run_ids).model_dump_json(), "application/json")


def _time_to_answer(event: Mapping[str, Any]) -> float:
    """Return for how many seconds this delivery may be worked on; a cold start was a part of them."""
    age = datetime.now(UTC).timestamp() - event["requestContext"]["timeEpoch"] / 1000
    # API Gateway waits 30 s at most: what is older is a recorded event.
    return max(LEAST_SECONDS, ANSWER_SECONDS - age) if 0 <= age <= GATEWAY_SECONDS else ANSWER_SECONDS


def _hear(app: Application, event: Mapping[str, Any]) -> list[str]:
    try:
        body = read_body(event.get("body"), is_base64=bool(event.get("isBase64Encoded")))
    except InputError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from None
    webhook_id = _verified(app, event["headers"], body)
    # The alarm looks at the least value of some hours, which is 1 only where nothing was verified.
    count("DeliveriesUnverified", 0)
    told = _parsed(body)
    logger.append_keys(webhook_id=webhook_id, event_type=told.type)
    return app.webhook_events.handle(webhook_id, told.model_dump(mode="json"), told.timestamp)


def _verified(app: Application, headers: Mapping[str, str], body: bytes) -> str:
    """The id of a delivery that is Whop's. A secret that does not fit is read again: it may have been rotated.

    Raises:
        RefusedError: it is not Whop's.
    """
    name, now = app.settings.webhook_secret, datetime.now(UTC)
    try:
        return verify(headers, body, app.secrets.read(name, WEBHOOK).secrets, now=now)
    except SignatureError:
        again = app.secrets.read_again(name, WEBHOOK)
    try:
        return verify(headers, body, again.secrets, now=now)
    except SignatureError as error:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, str(error)) from None


def _claims_to_be_signed(headers: Mapping[str, str]) -> bool:
    """Whether any of the headers is there that each of Whop's deliveries has: else it is a stranger's."""
    return not SIGNED_HEADERS.isdisjoint(name.lower() for name in headers)


def _parsed(body: bytes) -> WebhookEvent:
    try:
        return parse_event(body)
    except InputError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"this is not an event: {error}") from None


def _refusal(error: Exception, request_id: str) -> Json:
    problem, headers = problem_of(error, request_id)
    return _answer(problem.status, json.dumps(problem.model_dump(exclude_none=True)), CONTENT_TYPE, headers)


def _answer(status: int, body: str, content_type: str, headers: Mapping[str, str] | None = None) -> Json:
    safe = {"Content-Type": content_type, **SECURITY}
    return {"statusCode": int(status), "headers": {**safe, **(headers or {})}, "body": body}
