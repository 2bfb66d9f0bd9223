"""What a caller is told of a run that was to be done at once."""

from collections.abc import Callable
from http import HTTPStatus

from pydantic import BaseModel

from aichats.api.operations import Reply
from aichats.api.problems import RefusedError, RunFailedError
from aichats.api.runs import view
from aichats.errors import InputError, ProviderError, SecretError
from aichats.runs.perform import Outcome
from aichats.runs.rows import Row


def answer(outcome: Outcome, made: Callable[[Row], BaseModel], location: Callable[[Row], str]) -> Reply:
    """201 with what was made, 200 if it was made before, 202 if it is still to come.

    Args:
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
        replayed = {} if outcome.performed else {"Idempotent-Replayed": "true"}
        status = HTTPStatus.CREATED if outcome.performed else HTTPStatus.OK
        return Reply(made(row), status, headers | replayed | {"Location": location(row)})
    if outcome.state in ("waiting", "unknown"):
        return Reply(view(row), HTTPStatus.ACCEPTED, headers | {"Location": f"/runs/{wanted}"})
    if isinstance(outcome.error, (ProviderError, SecretError, InputError)):
        raise outcome.error
    if outcome.state == "in_progress":
        refusal = RefusedError(HTTPStatus.CONFLICT, f"run {wanted} is in progress: ask GET /runs/{wanted}", headers)
        refusal.run_id = wanted
        raise refusal
    raise RunFailedError(wanted, outcome.state, row.error or {}, headers)
