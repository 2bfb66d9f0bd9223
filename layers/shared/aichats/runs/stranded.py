"""Finds stranded runs, which no process will perform, and resumes or ends them."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aichats.aws.observability import count, count_now, logger
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.decisions import unknown_outcome
from aichats.runs.dispatch import Dispatcher
from aichats.runs.failures import cancellation, without_next_check
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.perform import ALARMING, MAX_AGE
from aichats.runs.queue import Due, QueueError
from aichats.schedules.pauses import PauseWindow

SWEEP_INTERVAL = timedelta(minutes=5)
"""The time between two sweeps. The template has the same value."""
GIVE_UP = MAX_AGE + timedelta(hours=1)
"""The age at which the sweep ends a run. An attempt would have ended it after 24 hours, so no attempt succeeded."""
GIVEN_UP: Json = {"type": "GivenUp", "message": "aichats could not perform the run within 24 hours"}
"""The error of a run that ends without an error of its own."""
FIRST_PAUSE, LONGEST_PAUSE = SWEEP_INTERVAL, timedelta(hours=1)
"""The shortest and the longest time until a resumed run may be resumed again."""


@frozen
class StrandedRuns:
    """Finds stranded runs in the ledger."""

    ledger: Ledger
    dispatcher: Dispatcher

    def resume(self, time_is_up: Callable[[], bool] = lambda: False) -> dict[str, int]:
        """Send a message for every overdue run, and end the runs that are too old.

        After a message, a run is left alone for a while, longer each time. So if a sweep stops because ``time_is_up``,
        the next sweep continues with the other runs. Each sweep also begins with another part of the ledger.

        While the stack is paused, no messages are sent, and no run is postponed. So after the pause, the next sweep
        sends the messages of all runs that are due.

        Returns:
            ``{"resumed", "ended"}``: the numbers of resumed and ended runs.

        Raises:
            QueueError: SQS did not accept some messages. The next sweep sends them.
        """
        now = self.ledger.clock()
        window = self.dispatcher.stack_pause.current(now)
        count("StackPaused", int(window is not None))
        swept, failure = {"resumed": 0, "ended": 0}, None
        sent = Counter[str]()
        # A run that became due within the settle time still has a message in a queue.
        for rows in self.ledger.reads.overdue(
            now - self.ledger.settle, first=int(now.timestamp() / SWEEP_INTERVAL.total_seconds())
        ):
            if time_is_up():
                logger.warning("sweep of runs stopped before its end", extra=swept)
                break
            too_old = [row for row in rows if now - row.opened_at > GIVE_UP]
            swept["ended"] += sum(self._end(row, window) for row in too_old)
            due = [] if window else [row for row in rows if row not in too_old]
            try:
                swept["resumed"] += self._resume(due, now, sent)
            except QueueError as error:
                failure = error
        count("RunsResumed", swept["resumed"])
        if failure is not None:
            raise failure
        return swept

    def _resume(self, rows: Sequence[Row], now: datetime, sent: Counter[str]) -> int:
        """Send messages for runs. Return the number of runs. ``sent`` counts the runs of each provider."""
        if not rows:
            return 0
        runs = [row.run for row in rows]
        delays = dict(zip((run.run_id for run in runs), self.dispatcher.spread(runs, sent), strict=True))
        self.dispatcher.queue.send([Due.of(run, delays[run.run_id]) for run in runs])
        for row in rows:
            logger.warning("stranded run sent again", extra={"run_id": row.run.run_id, "status": row.status})
        # Postponed after the messages. If the process dies in between, the runs are sent again, which is harmless.
        self.ledger.postpone(rows, lambda row: _next_check(row, now, delays[row.run.run_id]))
        return len(rows)

    def _end(self, row: Row, window: PauseWindow | None) -> bool:
        status: EndStatus = "unknown" if row.in_doubt else "failed"
        error = _final_error(row, window)
        if row.cancel is not None and row.chat_id is None and not row.in_doubt:
            status, error = "cancelled", cancellation(row.cancel)
        if status in ALARMING:
            count_now(ALARMING[status])
        try:
            self.ledger.give_up(row, status, error)
        except LedgerConflictError:
            return False
        logger.error("run given up", extra={"run_id": row.run.run_id, "status": status})
        return True


def _final_error(row: Row, window: PauseWindow | None) -> Json:
    """Return the last error of a run that ends now, without the promise that aichats checks its outcome.

    ``window`` is the pause of the stack, in which the run had to wait.
    """
    error = row.error or GIVEN_UP
    message = without_next_check(error)
    if window:
        message = f"{message.rstrip('.')}. The stack is {window.in_words()}"
    if row.in_doubt:
        message = str(unknown_outcome(row, message.rstrip(".")))
    return {**error, "message": message}


def _next_check(row: Row, now: datetime, delay: timedelta) -> datetime:
    """Return the time from which a run may be resumed again. Like the waits between attempts, it depends on the age."""
    pause = max(FIRST_PAUSE, min(LONGEST_PAUSE, (now - row.opened_at) / 2))
    return min(now + delay + pause, row.opened_at + GIVE_UP)
