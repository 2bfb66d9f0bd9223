"""Where runs are performed: one here and now, many through the queue; and what waits goes to the queue."""

import contextvars
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import count as numbers

from aichats.observability import count, logger
from aichats.runs.ledger import Ledger
from aichats.runs.model import Run
from aichats.runs.perform import Outcome, Performer, State
from aichats.runs.queue import MAX_DELAY, Queue

PER_SECOND = 8.0
"""Runs of a fan-out that are begun in a second: a create and a change each, under Whop's 600 a minute for either."""


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

    def perform(self, run: Run | str, lease: timedelta) -> Outcome:
        """Perform a run here; if it must wait, send it to the queue.

        Raises:
            LookupError: there is no run with this id.
        """
        outcome = self._perform(run, lease)
        _count([outcome])
        return outcome

    def perform_or_queue(self, runs: Sequence[Run], lease: timedelta) -> list[dict[str, str | None]]:
        """Perform a single run here, and put several to the queue. Returns what is known of each."""
        if len(runs) == 1:
            outcome = self.perform(runs[0], lease)
            return [{"run_id": runs[0].run_id, "status": outcome.state, "chat_id": outcome.row.chat_id}]
        self.fan_out(runs)
        return [{"run_id": run.run_id, "status": "queued", "chat_id": None} for run in runs]

    def perform_batch(self, run_ids: Sequence[str], lease: timedelta) -> list[Outcome | BaseException]:
        """Perform runs at the same time, each in a thread that ends before this call does. A crash hurts no other."""
        if not run_ids:
            return []
        with ThreadPoolExecutor(max_workers=len(run_ids)) as pool:
            # Each in a copy of this context: the deadline travels in it.
            jobs = [pool.submit(contextvars.copy_context().run, self._perform, run_id, lease) for run_id in run_ids]
        results = [_result(run_id, job) for run_id, job in zip(run_ids, jobs, strict=True)]
        _count(result for result in results if isinstance(result, Outcome))
        return results

    def fan_out(self, runs: Sequence[Run]) -> None:
        """Write the runs to the ledger, then send one message for each, spread so that the rate limit is kept.

        Repeated for the same runs it sends again only what is still open.
        """
        now = self.ledger.clock()
        delays = [min(timedelta(seconds=number / PER_SECOND), MAX_DELAY) for number, _ in zip(numbers(), runs)]
        opened = self.ledger.add(runs, lambda index: now + delays[index])
        delay_of = {run.run_id: delay for run, delay in zip(runs, delays, strict=True)}
        self.queue.send((run.run_id, delay_of[run.run_id]) for run in opened)
        count("RunsQueued", len(opened))

    def _perform(self, run: Run | str, lease: timedelta) -> Outcome:
        outcome = self.performer.perform(run, lease)
        due_at = outcome.row.due_at
        if outcome.performed and outcome.state == "waiting" and due_at is not None:
            # If this fails the run is not lost: it is open, and sweep_runs finds it.
            self.queue.send([(outcome.row.run.run_id, due_at - self.ledger.clock())])
        return outcome


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
