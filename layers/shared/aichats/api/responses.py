"""Answers: the answer to a call that started a run, and the headers that keep browsers safe."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError

from aichats.api.operation import ApiCall, Reply
from aichats.api.problems import RejectedError, RunFailedError, traceback_of
from aichats.api.run_view import view
from aichats.aws.observability import logger
from aichats.errors import InputError, ProviderError, SecretError
from aichats.runs.ledger.rows import Row
from aichats.runs.perform import Outcome

type Headers = dict[str, str]

SECURITY: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}
"""The headers of every answer. An HTML page has its own Content-Security-Policy."""
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
"""The request headers that a page of an allowed origin may send."""
RESPONSE_HEADERS = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Paused",
    "Retry-After",
    "WWW-Authenticate",
    "X-Run-Id",
)
"""The response headers that such a page may read, in addition to those that every page may read."""
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PREFLIGHT_SECONDS = 600


def answer_of_run(
    call: ApiCall[Any, None], outcome: Outcome, result: Callable[[Row], BaseModel], location: Callable[[Row], str]
) -> Reply:
    """Return 201 with a run's result, or 200 if an earlier call performed the run. Without a result, return 202.

    Args:
        call: the call that started the run.
        outcome: the outcome of the run.
        result: returns the result of a run that succeeded.
        location: returns the path of the result.

    Raises:
        AichatsError: the run failed. The error is the reason.
        RejectedError: the run is in progress, or a person cancelled it.
    """
    row = outcome.row
    run_id = row.run.run_id
    headers = {"X-Run-Id": run_id}
    if outcome.state == "succeeded" and (body := _shown(row, result)) is not None:
        replayed = {} if outcome.performed else {"Idempotent-Replayed": "true"}
        status = HTTPStatus.CREATED if outcome.performed else HTTPStatus.OK
        return Reply(body, status, headers | replayed | {"Location": location(row)})
    if outcome.state in ("succeeded", "waiting", "unknown"):
        return Reply(view(row, call.caller), HTTPStatus.ACCEPTED, headers | {"Location": f"/runs/{run_id}"})
    if isinstance(outcome.error, (ProviderError, InputError)):
        raise outcome.error
    if outcome.state in ("in_progress", "cancelled"):
        raise _conflict(row, headers)
    raise RunFailedError(run_id, outcome.state, row.error or {}, headers)


def _conflict(row: Row, headers: Headers) -> RejectedError:
    """Return the error for a run that another call performs now, or that a person cancelled."""
    run_id = row.run.run_id
    detail = f"run {run_id} is in progress; get its result from /runs/{run_id}"
    if row.status == "cancelled":
        reason = (row.error or {}).get("message", "cancelled")
        detail = f"run {run_id} was {reason}. To start another run, send the request with a new Idempotency-Key"
    rejection = RejectedError(HTTPStatus.CONFLICT, "conflict", detail, headers)
    rejection.run_id = run_id
    return rejection


def _shown(row: Row, result: Callable[[Row], BaseModel]) -> BaseModel | None:
    """Return the result of a run; ``None`` if it can't be shown.

    An error response would make the client retry. Without a key, the retry would create a second chat.
    """
    try:
        return result(row)
    except (SecretError, ProviderError, ValidationError) as error:
        # The message of a ValidationError isn't logged, because it shows the chat.
        reason = "" if isinstance(error, ValidationError) else str(error)
        log_fields = {"run_id": row.run.run_id, "error": type(error).__name__, "reason": reason}
        logger.error("the result of the run can't be shown", extra=log_fields, exc_info=traceback_of(error))
        return None


def is_preflight(event: Mapping[str, Any]) -> bool:
    """Return whether a request is a CORS preflight."""
    headers = _lower(event)
    is_options = event["requestContext"]["http"]["method"] == "OPTIONS"
    return is_options and {"origin", "access-control-request-method"} <= headers.keys()


def preflight() -> dict[str, Any]:
    """Return the answer to a CORS preflight, which needs no token."""
    headers = {
        "Access-Control-Allow-Methods": ",".join(METHODS),
        "Access-Control-Allow-Headers": ",".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return {"statusCode": 204, "headers": headers, "body": "", "isBase64Encoded": False}


def cors_headers(event: Mapping[str, Any], origins: Sequence[str]) -> Headers:
    """Return the headers that let pages of allowed origins read an answer; none if no origin is allowed."""
    if not origins:
        return {}
    origin = _lower(event).get("origin", "")
    vary = {"Vary": "Origin"}
    if origin not in origins:
        return vary
    return vary | {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
    }


def _lower(event: Mapping[str, Any]) -> Headers:
    return {name.lower(): value for name, value in event.get("headers", {}).items()}
