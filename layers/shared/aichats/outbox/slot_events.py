"""The event ``slot.finished``: the summary of a slot with two or more runs, when all of them have ended.

The progress of a slot is an item with the number of its ended runs by status. The transaction that stores the event of
a run also changes this item. A second item has the times, and a note of the change that finished the slot. Transactions
don't write it, so its writes meet none of their conflicts.

The first publisher that sees all runs ended writes the note. If it dies before the event is published, Lambda sends the
same change again, and the note says that the event belongs to it. Later changes, such as those of a replay, are not in
the note, so they publish no second event.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, get_args

from aichats.aws.table import Table
from aichats.aws.transactions import Addition
from aichats.aws.writes import ConditionFailedError
from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.ledger.times import from_text

KEEP_SLOTS = timedelta(days=90)
COUNTS, TIMES = "-", "times"
"""The sort keys of a slot's two items."""
ENDS: tuple[str, ...] = get_args(EndStatus)


def slot_additions(items: Table, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Addition]:
    """Return the additions to the progress of a slot for the change of a run's row; none if the slot has one run."""
    key = _slot_of(new)
    if key is None or old.get("ended") == new.get("ended"):
        return []
    amounts = {
        status: 1 if status == new.get("ended") else -1 for status in (old.get("ended"), new.get("ended")) if status
    }
    return [Addition(items, (key, COUNTS), amounts, {"runs": new["slot_runs"], "ttl": _ttl(new)})]


@frozen
class SlotEvents:
    """Finds the slots that a batch of changes has finished.

    Args:
        stack: the name of the stack.
        table: the name of the table of runs.
        items: the table of events.
    """

    stack: str
    table: str
    items: Table

    def note_times(self, changes: Iterable[ItemChange]) -> None:
        """Store the times of the slots of ended runs. Call this before you store the entries of the changes.

        So a slot whose runs are all counted has the right times.
        """
        for key, ends in _ends(changes).items():
            rows = [change.new for change in ends]
            started_at, ended_at = min(row["created_at"] for row in rows), max(row["finished_at"] for row in rows)
            self._note(key, "started_at", started_at, "<", _ttl(rows[0]))
            self._note(key, "ended_at", ended_at, ">", _ttl(rows[0]))

    def finished(self, changes: Iterable[ItemChange]) -> list[Entry]:
        """Return an entry for each slot that these changes have finished. Their own entries must be stored."""
        slots = _ends(changes)
        # A publisher stores the times before the counts, so the times must be read after the counts. A batch read has
        # no order.
        all_counts, all_times = self._read(slots, COUNTS), self._read(slots, TIMES)
        entries: list[Entry] = []
        for key, ends in slots.items():
            counts, times = all_counts.get(key, {}), all_times.get(key, {})
            finish = times.get("finish") or self._finish(key, counts, times, ends)
            if finish and finish["change"] in {_change_id(change) for change in ends}:
                entries.append(self._entry(ends[0].new, finish))
        return entries

    def _read(self, slots: Iterable[str], part: str) -> dict[str, Json]:
        """Return one of the two items of each slot, by the key of the slot."""
        keys = [(key, part) for key in slots]
        return {item["pk"]: item for item in self.items.get_all(keys, singly=False)}

    def _note(self, key: str, name: str, time: str, order: str, ttl: int) -> None:
        """Store a time if it is earlier (``<``) or later (``>``) than the stored one."""
        condition = f"attribute_not_exists(#{name}) OR :{name} {order} #{name}"
        with suppress(ConditionFailedError):
            self.items.update((key, TIMES), {name: time, "ttl": ttl}, condition)

    def _finish(self, key: str, counts: Json, times: Json, ends: Sequence[ItemChange]) -> Json | None:
        """Note that these changes have finished a slot, unless others have.

        Returns:
            The note; ``None`` if runs are open.
        """
        ended = {status: counts[status] for status in ENDS if counts.get(status)}
        if not ended or sum(ended.values()) < counts["runs"]:
            return None
        finish = {
            "change": _change_id(ends[-1]),
            "counts": ended,
            "started_at": times["started_at"],
            "finished_at": times["ended_at"],
        }
        try:
            self.items.update((key, TIMES), {"finish": finish}, "attribute_not_exists(#finish)")
        except ConditionFailedError as error:
            stored: Json = error.current_item["finish"]
            return stored
        return finish

    def _entry(self, row: Mapping[str, Any], finish: Json) -> Entry:
        counts = dict.fromkeys(ENDS, 0) | finish["counts"]
        data = {
            "automation": row["automation"],
            "slot": row["slot"],
            "runs": sum(counts.values()),
            "counts": counts,
            "started_at": finish["started_at"],
            "finished_at": finish["finished_at"],
        }
        unique = event_id(self.table, "slot.finished", row["automation"], row["slot"])
        return Entry.of(SentEvent(unique, "slot.finished", from_text(finish["finished_at"]), self.stack, data))


def _ends(changes: Iterable[ItemChange]) -> dict[str, list[ItemChange]]:
    """Return the changes that ended runs, by the key of their slot."""
    ends: dict[str, list[ItemChange]] = {}
    for change in changes:
        key = _slot_of(change.new)
        if key is not None and change.new.get("ended") and change.old.get("ended") != change.new["ended"]:
            ends.setdefault(key, []).append(change)
    return ends


def _slot_of(row: Mapping[str, Any]) -> str | None:
    """Return the partition key of a slot's items; ``None`` if the run has no slot, or is the only run of its slot."""
    return f"slot#{row['automation']}#{row['slot']}" if row.get("slot_runs") else None


def _change_id(change: ItemChange) -> str:
    return event_id(change.key, change.sequence)


def _ttl(row: Mapping[str, Any]) -> int:
    return int((from_text(row["created_at"]) + KEEP_SLOTS).timestamp())
