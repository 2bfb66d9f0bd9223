"""The changes that people make to runs: replay and resolve."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from aichats.aws.table import Table
from aichats.runs.ledger.row_changes import OUTCOME_KNOWN, LedgerConflictError, change_row
from aichats.runs.ledger.rows import EndStatus, Row, open_state, row_from
from aichats.runs.ledger.texts import Texts
from aichats.runs.ledger.times import to_text

REPLAYABLE: tuple[EndStatus, ...] = ("failed", "missed", "skipped", "unknown")


@dataclass(frozen=True)
class Steering:
    """Changes runs as people ask. Safe to share between threads.

    Args:
        settle: the time in which the effect of a call with an unknown outcome may still appear.
    """

    items: Table
    texts: Texts
    settle: timedelta
    clock: Callable[[], datetime]

    def replay(self, run_id: str) -> Row:
        """Open an ended run again, under the same id.

        The run is due now. If its outcome is unknown, the run is due after the settle time.

        Returns:
            The row, with its ``due_at``.

        Raises:
            LedgerConflictError: the run is open, can't be replayed, could not be rendered, or does not exist.
        """
        item = self.items.get(run_id)
        row = row_from(item) if item else None
        if row is None or row.status not in REPLAYABLE or row.unrendered:
            raise LedgerConflictError(row)
        return self.reopen(row)

    def reopen(self, row: Row) -> Row:
        """Open an ended run that was read a short time ago. See :meth:`replay`.

        Raises:
            LedgerConflictError: the row changed since it was read.
        """
        now = self.clock()
        if row.action_key is not None:
            self.texts.extend(row.action_key, now)
        due_at = max(now, row.unsettled_at + self.settle) if row.unsettled_at else now
        changes = {
            "status": "pending",
            "open_state": open_state(row.run.run_id),
            "due_at": to_text(due_at),
            "opened_at": to_text(now),
            "updated_at": to_text(now),
            "attempts": 0,
        }
        values = {"old_status": row.status, "read": to_text(row.updated_at)}
        condition = "#status = :old_status AND #updated_at = :read"
        change_row(self.items, row.run.run_id, changes, condition, values, remove=("ttl", "finished_at", "ended"))
        times: dict[str, Any] = {"due_at": due_at, "opened_at": now, "updated_at": now, "finished_at": None}
        return replace(row, status="pending", attempts=0, **times)

    def resolve(self, run_id: str, status: Literal["succeeded", "failed"], *, chat_id: str | None, by: str) -> None:
        """End a run of unknown outcome as a person decided. If the row has a chat, it keeps the chat.

        Raises:
            LedgerConflictError: the outcome of the run is known, or the run does not exist.
        """
        now = to_text(self.clock())
        error = None if status == "succeeded" else {"type": "Resolved", "message": f"resolved as failed by {by}"}
        changes = {"status": status, "ended": status, "error": error, "updated_at": now, **OUTCOME_KNOWN}
        changes |= {"chat_id": chat_id} if chat_id else {}
        change_row(self.items, run_id, changes, "#status = :unknown", {"unknown": "unknown"})
