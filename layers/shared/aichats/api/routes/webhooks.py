"""``POST /webhooks/whop``: Whop's deliveries, which need no token because Whop signs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aichats.api.problems import CONTENT_TYPE, RejectedError, problem_of, traceback_of
from aichats.api.responses import SECURITY
from aichats.aws.errors import AwsError
from aichats.aws.observability import count, logger
from aichats.errors import AichatsError, InputError
from aichats.http.deadline import time_limit
from aichats.whop.credentials import WEBHOOK_SECRET
from aichats.whop.webhooks import SignatureError, raw_body, read_event, verify

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from aichats.bootstrap import Application
    from aichats.json_types import JsonObject

SIGNED_HEADERS = {"webhook-id", "webhook-timestamp", "webhook-signature"}
ANSWER_SECONDS = 4.0
"""The time limit of an answer. After five seconds, Whop delivers the event again."""
LEAST_SECONDS = 1.0
"""The minimum time for the work, even after a long cold start. It leaves less work for the next delivery."""
GATEWAY_SECONDS = 30


def receive(app: Application, event: Mapping[str, Any], request_id: str) -> JsonObject:
    """Answer one delivery, an event of API Gateway (payload format 2.0).

    The answer is 202 after its runs are stored, 401 if the signature is invalid, and 400 if the signed body isn't an
    event. If aichats fails, the answer is 500, so that Whop delivers the event again.
    """
    try:
        with time_limit(_time_to_answer(event)):
            run_ids = _handle(app, event)
    except RejectedError as error:
        # Unsigned deliveries are counted apart from those that Whop signed.
        if error.status != HTTPStatus.UNAUTHORIZED:
            count("DeliveriesRefused")
        elif _claims_to_be_signed(event["headers"]):
            count("DeliveriesUnverified")
        # The body isn't logged, because any client can send one.
        logger.warning("delivery refused", extra={"status": error.status, "reason": str(error)})
        return _problem(error, request_id)
    except (AichatsError, AwsError) as error:
        count("DeliveriesNotTaken")
        reason = f"{type(error).__name__}: {error}"
        logger.error("delivery not taken; Whop sends it again", exc_info=traceback_of(error), extra={"reason": reason})
        # Only the log has the reason, because any client can send a delivery.
        failure = RejectedError(HTTPStatus.INTERNAL_SERVER_ERROR, "delivery-not-stored", "not stored; deliver it again")
        return _problem(failure, request_id)
    started = json.dumps({"run_ids": run_ids}, separators=(",", ":"))
    return _answer(HTTPStatus.ACCEPTED, started, "application/json")


def _time_to_answer(event: Mapping[str, Any]) -> float:
    """Return the time limit in seconds for the work on a delivery, minus the time of a cold start."""
    age = datetime.now(UTC).timestamp() - event["requestContext"]["timeEpoch"] / 1000
    # API Gateway waits at most 30 seconds, so an older event must be a recorded one.
    return max(LEAST_SECONDS, ANSWER_SECONDS - age) if 0 <= age <= GATEWAY_SECONDS else ANSWER_SECONDS


def _handle(app: Application, event: Mapping[str, Any]) -> list[str]:
    try:
        body = raw_body(event.get("body"), is_base64=bool(event.get("isBase64Encoded")))
    except InputError as error:
        raise RejectedError(HTTPStatus.BAD_REQUEST, "invalid-delivery", str(error)) from None
    webhook_id = _verified(app, event["headers"], body)
    # The alarm uses the minimum of some hours, so this zero prevents it.
    count("DeliveriesUnverified", 0)
    fields, time = _parsed(body)
    logger.append_keys(webhook_id=webhook_id, event_type=fields["type"])
    listeners = app.webhook_index.names(fields["type"])
    # Most events have no listeners. The modules that read and render automations are imported only for the others.
    return app.webhook_events.handle(webhook_id, fields, time, listeners) if listeners else []


def _verified(app: Application, headers: Mapping[str, str], body: bytes) -> str:
    """Return the ``webhook-id`` of a delivery from Whop. If no signature is valid, the secret is read again first.

    Raises:
        RejectedError: the delivery isn't from Whop.
    """
    name, now = app.webhook_settings.webhook_secret, datetime.now(UTC)
    try:
        return verify(headers, body, app.secrets.read(name, WEBHOOK_SECRET).secrets, now=now)
    except SignatureError:
        secret = app.secrets.read_again(name, WEBHOOK_SECRET)
    try:
        return verify(headers, body, secret.secrets, now=now)
    except SignatureError as error:
        raise RejectedError(HTTPStatus.UNAUTHORIZED, "unverified-delivery", str(error)) from None


def _claims_to_be_signed(headers: Mapping[str, str]) -> bool:
    """Return whether a request has one of the headers that each delivery of Whop has."""
    return not SIGNED_HEADERS.isdisjoint(name.lower() for name in headers)


def _parsed(body: bytes) -> tuple[JsonObject, datetime]:
    try:
        return read_event(body)
    except InputError as error:
        raise RejectedError(HTTPStatus.BAD_REQUEST, "invalid-delivery", f"the body isn't an event: {error}") from None


def _problem(error: Exception, request_id: str) -> JsonObject:
    problem, headers = problem_of(error, request_id)
    return _answer(problem.status, json.dumps(problem.as_json()), CONTENT_TYPE, headers)


def _answer(status: int, body: str, content_type: str, headers: Mapping[str, str] | None = None) -> JsonObject:
    all_headers = {"Content-Type": content_type, **SECURITY, **(headers or {})}
    return {"statusCode": int(status), "headers": all_headers, "body": body}
