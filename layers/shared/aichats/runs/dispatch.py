"""Dispatches runs: performs a run here, or sends many runs, slow runs and waiting runs to the queues."""

import contextvars
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import replace
from datetime import timedelta
from functools import cached_property

from aichats.aws.observability import count, logger
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.runs.ledger.ledger import DueAt, Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.perform import Outcome, OutcomeState, Performer, outcome_of
from aichats.runs.queue import Due, Queue, QueueError
from aichats.runs.stack_pause import StackPause

FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.2, 1.0
"""The pauses between two reads of a run that the API client waits for."""
LAST_READ_SECONDS = 0.5
"""The time that is reserved for the last read and the answer."""

type Add = Callable[[Sequence[Run], DueAt], list[Run]]
"""Stores runs. Returns the runs that are open now."""

METRICS: dict[OutcomeState, str] = {"succeeded": "RunsSucceeded", "waiting": "RunsWaiting"}


@frozen
class Dispatcher:
    """Performs runs, or sends them to the queues.

    A stored run is never lost. If SQS does not accept its message, the run stays open in the ledger, and the sweep
    sends another message. So no method raises QueueError.

    While the stack is paused, no run is performed. Runs are stored and wait in the ledger.
    """

    ledger: Ledger
    performer: Performer
    queue: Queue
    sleep: Callable[[float], None] = time.sleep

    @cached_property
    def stack_pause(self) -> StackPause:
        """The pause of the stack."""
        return StackPause(self.ledger.items)

    def perform(self, run: Run | str, lease: timedelta) -> Outcome:
        """Perform a run here. If the run must wait, send it to the queue.

        Raises:
            LookupError: no run has this id.
        """
        if self.stack_pause.current(self.ledger.clock()):
            return self._keep(run)
        outcome = self.performer.perform(run, lease)
        if outcome.performed:
            try:
                self._send_if_waiting(outcome)
            except QueueError as error:
                logger.error("run left to the sweep", extra={"run_id": outcome.row.run.run_id, "reason": str(error)})
        _count([outcome])
        return outcome

    def perform_batch(self, run_ids: Sequence[str], lease: timedelta) -> list[Outcome | BaseException | None]:
        """Perform runs at the same time, each in a thread that ends before this method returns.

        Returns:
            The outcome of each run; ``None`` if the stack is paused, because the sweep sends another message after the
            pause. If the run's code crashed, or SQS did not accept the next message of a waiting run, the exception,
            because SQS must deliver the run's message again.
        """
        if not run_ids:
            return []
        if window := self.stack_pause.current(self.ledger.clock()):
            logger.info("runs wait: the stack is paused", extra={"runs": len(run_ids), "by": window.by})
            return [None] * len(run_ids)
        with ThreadPoolExecutor(max_workers=len(run_ids)) as pool:
            # Each job runs in a copy of this context, which contains the deadline.
            jobs = [pool.submit(contextvars.copy_context().run, self._deliver, run_id, lease) for run_id in run_ids]
        results: list[Outcome | BaseException | None] = []
        results += [_result(run_id, job) for run_id, job in zip(run_ids, jobs, strict=True)]
        _count(result for result in results if isinstance(result, Outcome))
        return results

    def enqueue(self, runs: Sequence[Run], earlier: Counter[str] | None = None, add: Add | None = None) -> None:
        """Store runs in the ledger and send messages for them. Delays between the runs keep the rate limits.

        A second call with the same runs sends only the runs that are still open.

        Args:
            runs: the runs.
            earlier: see :meth:`spread`.
            add: stores the runs, as :meth:`Ledger.add` does by default.
        """
        if not runs:
            return
        now = self.ledger.clock()
        delays = self.spread(runs, Counter() if earlier is None else earlier)
        delay_of = {run.run_id: delay for run, delay in zip(runs, delays, strict=True)}
        opened = (add or self.ledger.add)(runs, lambda index: now + delays[index])
        self._send([Due.of(run, delay_of[run.run_id]) for run in opened])

    def spread(self, runs: Sequence[Run], earlier: Counter[str]) -> list[timedelta]:
        """Return a delay for each run, so that the runs of each provider keep its rate limit.

        Args:
            runs: the runs.
            earlier: the number of each provider's runs that are due before these runs. These runs are added.
        """
        pauses: dict[str, timedelta] = {}
        delays: list[timedelta] = []
        for run in runs:
            number = earlier[run.provider]
            # One pause for all runs of a provider, because the provider may have to read its secret.
            if number and run.provider not in pauses:
                pauses[run.provider] = self._pause(run)
            delays.append(number * pauses.get(run.provider, timedelta(0)))
            earlier[run.provider] += 1
        return delays

    def enqueue_stored(self, *rows: Row) -> None:
        """Send messages for open runs. They arrive when the runs are due."""
        if rows:
            self._send([self._due(row) for row in rows])

    def wait_for(self, run: Run) -> Outcome:
        """Wait until a queued run ends, or until the deadline.

        Returns:
            The outcome; ``waiting`` if the run is still open.

        Raises:
            LookupError: the ledger no longer has the run.
        """
        pause = FIRST_PAUSE_SECONDS
        while (row := self.ledger.get(run.run_id)) is not None and row.is_open:
            if remaining(default=0.0) < pause + LAST_READ_SECONDS:
                return replace(outcome_of(row), state="waiting")
            self.sleep(pause)
            pause = min(pause * 1.5, MAX_PAUSE_SECONDS)
        if row is None:
            raise LookupError(f"run {run.run_id} was queued, but it is gone")
        return replace(outcome_of(row), performed=True)

    def _keep(self, run: Run | str) -> Outcome:
        """Store a run and leave it to the queue. Return its state.

        Raises:
            LookupError: no run has this id.
        """
        run_id = run if isinstance(run, str) else run.run_id
        if isinstance(run, Run):
            self.enqueue([run])
        row = self.ledger.get(run_id)
        if row is None:
            raise LookupError(f"there is no run {run_id}")
        return outcome_of(row)

    def _send(self, runs: Sequence[Due]) -> None:
        try:
            self.queue.send(runs)
        except QueueError as error:
            run_ids = [run.run_id for run in runs]
            logger.error("runs left to the sweep", extra={"run_ids": run_ids, "reason": str(error)})
        else:
            count("RunsQueued", len(runs))

    def _pause(self, run: Run) -> timedelta:
        """Return the time between the starts of two runs like this one."""
        return timedelta(seconds=1 / self.performer.providers[run.provider].per_second(run))

    def _deliver(self, run_id: str, lease: timedelta) -> Outcome:
        """Perform the run of a message. If the run must wait, send another message."""
        outcome = self.performer.perform(run_id, lease)
        self._send_if_waiting(outcome)
        return outcome

    def _send_if_waiting(self, outcome: Outcome) -> None:
        if outcome.state == "waiting" and outcome.row.due_at is not None:
            self.queue.send([self._due(outcome.row)])

    def _due(self, row: Row) -> Due:
        now = self.ledger.clock()
        return Due.of(row.run, (row.due_at or now) - now)


def _result(run_id: str, job: Future[Outcome]) -> Outcome | BaseException:
    """Return the outcome of a run, or log its exception and return it."""
    error = job.exception()
    if error is None:
        return job.result()
    log_fields = {"run_id": run_id, "reason": str(error)}
    if isinstance(error, QueueError):
        logger.error("run not sent", extra=log_fields)
    elif type(error) is LookupError:  # A KeyError or an IndexError is a crash.
        logger.error("run not found", extra=log_fields)
    else:
        logger.error("run crashed", extra={"run_id": run_id}, exc_info=error)
    return error


def _count(outcomes: Iterable[Outcome]) -> None:
    """Count the runs that were performed now. Don't call this in a thread: Powertools' metrics aren't thread-safe."""
    for state, number in Counter(outcome.state for outcome in outcomes if outcome.performed).items():
        if state in METRICS:
            count(METRICS[state], number)
