"""Finds runs that nobody will act on any more, and resumes or ends them."""

from dataclasses import dataclass
from datetime import timedelta

from aichats.observability import count, count_now, logger
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import Ledger, RefusedByLedgerError
from aichats.runs.perform import ALARMING, MAX_AGE
from aichats.runs.queue import Due
from aichats.runs.rows import EndStatus, Row

GIVE_UP = MAX_AGE + timedelta(hours=1)
"""By then performing it would have ended it; that it did not means that its code cannot."""
AT_ONCE = 1000


@dataclass(frozen=True)
class Sweeper:
    """Sweeps the ledger."""

    ledger: Ledger
    dispatcher: Dispatcher

    def sweep(self) -> dict[str, int]:
        """Send again every open run whose moment is over; end those that are over. Returns how many of each."""
        now = self.ledger.clock()
        # A run that is due for less than the settle time has a message on its way.
        stranded = self.ledger.overdue(now - self.ledger.settle, limit=AT_ONCE)
        over = [row for row in stranded if now - row.opened_at > GIVE_UP]
        ended = sum(self._end(row) for row in over)
        resumed = [row for row in stranded if row not in over]
        self.dispatcher.queue.send([Due.of(row.run, timedelta(0)) for row in resumed])
        for row in resumed:
            logger.warning("stranded run sent again", extra={"run_id": row.run.run_id, "status": row.status})
        count("RunsResumed", len(resumed))
        return {"resumed": len(resumed), "ended": ended}

    def _end(self, row: Row) -> bool:
        status: EndStatus = "unknown" if row.in_doubt else "failed"
        count_now(ALARMING[status])
        try:
            self.ledger.give_up(row, status)
        except RefusedByLedgerError:
            return False
        logger.error("run given up", extra={"run_id": row.run.run_id, "status": status})
        return True
