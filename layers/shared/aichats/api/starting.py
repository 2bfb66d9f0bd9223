"""The way in which HTTP calls start runs: idempotency keys, run ids, and answers if AWS fails.

A stored run will be performed. So the answer has the run's id, and is never an error that makes the client start
another run. If aichats doesn't know whether it stored a run, the answer has the key with which to retry the call.
"""

from __future__ import annotations

import json
import math
from copy import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aichats.api.problems import RETRY_AFTER, RejectedError, traceback_of
from aichats.aws.errors import AwsError
from aichats.aws.observability import count, logger
from aichats.errors import InputError, UnreadableError
from aichats.runs.ledger.keys import is_reserved, reserve
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, run_id
from aichats.runs.perform import Outcome, outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats.api.operation import ApiCall
    from aichats.json_types import Json
    from aichats.runs.action import Action

PAUSED_RETRY_SECONDS = 60
"""The time to wait before you retry a call while the stack is paused without an end."""


def reserve_key(call: ApiCall[Any, None], operation: str) -> str:
    """Bind the call's ``Idempotency-Key`` to its body and return it. Without a key, return a new, unique key.

    Raises:
        InputError: the key was used with a different body.
        RejectedError: the stack is paused, and the key was not used before. Nothing is stored.
    """
    if call.app.stack_pause.current(call.app.ledger.clock()) and not _is_retry(call, operation):
        check_not_paused(call)
    return bind_key(call, operation)


def _is_retry(call: ApiCall[Any, None], operation: str) -> bool:
    """Return whether the key of a call was used before."""
    key = call.idempotency_key
    return key is not None and is_reserved(call.app.ledger, (call.caller.identity, operation, key))


def bind_key(call: ApiCall[Any, None], operation: str) -> str:
    """Do the same as :func:`reserve_key`, even while the stack is paused, for an operation that starts no run.

    Raises:
        InputError: the key was used with a different body.
    """
    if call.idempotency_key is None:
        import uuid

        return f"batch:{uuid.uuid4()}"
    use = (call.caller.identity, operation, call.idempotency_key)
    body = json.dumps(body_fields(call), sort_keys=True)
    if not reserve(call.app.ledger, use, body):
        raise InputError([("Idempotency-Key", "already used with a different body; use a new key")])
    return call.idempotency_key


def body_fields(call: ApiCall[Any, None]) -> Json:
    """Return the fields of the body that are set, as decoded JSON. A body that needed no model is already decoded."""
    if call.body is None or isinstance(call.body, dict):
        return call.body or {}
    fields: Json = call.body.model_dump(mode="json", exclude_unset=True)
    return fields


def check_not_paused(call: ApiCall[Any, Any]) -> None:
    """Check that the stack is not paused. Call this before an operation that starts runs stores anything.

    Raises:
        RejectedError: the stack is paused.
    """
    now = call.app.ledger.clock()
    window = call.app.stack_pause.current(now)
    if window is None:
        return
    seconds = math.ceil((window.until - now).total_seconds()) if window.until else PAUSED_RETRY_SECONDS
    detail = f"the stack is {window.in_words()}. Nothing was started. To resume the stack, call POST /resume"
    raise RejectedError(HTTPStatus.SERVICE_UNAVAILABLE, "stack-paused", detail, {"Retry-After": str(seconds)})


def id_of(call: ApiCall[Any, None], operation: str, key: str, target: str | None) -> str:
    """Return the id of the run that an operation starts for a key and a target."""
    return run_id("http", call.caller.identity, operation, key, target)


def new_run(call: ApiCall[Any, None], operation: str, key: str, action: Action, target: str | None) -> Run:
    """Return the run that an operation starts for a key and a target."""
    return Run(
        run_id=id_of(call, operation, key, target),
        trigger="http",
        action=action,
        target=target,
        api_version=call.app.api_version(action),
    )


def accept(call: ApiCall[Any, None], key: str, runs: Sequence[Run]) -> list[str]:
    """Store runs to be performed later. Return their ids.

    Raises:
        RejectedError: aichats doesn't know whether all runs are stored.
    """
    try:
        call.app.dispatcher.enqueue(runs)
    except AwsError as error:
        raise _unsure(key) from error
    return [run.run_id for run in runs]


def perform(call: ApiCall[Any, None], key: str, run: Run) -> Outcome:
    """Perform a run now. If aichats fails, the run waits until the sweep resumes it.

    Raises:
        RejectedError: aichats doesn't know whether the run is stored.
    """
    try:
        return call.app.dispatcher.perform(run, call.lease)
    except Exception as error:
        log_fields = {"run_id": run.run_id, "reason": f"{type(error).__name__}: {error}"}
        logger.error("run left to the sweep", extra=log_fields, exc_info=traceback_of(error))
        try:
            row = call.app.ledger.get(run.run_id)
        except (AwsError, UnreadableError):
            raise _unsure(key, run.run_id) from error
        if row is None:
            raise
        count("InternalErrors")
        return _waiting(row)


def queue_and_watch(call: ApiCall[Any, None], key: str, run: Run) -> Outcome:
    """Queue a run that may take minutes, and watch it until the call's time limit.

    Returns:
        The outcome of the run: ``waiting`` if the run is still open, not ``performed`` if an earlier call started it.

    Raises:
        RejectedError: aichats doesn't know whether the run is stored.
    """
    row = call.app.ledger.get(run.run_id)
    if row is not None:
        return outcome_of(row)
    accept(call, key, [run])
    try:
        return call.app.dispatcher.wait_for(run)
    except AwsError:
        logger.exception("run can't be watched", extra={"run_id": run.run_id})
        now = call.app.ledger.clock()
        row = Row(run, "pending", attempts=0, key_number=1, created_at=now, opened_at=now, updated_at=now, due_at=now)
        return _waiting(row)


def _waiting(row: Row) -> Outcome:
    """Return the outcome of a run that is left to the sweep."""
    return replace(outcome_of(row), state="waiting") if row.is_open else outcome_of(row)


def retry_with_key(key: str, problem: str, promise: str) -> RejectedError:
    """Return the error for a call to retry with its key. ``promise`` says why that is safe."""
    detail = f"{problem}. Retry the request with the header Idempotency-Key: {key}. {promise}"
    return RejectedError(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, RETRY_AFTER)


def _unsure(key: str, run_id: str | None = None) -> RejectedError:
    """Return the error for a call that may or may not have started its runs."""
    problem = "aichats doesn't know whether it stored all runs of this request"
    rejection = retry_with_key(key, problem, "Runs that are stored don't start again")
    rejection.run_id = run_id
    return rejection
