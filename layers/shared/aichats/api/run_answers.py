"""The answer to a call that started a run."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aichats.api.operation import ApiCall, Reply
from aichats.api.problems import RejectedError, RunFailedError, traceback_of
from aichats.aws.observability import logger
from aichats.errors import InputError, ProviderError, SecretError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from aichats.runs.ledger.rows import Row
    from aichats.runs.perform import Outcome


def answer_of_run(
    call: ApiCall[Any, None], outcome: Outcome, result: Callable[[Row], BaseModel | str], location: Callable[[Row], str]
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
        from aichats.api.run_view import view

        return Reply(view(row, call.caller), HTTPStatus.ACCEPTED, headers | {"Location": f"/runs/{run_id}"})
    if isinstance(outcome.error, (ProviderError, InputError)):
        raise outcome.error
    if outcome.state in ("in_progress", "cancelled"):
        raise _conflict(row, headers)
    raise RunFailedError(run_id, outcome.state, row.error or {}, headers)


def _conflict(row: Row, headers: dict[str, str]) -> RejectedError:
    """Return the error for a run that another call performs now, or that a person cancelled."""
    run_id = row.run.run_id
    detail = f"run {run_id} is in progress; get its result from /runs/{run_id}"
    if row.status == "cancelled":
        reason = (row.error or {}).get("message", "cancelled")
        detail = f"run {run_id} was {reason}. To start another run, send the request with a new Idempotency-Key"
    rejection = RejectedError(HTTPStatus.CONFLICT, "conflict", detail, headers)
    rejection.run_id = run_id
    return rejection


def _shown(row: Row, result: Callable[[Row], BaseModel | str]) -> BaseModel | str | None:
    """Return the result of a run; ``None`` if it can't be shown.

    An error response would make the client retry. Without a key, the retry would create a second chat.
    """
    try:
        return result(row)
    except (SecretError, ProviderError, ValueError) as error:
        # The message of pydantic's ValidationError, a ValueError, isn't logged, because it shows the chat.
        reason = "" if isinstance(error, ValueError) else str(error)
        log_fields = {"run_id": row.run.run_id, "error": type(error).__name__, "reason": reason}
        logger.error("the result of the run can't be shown", extra=log_fields, exc_info=traceback_of(error))
        return None
