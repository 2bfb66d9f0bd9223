"""Replays of ended runs, one at a time: by a person, or as a part of a job."""

from dataclasses import dataclass
from datetime import datetime

from aichats.errors import AichatsError
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.steering import REPLAYABLE

NEVER_RENDERED = (
    "can't be replayed, because its texts couldn't be rendered and its event is not stored. "
    "Fix the automation; its next run uses the fix"
)
NOT_REPLAYABLE = "can't be replayed"


class NotReplayableError(AichatsError):
    """A run can't be replayed.

    Attributes:
        row: the run as it is now; ``None`` if it does not exist.
        reason: the reason, as the end of a sentence about the run.
    """

    def __init__(self, row: Row | None, reason: str) -> None:
        super().__init__(f"the run {reason}")
        self.row = row
        self.reason = reason


@dataclass(frozen=True)
class Replays:
    """Opens ended runs again, under the same ids."""

    ledger: Ledger

    def replay(self, row: Row, *, opened_at: datetime | None = None, due_at: datetime | None = None) -> Row:
        """Open a run again that was read a short time ago. It still needs a message.

        Args:
            row: the run. Its action may be abridged.
            opened_at: the time from which the run's age counts, by default now.
            due_at: the earliest time at which the run is due, by default now.

        Returns:
            The row, with its ``due_at``.

        Raises:
            NotReplayableError: the run's status or its end doesn't allow it, or the run changed since it was read.
            UnreadableError: the run's stored action has expired.
        """
        if (reason := self._obstacle(row)) is not None:
            raise NotReplayableError(row, reason)
        try:
            return self.ledger.steering.reopen(row, opened_at=opened_at, due_at=due_at)
        except LedgerConflictError as conflict:
            raise NotReplayableError(conflict.row, NOT_REPLAYABLE) from conflict

    def _obstacle(self, row: Row) -> str | None:
        """Return the reason why a run can't be replayed; ``None`` if it can be."""
        if row.run.not_after is not None and row.run.not_after <= self.ledger.clock():
            return f"can't be replayed, because it had to start before {row.run.not_after.isoformat()}"
        if row.status not in REPLAYABLE:
            return NOT_REPLAYABLE
        return NEVER_RENDERED if row.unrendered else None
