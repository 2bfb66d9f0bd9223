"""Where runs are performed: one here and now; many, and what takes minutes, through the queues; what waits, too."""

import contextvars
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

from aichats.aws.observability import count, logger
from aichats.http.deadline import remaining
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run
from aichats.runs.perform import Outcome, Performer, State, found
from aichats.runs.queue import Due, Queue, QueueError

FIRST_LOOK, MAX_LOOK = 0.2, 1.0
"""Seconds between two looks at a run that is watched."""
LOOK_MARGIN = 0.5
"""Seconds for the last look and the answer."""

METRICS: dict[State, str] = {
    "succeeded": "RunsSucceeded",
    "waiting": "RunsWaiting",
}


@dataclass(frozen=True)
class Dispatcher:
    """Performs runs, or has them performed."""

    ledger: Ledger
    performer: Performer
    queue: Queue
    sleep: Callable[[float], None] = time.sleep

    def perform(self, run: Run | str, lease: timedelta) -> Outcome:
        """Perform a run here; if it must wait, send it to the queue. If that cannot be done it is left to the sweep.

        Raises:
            LookupError: there is no run with this id.
        """
        outcome = self.performer.perform(run, lease)
        if outcome.performed:
            try:
                self._send_again(outcome)
            except QueueError:
                logger.exception("run left to the sweep", extra={"run_id": outcome.row.run.run_id})
        _count([outcome])
        return outcome

    def perform_or_queue(self, runs: Sequence[Run], lease: timedelta) -> list[dict[str, str | None]]:
        """Perform a single run here, and put several, or what takes minutes, to a queue. What is known of each."""
        if len(runs) == 1 and not runs[0].slow:
            outcome = self.perform(runs[0], lease)
            return [{"run_id": runs[0].run_id, "status": outcome.state, "chat_id": outcome.row.chat_id}]
        self.fan_out(runs)
        return [{"run_id": run.run_id, "status": "queued", "chat_id": None} for run in runs]

    def watch(self, run: Run) -> Outcome:
        """Watch a run that was queued, as long as this call may take. One that is still open then waits."""
        wait = FIRST_LOOK
        while (row := self.ledger.get(run.run_id)) is not None and row.is_open:
            if remaining(default=0.0) < wait + LOOK_MARGIN:
                return replace(found(row), state="waiting")
            self.sleep(wait)
            wait = min(wait * 1.5, MAX_LOOK)
        if row is None:
            raise LookupError(f"run {run.run_id} was queued, and is gone")
        return replace(found(row), performed=True)

    def perform_batch(self, run_ids: Sequence[str], lease: timedelta) -> list[Outcome | BaseException]:
        """Perform runs at the same time, each in a thread that ends before this call does. A crash hurts no other."""
        if not run_ids:
            return []
        with ThreadPoolExecutor(max_workers=len(run_ids)) as pool:
            # Each in a copy of this context: the deadline travels in it.
            jobs = [pool.submit(contextvars.copy_context().run, self._deliver, run_id, lease) for run_id in run_ids]
        results = [_result(run_id, job) for run_id, job in zip(run_ids, jobs, strict=True)]
        _count(result for result in results if isinstance(result, Outcome))
        return results

    def fan_out(self, runs: Sequence[Run]) -> None:
        """Write the runs to the ledger, then send messages for them, spread so that the rate limit is kept.

        Repeated for the same runs it sends again only what is still open.

        Raises:
            QueueError: SQS did not take some; all are in the ledger, and ``sweep_runs`` sends them again.
        """
        self._send(self._add(runs))

    def accept(self, runs: Sequence[Run], after: int = 0) -> None:
        """As :meth:`fan_out`, for a caller who is told the ids: once they are in the ledger the runs will be performed.

        Were an error told, the caller would start them again. ``after`` says how many runs come before these.
        """
        self.send_or_leave(self._add(runs, after))

    def send_or_leave(self, runs: Sequence[Due]) -> None:
        """Send a message for each run, all of which are in the ledger. Those that SQS refuses are left to the sweep."""
        try:
            self._send(runs)
        except QueueError:
            logger.exception("runs left to the sweep", extra={"run_ids": [run.run_id for run in runs]})

    def _add(self, runs: Sequence[Run], after: int = 0) -> list[Due]:
        """Write the runs to the ledger. Those that are open now, and when each is due from now on."""
        now = self.ledger.clock()
        apart = self._apart(runs[0]) if after or runs[1:] else timedelta(0)
        delay_of = {run.run_id: number * apart for number, run in enumerate(runs, after)}
        opened = self.ledger.add(runs, lambda index: now + (after + index) * apart)
        return [Due.of(run, delay_of[run.run_id]) for run in opened]

    def _send(self, runs: Sequence[Due]) -> None:
        self.queue.send(runs)
        count("RunsQueued", len(runs))

    def _apart(self, run: Run) -> timedelta:
        return timedelta(seconds=1 / self.performer.actions[run.provider].per_second(run))

    def _deliver(self, run_id: str, lease: timedelta) -> Outcome:
        """Perform the run of a message. Where it is due later than SQS can delay a message, send the message again."""
        outcome = self.performer.perform(run_id, lease)
        self._send_again(outcome)
        return outcome

    def _send_again(self, outcome: Outcome) -> None:
        due_at = outcome.row.due_at
        if outcome.state == "waiting" and due_at is not None:
            # If this fails the run is not lost: it is open, and sweep_runs finds it.
            self.queue.send([Due.of(outcome.row.run, due_at - self.ledger.clock())])


def _result(run_id: str, job: Future[Outcome]) -> Outcome | BaseException:
    crash = job.exception()
    if crash is None:
        return job.result()
    logger.error("run crashed", extra={"run_id": run_id}, exc_info=crash)
    return crash


def _count(outcomes: Iterable[Outcome]) -> None:
    """Metrics of what was done now. Not in the threads: Powertools' metrics are not made for that."""
    for state, times in Counter(outcome.state for outcome in outcomes if outcome.performed).items():
        if state in METRICS:
            count(METRICS[state], times)
