"""Decisions about a run that can't continue now: it waits, or it ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aichats.errors import (
    AichatsError,
    APIConnectionError,
    APIStatusError,
    OutcomeUnknownError,
    ProtocolError,
    RateLimitError,
)
from aichats.frozen import frozen
from aichats.runs.failures import without_next_check
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.providers.marks import mark_of

MAX_RUN_ATTEMPTS = 8
"""The maximum number of attempts that reach the provider. A 429 does not count, because the provider did nothing."""


@frozen
class Wait:
    """The decision that the run must wait.

    Attributes:
        wait: the time to wait; ``None``: longer each time.
        unsettled: whether the outcome of an effect is unknown.
        called: whether the attempt counts, because the provider may have done something.
        rejected: whether the provider rejected the call and did nothing. The next call needs another idempotency key.
    """

    error: AichatsError | None
    wait: timedelta | None = None
    unsettled: bool = False
    called: bool = False
    rejected: bool = False


@frozen
class End:
    """The decision that the run ends without success."""

    status: EndStatus
    error: AichatsError
    rejected: bool = False


@dataclass
class StopError(AichatsError):
    """The run can't continue now. The decision says whether it waits or ends."""

    decision: Wait | End


def decide(error: AichatsError, settle: timedelta) -> Wait | End:
    """Return the decision for an effect that failed."""
    match error:
        case OutcomeUnknownError() | ProtocolError():
            return Wait(error, settle, unsettled=True, called=True)
        case APIConnectionError():
            return Wait(error)
        case RateLimitError():
            return Wait(error, wait_named_by(error), rejected=True)
        case _:
            return End("failed", error, rejected=isinstance(error, APIStatusError))


def cancelled_meanwhile(claimed: Row, row: Row | None) -> Mapping[str, Any] | None:
    """Return the cancellation of a run that a person cancelled during its attempt; ``None`` if it was not cancelled.

    Args:
        claimed: the run as this attempt claimed it.
        row: the run as it is now.
    """
    return row.cancel if row is not None and row.lease == claimed.lease else None


def wait_named_by(error: AichatsError) -> timedelta | None:
    """Return the time that the provider asks to wait; ``None`` if it names none."""
    wait = error.retry_after if isinstance(error, APIStatusError) else None
    return None if wait is None else timedelta(seconds=wait)


def unknown_outcome(row: Row, reason: str) -> AichatsError:
    """Return the error of a run whose outcome a person must look up. It says how, and where to record the outcome."""
    mark = mark_of(row.title)
    where = f"Look for a chat whose title begins with {mark}" if mark else "Check at the provider what happened"
    return AichatsError(f"the outcome is unknown: {reason}. {where}, then call POST /runs/{row.run.run_id}/resolve")


def last_error(row: Row) -> AichatsError:
    """Return the error of a run that ends after its last attempt."""
    last = without_next_check(row.error) if row.error else "no attempt reached the provider"
    return AichatsError(f"gave up after {min(row.attempts, MAX_RUN_ATTEMPTS)} attempts; the last error: {last}")
