"""Errors as problem details (RFC 9457). The page ``/docs/problems`` explains each kind of problem."""

from __future__ import annotations

import math
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from aichats.aws.errors import AwsError
from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AttachmentError,
    InputError,
    OutcomeUnknownError,
    ProtocolError,
    ProviderError,
    SecretError,
    SecretUnavailableError,
    UnreadableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats.json_types import Json, JsonObject

CONTENT_TYPE = "application/problem+json"
PROBLEMS_PAGE = "/docs/problems"
NO_SUCH_PATH = "the path doesn't exist; /docs lists all paths"
RETRY_AFTER = {"Retry-After": "5"}
"""The time to wait before you retry a call that failed because AWS failed."""
UNEXPECTED = "An unexpected error occurred. Find its details in the log by this request_id."
AWS_FAILED = "An AWS service failed. Retry the request; the log has details under this request_id."

type Kind = Literal[
    "invalid-request",
    "unauthorized",
    "missing-scope",
    "company-limit",
    "not-found",
    "method-not-allowed",
    "conflict",
    "precondition-failed",
    "run-failed",
    "provider-rejected",
    "provider-rate-limited",
    "provider-unreachable",
    "provider-timeout",
    "provider-unreadable",
    "outcome-unknown",
    "scheduler-failed",
    "unavailable",
    "stack-paused",
    "secret-unusable",
    "automation-unreadable",
    "subscription-unreadable",
    "internal-error",
    "unverified-delivery",
    "invalid-delivery",
    "delivery-not-stored",
    "test-event-not-delivered",
]
"""The kinds of problems. The file ``pages/problems.json`` explains them."""


class ProblemBody:
    """The body of an error response. The model ``Problem`` describes its members.

    Attributes:
        upstream: the response of a provider that rejected a request: ``provider``, ``status``, ``code`` and
            ``request_id``.
        run_id: the run that failed.
    """

    def __init__(self, status: int, upstream: Json | None, run_id: str | None, members: JsonObject) -> None:
        self.status, self.upstream, self.run_id = status, upstream, run_id
        self._members = members

    def as_json(self) -> JsonObject:
        """Return the problem without the members that have no value."""
        upstream = None if self.upstream is None else _with_values(self.upstream)
        members = {**self._members, "upstream": upstream, "run_id": self.run_id}
        return _with_values({name: members.get(name) for name in _MEMBERS})


_MEMBERS = ("type", "title", "status", "detail", "request_id", "errors", "upstream", "run_id", "chat_id")


def _with_values(members: Json) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


class RejectedError(AichatsError):
    """A call is rejected: its token, scope, company, path or state is wrong, or AWS failed."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: Kind,
        detail: str,
        headers: Mapping[str, str] | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.status = status
        self.kind: Kind = kind
        self.headers = dict(headers or {})
        self.errors = [_field_problem(field, detail)] if field else None


class RunFailedError(RejectedError):
    """A run failed earlier or in another function, so only the error in the ledger is known."""

    def __init__(self, run_id: str, state: str, error: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        reason = error.get("message", "the reason was not stored")
        verb = "failed" if state == "failed" else f"is {state}"
        super().__init__(_status_for_failure(error), "run-failed", f"run {run_id} {verb}: {reason}", headers)
        self.run_id = run_id
        known = {"provider", "status"} <= error.keys()
        self.upstream = {name: error.get(name) for name in _UPSTREAM} if known else None


_UPSTREAM = ("provider", "status", "code", "request_id")


def _field_problem(field: str, message: str) -> JsonObject:
    return {"field": field, "message": message}


def problem_of(error: Exception, request_id: str) -> tuple[ProblemBody, dict[str, str]]:
    """Return the problem and the headers of the response to an error."""
    status, kind, detail, extra = _translate(error)
    headers = error.headers if isinstance(error, RejectedError) else _retry_after(error)
    members = {
        "type": f"{PROBLEMS_PAGE}#{kind}",
        "title": title_of(kind),
        "status": status.value,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }
    run_id = error.run_id if isinstance(error, AichatsError) else None
    return ProblemBody(status.value, extra.get("upstream"), run_id, members), headers


def title_of(kind: str) -> str:
    """Return the title of a kind of problem."""
    return kind.replace("-", " ").capitalize()


def must_alarm(error: Exception, status: int) -> bool:
    """Return whether an error must raise an alarm: a bug, or a failure of AWS or of a secret of the stack."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return True
    from aichats.runs.queue import QueueError

    causes = (AwsError, QueueError, SecretError, UnreadableError)
    return status == HTTPStatus.SERVICE_UNAVAILABLE and isinstance(error.__cause__ or error, causes)


def traceback_of(error: Exception) -> Exception | None:
    """Return an error if its traceback belongs into the log; ``None`` for an expected error, which explains itself."""
    return None if isinstance(error, _expected()) else error


# These tables name errors of modules that an answer without an error doesn't need.


@cache
def _expected() -> tuple[type[Exception], ...]:
    """Return the errors that don't show a bug. Others of this package do if no code handles them."""
    from aichats.automations.conditions import StaleError
    from aichats.automations.scheduler import SchedulerError
    from aichats.runs.queue import QueueError

    own = (RejectedError, InputError, AttachmentError, SecretError, UnreadableError, ProviderError)
    return (*own, StaleError, SchedulerError, QueueError)


@cache
def _answers() -> dict[type[Exception], tuple[HTTPStatus, Kind, str | None]]:
    """Return the status, kind and detail for each class of errors. The first matching class counts.

    If the detail is ``None``, the error's text is shown.
    """
    from aichats.automations.conditions import StaleError
    from aichats.automations.scheduler import SchedulerError

    return {
        StaleError: (HTTPStatus.PRECONDITION_FAILED, "precondition-failed", None),
        SchedulerError: (HTTPStatus.BAD_GATEWAY, "scheduler-failed", None),
        SecretUnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", None),
        AttachmentError: (HTTPStatus.UNPROCESSABLE_ENTITY, "run-failed", None),
        SecretError: (HTTPStatus.INTERNAL_SERVER_ERROR, "secret-unusable", None),
        APITimeoutError: (HTTPStatus.GATEWAY_TIMEOUT, "provider-timeout", None),
        APIConnectionError: (HTTPStatus.BAD_GATEWAY, "provider-unreachable", None),
        ProtocolError: (HTTPStatus.BAD_GATEWAY, "provider-unreadable", None),
        OutcomeUnknownError: (HTTPStatus.BAD_GATEWAY, "outcome-unknown", None),
        ProviderError: (HTTPStatus.BAD_GATEWAY, "provider-rejected", None),
        AwsError: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", AWS_FAILED),
        Exception: (HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", UNEXPECTED),
    }


def _translate(error: Exception) -> tuple[HTTPStatus, Kind, str, dict[str, Any]]:
    match error:
        case RunFailedError():
            return error.status, error.kind, str(error), {"upstream": error.upstream}
        case RejectedError():
            return error.status, error.kind, str(error), {"errors": error.errors}
        case InputError():
            fields = [_field_problem(field, message) for field, message in error.problems]
            return HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", str(error), {"errors": fields}
        case APIStatusError():
            return _translate_status(error)
    status, kind, detail = next(answer for cause, answer in _answers().items() if isinstance(error, cause))
    extra = {"chat_id": error.chat_id} if isinstance(error, ProviderError) else {}
    return status, kind, detail or str(error), extra


def _translate_status(error: APIStatusError) -> tuple[HTTPStatus, Kind, str, dict[str, Any]]:
    upstream = {name: getattr(error, name) for name in _UPSTREAM}
    extra: dict[str, Any] = {"chat_id": error.chat_id, "upstream": upstream}
    status = _status_for_rejection(error.status, error.param)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        extra["errors"] = [_field_problem(str(error.param), str(error))]
    kinds: dict[int, Kind] = {
        HTTPStatus.NOT_FOUND: "not-found",
        HTTPStatus.SERVICE_UNAVAILABLE: "provider-rate-limited",
    }
    return status, kinds.get(status, "provider-rejected"), str(error), extra


def _status_for_rejection(status: int, param: str | None) -> HTTPStatus:
    """Return the API's status for a provider's status: 4xx if the API client can fix the problem, otherwise 5xx."""
    if status == HTTPStatus.NOT_FOUND:
        return HTTPStatus.NOT_FOUND
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HTTPStatus.SERVICE_UNAVAILABLE
    if param and status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_GATEWAY


def _status_for_failure(error: Mapping[str, Any]) -> HTTPStatus:
    """Return the status for an error from the ledger."""
    if error.get("type") == "APITimeoutError":
        return HTTPStatus.GATEWAY_TIMEOUT
    if error.get("type") == AttachmentError.__name__:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return _status_for_rejection(error.get("status", 0), error.get("param"))


def _retry_after(error: Exception) -> dict[str, str]:
    if isinstance(error, (SecretUnavailableError, AwsError)):
        return RETRY_AFTER
    if isinstance(error, APIStatusError) and error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"Retry-After": str(math.ceil(error.retry_after or 1.0))}
    return {}
