"""The changes of a run's row: each is one conditional write, which the ledger may reject."""

from datetime import datetime, timedelta
from typing import Any

from aichats.aws.table import NO_VALUES, Table
from aichats.aws.writes import ConditionFailedError
from aichats.errors import AichatsError
from aichats.json_types import Json
from aichats.runs.ledger.rows import EndStatus, Row, row_from
from aichats.runs.ledger.times import to_text

KEEP_ENDED = timedelta(days=90)
"""The retention time of ended rows. It must be at least 30 days, because a queue keeps a message for 14 days."""
STILL_OPEN = "attribute_exists(#open_state)"
OPEN_AS_READ = f"{STILL_OPEN} AND #updated_at = :read"
"""The condition that a row is open and has not changed since it was read."""
OUTCOME_KNOWN = {"unsettled_at": None, "credential": None, "seen": None}
"""The changes that record a known outcome."""
OPEN_ATTRIBUTES = ("open_state", "due_at", "ready_at", "lease", "lease_until")
"""The attributes that only an open row has."""


class LedgerConflictError(AichatsError):
    """The ledger rejected a change, because the row does not allow it or changed at the same time.

    Attributes:
        row: the row as it is now; ``None`` if it does not exist.
    """

    def __init__(self, row: Row | None) -> None:
        super().__init__("the ledger rejected a change of a run")
        self.row = row


def change_row(
    items: Table, run_id: str, changes: Json, condition: str, values: Json = NO_VALUES, **options: Any
) -> dict[str, Any]:
    """Change a row if a condition is met. ``options`` are those of :meth:`Table.update`, which returns the result.

    Raises:
        LedgerConflictError: the condition is not met, and nothing was changed.
    """
    try:
        return items.update(run_id, changes, condition, values, **options)
    except ConditionFailedError as error:
        raise LedgerConflictError(row_from(error.current_item) if error.current_item else None) from error


def ended_attributes(status: EndStatus, now: datetime) -> Json:
    """Return the attributes that only an ended row has."""
    return {"ended": status, "finished_at": to_text(now), "ttl": int((now + KEEP_ENDED).timestamp())}


def ended_item(item: Json, status: EndStatus, error: Json, now: datetime) -> dict[str, Any]:
    """Return the attributes of a new run that ends before anything is done."""
    attributes = {**item, "status": status, "error": error, **ended_attributes(status, now)}
    return {name: value for name, value in attributes.items() if name not in OPEN_ATTRIBUTES and value is not None}
