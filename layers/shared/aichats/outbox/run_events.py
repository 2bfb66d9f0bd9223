"""The events of runs, and the counters that change with them."""

from collections.abc import Iterator, Mapping
from copy import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from aichats.aws.table import Table
from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.events.usage import usage_additions
from aichats.frozen import frozen
from aichats.outbox.slot_events import slot_additions
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.times import from_text

_COPIED = (
    "run_id",
    "automation",
    "trigger",
    "slot",
    "target",
    "status",
    "chat_id",
    "created_at",
    "finished_at",
    "replied_at",
    "reply_overdue_at",
    "reply_overdue_reason",
)


@frozen
class RunEvents:
    """Returns the entries of changes of runs.

    Args:
        stack: the name of the stack.
        table: the name of the table of runs.
        items: the table of events.
    """

    stack: str
    table: str
    items: Table

    def entries(self, change: ItemChange) -> list[Entry]:
        """Return the entries of a change of a run's row: one for each event, or one without an event.

        The first entry has the additions to the counters, which belong to the change and not to an event.
        """
        if not change.new:
            return []
        additions = usage_additions(self.items, change.old, change.new)
        additions += slot_additions(self.items, change.old, change.new)
        entries = [Entry.of(self._event(change, *happened)) for happened in _what_happened(change)]
        if entries:
            return [replace(entries[0], additions=additions), *entries[1:]]
        time = from_text(change.new["updated_at"])
        return [Entry(self._id(change, "change"), time, additions=additions)] if additions else []

    def _event(self, change: ItemChange, kind: str, time: datetime) -> SentEvent:
        return SentEvent(self._id(change, f"run.{kind}"), f"run.{kind}", time, self.stack, _data(change.new))

    def _id(self, change: ItemChange, kind: str) -> str:
        """Return the id of an event. A run may end twice in a millisecond, but each change has its own number."""
        return event_id(self.table, change.key, kind, change.new["opened_at"], change.sequence)


def _what_happened(change: ItemChange) -> Iterator[tuple[str, datetime]]:
    """Yield the kinds of a change's events, with their times."""
    old, new = change.old, change.new
    if new.get("ended") and _differ(old, new, "ended", "finished_at"):
        # A person who resolves a run does not change the time at which the run ended.
        yield new["ended"], from_text(new["finished_at" if _differ(old, new, "finished_at") else "updated_at"])
    if "replied_at" in new and _differ(old, new, "replied_at"):
        yield "replied", from_text(new["replied_at"])
    if "reply_overdue_at" in new and _differ(old, new, "reply_overdue_at"):
        yield "reply_overdue", from_text(new["reply_overdue_at"])


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> bool:
    return any(old.get(name) != new.get(name) for name in names)


def _data(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public fields of a run, without texts."""
    error, seconds, tokens = row.get("error"), row.get("reply_seconds"), row.get("tokens")
    return {
        **{name: row.get(name) for name in _COPIED},
        "action": row["type"],
        "attempts": row["attempts"],
        "labels": row.get("labels", {}),
        "error": {"type": error["type"], "message": error["message"]} if error else None,
        "reply_seconds": None if seconds is None else float(seconds),
        "tokens": None if tokens is None else format(Decimal(tokens), "f"),
    }
