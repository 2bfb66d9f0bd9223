"""The result of waiting for the agent's reply, which a run's row gets once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aichats.aws.table import Table
from aichats.models import Json
from aichats.runs.ledger.row_changes import LedgerConflictError, change_row
from aichats.runs.ledger.times import to_text

WITHOUT_RESULT = (
    "#status = :succeeded AND attribute_not_exists(#replied_at) AND attribute_not_exists(#reply_overdue_at)"
)
"""The condition that a run has succeeded and has no result of its watch yet."""
DIFFERENCE_OF_CLOCKS = timedelta(seconds=5)
"""The time by which a provider's clock may be behind."""


def as_utc(time: datetime) -> datetime:
    """Return a provider's time with its zone. A time without one is in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def replied(at: datetime, since: datetime, tokens: Decimal | None = None) -> Json:
    """Return the attributes of a run whose agent has replied.

    Args:
        at: the time of the reply.
        since: the time from which ``reply_seconds`` count. If the reply is older, they aren't known.
        tokens: the tokens of the chat; ``None`` if they aren't known.
    """
    waited = as_utc(at) - since
    known = waited >= -DIFFERENCE_OF_CLOCKS
    seconds = Decimal(max(0, round(waited / timedelta(milliseconds=1)))) / 1000 if known else None
    return {"replied_at": to_text(as_utc(at)), "reply_seconds": seconds, "tokens": tokens}


def store_result(items: Table, run_id: str, result: Json) -> bool:
    """Store the result of a watch, unless the run has one. Return whether the run has this result now."""
    try:
        change_row(items, run_id, result, WITHOUT_RESULT, {"succeeded": "succeeded"})
    except LedgerConflictError:
        return False
    return True
