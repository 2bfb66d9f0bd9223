"""The events of runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.times import from_text

_COPIED = ("run_id", "automation", "trigger", "slot", "target", "status", "chat_id", "labels", "created_at")


@dataclass(frozen=True)
class RunEvents:
    """Returns the entries of changes of runs.

    Args:
        stack: the name of the stack.
        table: the name of the table of runs.
    """

    stack: str
    table: str

    def entries(self, change: ItemChange) -> list[Entry]:
        """Return the entries of a change of a run's row."""
        ended, finished_at = change.new.get("ended"), change.new.get("finished_at")
        if (
            not ended
            or not finished_at
            or (change.old.get("ended"), change.old.get("finished_at")) == (ended, finished_at)
        ):
            return []
        unique = event_id(self.table, change.key, f"run.{ended}", change.new["opened_at"], finished_at)
        return [Entry.of(SentEvent(unique, f"run.{ended}", from_text(finished_at), self.stack, _data(change.new)))]


def _data(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public fields of a run, without texts."""
    data = {name: row.get(name) for name in _COPIED}
    error = row.get("error")
    return data | {
        "labels": row.get("labels", {}),
        "action": row["type"],
        "attempts": row["attempts"],
        "error": {"type": error["type"], "message": error["message"]} if error else None,
        "finished_at": row["finished_at"],
    }
