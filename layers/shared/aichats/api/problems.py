"""Errors as problem details (RFC 9457)."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

from aichats.automations.row import StaleError
from aichats.automations.scheduler import SchedulerError
from aichats.aws.errors import AWS_ERRORS
from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    InputError,
    OutcomeUnknownError,
    ProtocolError,
    ProviderError,
    SecretError,
    SecretUnavailableError,
    UnreadableError,
)

CONTENT_TYPE = "application/problem+json"
NO_SUCH_PATH = "there is no such path; /docs lists what there is"
RETRY_AFTER = {"Retry-After": "5"}
"""When to repeat a call that failed because AWS did."""
UNEXPECTED = "Something went wrong; the log has more under this request_id."
AWS_FAILED = "A service of AWS did not answer as it should. Repeat the request; the log has more under this request_id."


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Upstream(BaseModel):
    """What a provider said when it refused."""

    provider: str
    status: int
    code: str | None = None
    request_id: str | None = None


class Problem(BaseModel):
    """A refusal, as RFC 9457 describes it."""

    model_config = ConfigDict(json_schema_extra={"description": "Problem details (RFC 9457)"})

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] | None = None
    upstream: Upstream | None = None
    run_id: str | None = None
    chat_id: str | None = None
    """A chat that exists although the call failed."""


class RefusedError(AichatsError):
    """A call is refused: no token, no scope, no such path, or AWS failed."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


class RunFailedError(RefusedError):
    """A run failed, some time ago or elsewhere: all that is known is what the ledger keeps of its error."""

    def __init__(self, run_id: str, state: str, error: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        why = error.get("message", "no reason was kept")
        super().__init__(_status_for_failure(error), f"run {run_id} is {state}: {why}", headers)
        self.run_id = run_id
        self.upstream = Upstream.model_validate(error) if {"provider", "status"} <= error.keys() else None


def problem_of(error: Exception, request_id: str) -> tuple[Problem, dict[str, str]]:
    """The problem and the headers that an error is answered with."""
    status, detail, extra = _translate(error)
    headers = error.headers if isinstance(error, RefusedError) else _retry_after(error)
    run_id = error.run_id if isinstance(error, AichatsError) else None
    problem = Problem(title=status.phrase, status=status, detail=detail, request_id=request_id, run_id=run_id, **extra)
    return problem, headers


def is_ours(error: Exception, status: int) -> bool:
    """Return whether operators must be alarmed of an error: a bug, or trouble with AWS or a secret of ours."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    ours = (*AWS_ERRORS, SecretError, UnreadableError)
    return status == HTTPStatus.SERVICE_UNAVAILABLE and isinstance(error.__cause__ or error, ours)


_KINDS: dict[type[Exception], tuple[HTTPStatus, str | None]] = {
    StaleError: (HTTPStatus.PRECONDITION_FAILED, None),
    SchedulerError: (HTTPStatus.BAD_GATEWAY, None),
    SecretUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, None),
    SecretError: (HTTPStatus.INTERNAL_SERVER_ERROR, None),
    **dict.fromkeys(AWS_ERRORS, (HTTPStatus.SERVICE_UNAVAILABLE, AWS_FAILED)),
    Exception: (HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED),
}
"""The status of errors that have nothing but a message, and what is said in its place. The first that fits counts."""


def _translate(error: Exception) -> tuple[HTTPStatus, str, dict[str, Any]]:
    match error:
        case RunFailedError():
            return error.status, str(error), {"upstream": error.upstream}
        case RefusedError():
            return error.status, str(error), {}
        case InputError():
            fields = [FieldProblem(field=field, message=message) for field, message in error.problems]
            return HTTPStatus.UNPROCESSABLE_ENTITY, str(error), {"errors": fields}
        case ProviderError():
            return _translate_provider(error)
    status, detail = next(answer for kind, answer in _KINDS.items() if isinstance(error, kind))
    return status, detail or str(error), {}


def _translate_provider(error: ProviderError) -> tuple[HTTPStatus, str, dict[str, Any]]:
    extra: dict[str, Any] = {"chat_id": error.chat_id}
    match error:
        case APIStatusError():
            extra["upstream"] = Upstream(
                provider=error.provider, status=error.status, code=error.code, request_id=error.request_id
            )
            if error.param and error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
                extra["errors"] = [FieldProblem(field=error.param, message=str(error))]
            return _status_for_refusal(error.status, error.param), str(error), extra
        case APITimeoutError():
            return HTTPStatus.GATEWAY_TIMEOUT, str(error), extra
        case OutcomeUnknownError() | ProtocolError() | APIConnectionError() | _:
            return HTTPStatus.BAD_GATEWAY, str(error), extra


def _status_for_refusal(status: int, param: str | None) -> HTTPStatus:
    """Ours for theirs: what the caller can mend is 4xx, what only we or the provider can is 5xx."""
    if status == HTTPStatus.NOT_FOUND:
        return HTTPStatus.NOT_FOUND
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if param and status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_GATEWAY


def _status_for_failure(error: Mapping[str, Any]) -> HTTPStatus:
    """The same for an error that the ledger keeps."""
    if error.get("type") == "APITimeoutError":
        return HTTPStatus.GATEWAY_TIMEOUT
    return _status_for_refusal(error.get("status", 0), error.get("param"))


def _retry_after(error: Exception) -> dict[str, str]:
    if isinstance(error, (SecretUnavailableError, *AWS_ERRORS)):
        return RETRY_AFTER
    if isinstance(error, APIStatusError) and error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(math.ceil(error.retry_after or 1.0))}
    return {}
