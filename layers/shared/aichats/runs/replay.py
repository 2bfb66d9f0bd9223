"""Replays of ended runs, one at a time: by a person, or as a part of a job."""

from collections.abc import Callable, Sequence
from datetime import datetime

from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.steering import REPLAYABLE
from aichats.runs.ledger.texts import TextExpiredError
from aichats.runs.model import Run

NEVER_RENDERED = (
    "can't be replayed, because its texts couldn't be rendered and its event is not stored. "
    "Fix the automation; its next run uses the fix"
)
NOT_REPLAYABLE = "can't be replayed"
TEXT_EXPIRED = "because its text is no longer kept (parameter KeepTextsDays)"


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


@frozen
class Replayed:
    """A run that was replayed.

    Attributes:
        row: the run as it is now: open, but without a message; or failed, because other runs replace it.
        others: the ids of other runs of its event that were queued.
    """

    row: Row
    others: Sequence[str] = ()

    @property
    def run_ids(self) -> list[str]:
        """The ids of all runs that will be performed."""
        return [*([self.row.run.run_id] if self.row.is_open else []), *self.others]


@frozen
class ReplayTerms:
    """The conditions of a replay.

    Attributes:
        companies: the companies for which runs may be started; ``None`` if there is no limit.
        opened_at: the time from which the run's age counts, by default now.
        due_at: the earliest time at which the run is due, by default now.
    """

    companies: frozenset[str] | None = None
    opened_at: datetime | None = None
    due_at: datetime | None = None


NO_TERMS = ReplayTerms()
type RenderAgain = Callable[[Row, ReplayTerms], Replayed]
"""Renders a run again and opens it, or starts the runs that replace it."""


@frozen
class Replays:
    """Opens ended runs again, under the same ids.

    Args:
        render_again: replays a run whose texts could not be rendered.
    """

    ledger: Ledger
    render_again: RenderAgain

    def replay(self, row: Row, terms: ReplayTerms = NO_TERMS) -> Replayed:
        """Open a run again that was read a short time ago. It still needs a message. Its action may be abridged.

        Raises:
            NotReplayableError: the run's status or its end doesn't allow it, its text has expired, or the run changed
                since it was read.
            InputError: the texts of the run can't be rendered now either.
            UnreadableError: this version of the code can't read the run.
        """
        if (reason := self._obstacle(row)) is not None:
            raise NotReplayableError(row, reason)
        if row.unrendered:
            return self.render_again(row, terms)
        try:
            return Replayed(self.ledger.steering.reopen(row, opened_at=terms.opened_at, due_at=terms.due_at))
        except LedgerConflictError as conflict:
            raise NotReplayableError(conflict.row, NOT_REPLAYABLE) from conflict
        except TextExpiredError as expired:
            raise NotReplayableError(row, f"can't be replayed, {TEXT_EXPIRED}") from expired

    def _obstacle(self, row: Row) -> str | None:
        """Return the reason why a run can't be replayed; ``None`` if it can be."""
        if row.run.not_after is not None and row.run.not_after <= self.ledger.clock():
            return f"can't be replayed, because it had to start before {row.run.not_after.isoformat()}"
        return NOT_REPLAYABLE if row.status not in REPLAYABLE else None


def is_within(run: Run, companies: frozenset[str] | None) -> bool:
    """Return whether a run creates a chat of Whop for one of the companies. ``None``: for any company."""
    return companies is None or (run.action.type == "whop.create_chat" and run.target in companies)
