"""The looks at the chat of a run that awaits a reply, and their result, which the run's row gets once."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aichats.aws.table import Table
from aichats.aws.writes import ConditionFailedError
from aichats.json_types import Json
from aichats.runs.ledger.row_changes import LedgerConflictError, change_row
from aichats.runs.ledger.times import to_text

WITHOUT_RESULT = (
    "#status = :succeeded AND attribute_not_exists(#replied_at) AND attribute_not_exists(#reply_overdue_at)"
)
"""The condition that a run has succeeded and has no result of its watch yet."""
DIFFERENCE_OF_CLOCKS = timedelta(seconds=5)
"""The time by which a provider's clock may be behind."""
KEEP_LOOKS = timedelta(days=1)
"""The retention time of the number of looks. It exceeds the time of a watch."""


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


def sent_looks(items: Table, run_id: str) -> int:
    """Return the number of the latest look at a run's chat whose message was sent; 0 if that is the first look."""
    item = items.get(_looks_key(run_id))
    return 0 if item is None else int(item["looks"])


def note_sent_look(items: Table, run_id: str, looks: int, now: datetime) -> None:
    """Note that the message of a look was sent. The number never shrinks.

    It is an item of its own, because each change of an ended run's row is a message to ``publish_events``.
    """
    changes = {"looks": looks, "ttl": int((now + KEEP_LOOKS).timestamp())}
    with suppress(ConditionFailedError):
        items.update(_looks_key(run_id), changes, f"{items.is_absent} OR #looks < :sent", {"sent": looks})


def _looks_key(run_id: str) -> str:
    return f"looks:{run_id}"
