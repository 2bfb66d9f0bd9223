"""Runs for the pages of the console, each in the state that a test names, and tokens with few scopes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from aichats.runs.decisions import unknown_outcome
from aichats.runs.model import Run
from tests.support.fakes import Json
from tests.support.lambda_calls import CALLERS_SECRET, stored_caller
from tests.support.ledgers import LEASE, make_run
from tests.support.stack_in_memory import StackInMemory

CLOSED: Json = {
    "type": "UnprocessableEntityError",
    "message": "whop: 422 company_closed: This company is closed (request req_1)",
    "provider": "whop",
    "status": 422,
    "code": "company_closed",
    "request_id": "req_1",
}
"""The error of a run that Whop rejected."""


def ended(
    stack: StackInMemory,
    *targets: str,
    status: Literal["failed", "missed", "skipped"] = "failed",
    error: Json = CLOSED,
    step: float = 1,
) -> list[str]:
    """Store runs that ended without an attempt, each some seconds after the one before. Return their ids."""
    runs = [make_run(target=target) for target in targets]
    for run in runs:
        stack.app.ledger.add_ended([(run, error)], status)
        stack.clock.forward(seconds=step)
    return [run.run_id for run in runs]


def unknown(stack: StackInMemory, target: str = "biz_A", run: Run | None = None) -> str:
    """Store a run whose outcome is unknown. Return its id."""
    run = run or make_run(target=target)
    row = stack.app.ledger.claim(run, LEASE)
    error = str(unknown_outcome(row, "2 found that may belong to this run"))
    stack.app.ledger.finish(row, "unknown", error={"type": "AichatsError", "message": error})
    return run.run_id


def succeeded(stack: StackInMemory, target: str = "biz_A", run: Run | None = None, **chat: Any) -> str:
    """Store a run whose chat exists, with some fields of the chat. Return its id."""
    run = run or make_run(target=target)
    row = stack.app.ledger.claim(run, LEASE)
    stack.clock.forward(seconds=2)
    stack.app.ledger.finish(row, "succeeded", chat_id="aich_1", result={"chat": {"id": "aich_1", **chat}})
    return run.run_id


def waiting(stack: StackInMemory, *targets: str, due_at: datetime | None = None) -> list[str]:
    """Store runs that wait until a time. Return their ids."""
    runs = [make_run(target=target) for target in targets]
    stack.app.ledger.add(runs, lambda _: due_at or stack.clock())
    return [run.run_id for run in runs]


def token_with(stack: StackInMemory, scopes: Sequence[str]) -> str:
    """Return the token of a new API client that has only these scopes."""
    callers = stack.secrets.values[CALLERS_SECRET]
    assert isinstance(callers, dict)
    stack.secrets.values[CALLERS_SECRET] = {**callers, "limited": stored_caller("token-of-limited", *scopes)}
    return "token-of-limited"
