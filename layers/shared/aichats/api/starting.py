"""The one way in which an HTTP call starts runs: its key, the runs' ids, and what it answers if AWS fails meanwhile.

Once a run is stored it will be performed, so the call is answered with its id, never with an error that asks for
another one. If aichats cannot tell whether a run is stored, the answer names the key with which the call is repeated.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from aichats.api.operation import Call
from aichats.api.problems import RETRY_AFTER, RefusedError
from aichats.aws.errors import AWS_ERRORS
from aichats.aws.observability import count, logger
from aichats.errors import InputError, UnreadableError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, run_id
from aichats.runs.perform import Outcome, found


def reserve_key(call: Call[Any, None], operation: str) -> str:
    """Return the call's ``Idempotency-Key``, bound to its body; without one, a key that no other call has.

    Raises:
        InputError: the key was used with another body.
    """
    if call.idempotency_key is None:
        return f"batch:{uuid.uuid4()}"
    fields = {} if call.body is None else call.body.model_dump(mode="json", exclude_unset=True)
    body = json.dumps(fields, sort_keys=True)
    if not call.app.ledger.reserve((call.caller.identity, operation, call.idempotency_key), body):
        raise InputError([("Idempotency-Key", "was used with another body")])
    return call.idempotency_key


def id_of(call: Call[Any, None], operation: str, key: str, target: str | None) -> str:
    """Return the id of the run that a call with this key starts for a target."""
    return run_id("http", call.caller.identity, operation, key, target)


def accept(call: Call[Any, None], key: str, runs: Sequence[Run]) -> list[str]:
    """Store runs and have them performed later. Returns their ids.

    Raises:
        RefusedError: some of them may not be stored.
    """
    try:
        call.app.dispatcher.accept(runs)
    except AWS_ERRORS as error:
        raise _unsure(key) from error
    return [run.run_id for run in runs]


def perform(call: Call[Any, None], key: str, run: Run) -> Outcome:
    """Perform a run now. If that fails for no reason of the run's own, it waits, and the sweep resumes it.

    Raises:
        RefusedError: the run may not be stored.
    """
    try:
        return call.app.dispatcher.perform(run, call.lease)
    except Exception as error:
        logger.exception("run left to the sweep", extra={"run_id": run.run_id})
        try:
            row = call.app.ledger.get(run.run_id)
        except (*AWS_ERRORS, UnreadableError):
            raise _unsure(key, run.run_id) from error
        if row is None:
            raise
        count("InternalErrors")
        return _waiting(row)


def queue_and_watch(call: Call[Any, None], key: str, run: Run) -> Outcome:
    """Have a run performed that takes minutes, and watch it as long as this call may take.

    Returns:
        What became of it. A run that is still open then waits. A run that was there before was not performed now.

    Raises:
        RefusedError: the run may not be stored.
    """
    row = call.app.ledger.get(run.run_id)
    if row is not None:
        return found(row)
    accept(call, key, [run])
    try:
        return call.app.dispatcher.watch(run)
    except AWS_ERRORS:
        logger.exception("run cannot be watched", extra={"run_id": run.run_id})
        now = call.app.ledger.clock()
        row = Row(run, "pending", attempts=0, key_number=1, created_at=now, opened_at=now, updated_at=now, due_at=now)
        return _waiting(row)


def _waiting(row: Row) -> Outcome:
    """Return the outcome of a run that this call cannot go on with: the sweep does."""
    return replace(found(row), state="waiting") if row.is_open else found(row)


def _unsure(key: str, run_id: str | None = None) -> RefusedError:
    """Return the refusal of a call that may have started its runs or not."""
    problem = (
        "aichats cannot tell whether it stored all runs of this request. Repeat the request with the header "
        f"Idempotency-Key: {key}. Runs that are stored are not started again"
    )
    refusal = RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, problem, RETRY_AFTER)
    refusal.run_id = run_id
    return refusal
