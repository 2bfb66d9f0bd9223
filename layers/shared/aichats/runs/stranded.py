"""Finds runs that nobody will act on any more, and resumes or ends them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aichats.aws.observability import count, count_now, logger
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger, LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.perform import ALARMING, MAX_AGE
from aichats.runs.queue import Due, QueueError

EVERY = timedelta(minutes=5)
"""How often the template has the ledger swept."""
GIVE_UP = MAX_AGE + timedelta(hours=1)
"""By then performing it would have ended it; that it did not means that its code cannot."""
PER_SECOND = 8
"""How many runs begin in a second: as many as a fan-out for Whop lets begin."""
FIRST_PAUSE, LONGEST_PAUSE = EVERY, timedelta(hours=1)
"""How long a run that was sent again is left alone."""


@dataclass
class Swept:
    """What a sweep did so far."""

    resumed: int = 0
    ended: int = 0


@dataclass(frozen=True)
class StrandedRuns:
    """Sweeps the ledger."""

    ledger: Ledger
    dispatcher: Dispatcher

    def resume(self, time_is_up: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """Send again every open run whose moment is over; end those that are over. Returns how many of each.

        A run that was sent again is left alone for a while, longer each time. So a sweep that stops because
        ``time_is_up`` goes on with the others next time; it also begins with another part of the ledger each time.

        Raises:
            QueueError: SQS did not take some; they are sent by the next sweep.
        """
        now = self.ledger.clock()
        swept, failure = Swept(), None
        # A run that is due for less than the settle time has a message on its way.
        for rows in self.ledger.reads.overdue(
            now - self.ledger.settle, first=int(now.timestamp() / EVERY.total_seconds())
        ):
            if time_is_up():
                logger.warning("sweep of runs stopped before its end", extra={**vars(swept)})
                break
            over = [row for row in rows if now - row.opened_at > GIVE_UP]
            swept.ended += sum(self._end(row) for row in over)
            try:
                self._resume([row for row in rows if row not in over], now, swept)
            except QueueError as error:
                failure = error
        count("RunsResumed", swept.resumed)
        if failure is not None:
            raise failure
        return {**vars(swept)}

    def _resume(self, rows: Sequence[Row], now: datetime, swept: Swept) -> None:
        if not rows:
            return
        delays = {
            row.run.run_id: timedelta(seconds=(swept.resumed + number) / PER_SECOND) for number, row in enumerate(rows)
        }
        self.dispatcher.queue.send([Due.of(row.run, delays[row.run.run_id]) for row in rows])
        for row in rows:
            logger.warning("stranded run sent again", extra={"run_id": row.run.run_id, "status": row.status})
        swept.resumed += len(rows)
        # After the messages: what dies before this is sent again, which does no harm.
        self.ledger.postpone(rows, lambda row: _look_again(row, now, delays[row.run.run_id]))

    def _end(self, row: Row) -> bool:
        status: EndStatus = "unknown" if row.in_doubt else "failed"
        count_now(ALARMING[status])
        try:
            self.ledger.give_up(row, status)
        except LedgerConflictError:
            return False
        logger.error("run given up", extra={"run_id": row.run.run_id, "status": status})
        return True


def _look_again(row: Row, now: datetime, delay: timedelta) -> datetime:
    """Return when to look after a run again: half as long again as it is open already, like its attempts."""
    pause = max(FIRST_PAUSE, min(LONGEST_PAUSE, (now - row.opened_at) / 2))
    return min(now + delay + pause, row.opened_at + GIVE_UP)
