"""What a caller is told of a run that was to be done at once."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError

from aichats.api.operation import Call, Reply
from aichats.api.problems import RefusedError, RunFailedError
from aichats.api.run_view import view
from aichats.aws.observability import logger
from aichats.errors import InputError, ProviderError, SecretError
from aichats.runs.ledger.rows import Row
from aichats.runs.perform import Outcome


def answer(
    call: Call[Any, None], outcome: Outcome, made: Callable[[Row], BaseModel], location: Callable[[Row], str]
) -> Reply:
    """201 with what was made, 200 if it was made before, 202 if it is still to come or cannot be shown now.

    Args:
        call: the call that asked for the run.
        outcome: what became of the run.
        made: what a run that succeeded made.
        location: where that is.

    Raises:
        AichatsError: the run failed, for this reason.
        RefusedError: it is in progress.
    """
    row = outcome.row
    wanted = row.run.run_id
    headers = {"X-Run-Id": wanted}
    if outcome.state == "succeeded":
        try:
            body = made(row)
        except (SecretError, ProviderError, ValidationError):
            # An error would make the client repeat the call, and without a key that makes a second chat.
            logger.exception("what the run made cannot be shown", extra={"run_id": wanted})
        else:
            replayed = {} if outcome.performed else {"Idempotent-Replayed": "true"}
            status = HTTPStatus.CREATED if outcome.performed else HTTPStatus.OK
            return Reply(body, status, headers | replayed | {"Location": location(row)})
    if outcome.state in ("succeeded", "waiting", "unknown"):
        return Reply(view(row, call.caller), HTTPStatus.ACCEPTED, headers | {"Location": f"/runs/{wanted}"})
    if isinstance(outcome.error, (ProviderError, InputError)):
        raise outcome.error
    if outcome.state == "in_progress":
        refusal = RefusedError(HTTPStatus.CONFLICT, f"run {wanted} is in progress: ask GET /runs/{wanted}", headers)
        refusal.run_id = wanted
        raise refusal
    raise RunFailedError(wanted, outcome.state, row.error or {}, headers)
