"""Delivers the messages of a batch: events for subscriptions.

The stored delivery and the state of the receiver decide what is done. All deliveries of a batch are attempted at the
same time. A receiver that fails is not called for a while. Meanwhile its deliveries are held back in the table. Then
a single one shows whether it works again.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from copy import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from aichats.aws.observability import Contained, count, logger
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.http.receiver import ReceiverAnswer, ReceiverError
from aichats.runs.ledger.times import utc_now
from aichats.runs.queue import MAX_DELAY
from aichats.subscriptions.attempts import Attempts
from aichats.subscriptions.circuit import (
    ATTEMPT_SECONDS,
    GIVE_UP_AFTER,
    LONG_OUTAGE,
    SLOW_ATTEMPT_SECONDS,
    SLOW_SECONDS,
    open_until,
    retry_at,
)
from aichats.subscriptions.deliveries import Delivery, DeliveryTable
from aichats.subscriptions.delivery_queue import DeliveryMessage, DeliveryQueue, FlushMessage, ProbeMessage
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable

EARLY = timedelta(seconds=2)
"""The time by which a message may be early, because clocks differ."""
ATTEMPT_TIME = timedelta(seconds=SLOW_ATTEMPT_SECONDS + 5)
"""The longest time of an attempt, with the time in which its result is stored."""
SECOND_FLUSH = timedelta(seconds=15)
"""The time until waiting deliveries are looked for again, because some may be stored while the receiver recovers."""
POSTPONED = timedelta(seconds=5)
"""The delay of a delivery for which an invocation had no time left."""
MAX_THREADS = 10

type Step = Literal["skip", "disabled", "hold", "move", "postpone", "probe", "perform"]
type Result = Literal["delivered", "failed attempt", "given up", "held", "skipped", "moved"]


@frozen
class DeliveryJob:
    """A delivery to make."""

    message: DeliveryMessage
    row: SubscriptionRow
    delivery: Delivery

    @property
    def is_done(self) -> bool:
        """True if the delivery has ended, so its message is a duplicate."""
        return self.delivery.status != "waiting"

    @property
    def log_fields(self) -> dict[str, Any]:
        """The fields of log lines about this delivery."""
        event = self.message.event
        return {"subscription": self.row.name, "event_id": event["id"], "type": event["type"]}


@frozen
class Deliverer:
    """Delivers events to subscriptions, and stores the results."""

    subscriptions: SubscriptionTable
    deliveries: DeliveryTable
    attempts: Attempts
    queue: DeliveryQueue
    clock: Callable[[], datetime] = utc_now

    def deliver(self, messages: Mapping[str, DeliveryMessage]) -> list[str]:
        """Deliver events at the same time.

        Args:
            messages: the messages by their ids.

        Returns:
            The ids of the messages that SQS must deliver again, because the code failed.

        Raises:
            AwsError: DynamoDB did not answer, and nothing was attempted.
        """
        rows = self.subscriptions.find({message.subscription for message in messages.values()})
        unreadable = [name for name, message in messages.items() if rows.get(message.subscription, True) is None]
        jobs = self._jobs(messages, rows)
        outcomes = _at_once(self._contained, list(zip(jobs.values(), self._steps(jobs).values(), strict=True)))
        count("EventsDelivered", outcomes.count("delivered"))
        count("DeliveriesFailed", outcomes.count("failed attempt"))
        count("DeliveriesHeld", outcomes.count("held"))
        failed = [identifier for identifier, outcome in zip(jobs, outcomes, strict=True) if outcome is None]
        return failed + unreadable

    def note_success(self, row: SubscriptionRow, answer: ReceiverAnswer) -> None:
        """Note that a receiver works. If it failed before, send what waits for it."""
        now = self.clock()
        self.subscriptions.note_success(row, now, slow=answer.seconds > SLOW_SECONDS)
        if row.failures:
            logger.info("receiver works again", extra={"subscription": row.name, "failures": row.failures})
            early = now - (row.failing_since or now) >= LONG_OUTAGE
            until = now + GIVE_UP_AFTER
            held = FlushMessage(subscription=row.name, created_at=row.created_at, until=until, started_at=now)
            rest = held.model_copy(update={"held": False, "early": early, "until": held.until if early else now})
            self.queue.send([held, rest])
            second = held.model_copy(update={"started_at": now + SECOND_FLUSH})
            self.queue.send([second], SECOND_FLUSH)

    # ------------------------------------------------------------------ inside

    def _jobs(
        self, messages: Mapping[str, DeliveryMessage], rows: Mapping[str, SubscriptionRow | None]
    ) -> dict[str, DeliveryJob]:
        """Return the deliveries of messages whose subscription still exists. Duplicates in the batch are left out."""
        now = self.clock()
        fresh = {
            identifier: (message, row, Delivery.of(row.identity, message.sent_event, now, message.redelivery))
            for identifier, message in messages.items()
            if (row := rows.get(message.subscription)) and row.created_at == message.created_at
        }
        stored = self.deliveries.find([(new.subscription, new.place) for _, row, new in fresh.values()])
        jobs: dict[tuple[str, str], tuple[str, DeliveryJob]] = {}
        # Of the messages of a delivery, the last one counts: that of the newest request, or the one that may be early.
        ordered = sorted(fresh.items(), key=lambda each: (each[1][0].redelivery or "", each[1][0].early))
        for identifier, (message, row, new) in ordered:
            key = (new.subscription, new.place)
            jobs[key] = (identifier, DeliveryJob(message, row, _current(stored.get(key), new)))
        return dict(jobs.values())

    def _steps(self, jobs: Mapping[str, DeliveryJob]) -> dict[str, Step]:
        """Return what to do with each delivery. Of a receiver that failed, only one delivery is attempted."""
        steps: dict[str, Step] = {}
        probed: set[str] = set()
        for identifier, job in jobs.items():
            step = self._step(job)
            if step == "probe" and job.row.name in probed:
                step = "hold"
            if step == "probe":
                probed.add(job.row.name)
            steps[identifier] = step
        return steps

    def _step(self, job: DeliveryJob) -> Step:
        now, row = self.clock(), job.row
        if job.is_done or not (job.message.early or job.delivery.is_due(now + EARLY)):
            return "skip"
        if not row.subscription.enabled:
            return "disabled"
        if row.open_until is not None and now < row.open_until:
            return "hold"
        if row.slow and not job.message.slow:
            return "move"
        return "probe" if row.failures else "perform"

    def _contained(self, ready: tuple[DeliveryJob, Step]) -> Result | None:
        """Perform a step; ``None`` if the code failed."""
        job, step = ready
        if step in ("probe", "perform") and remaining(default=math.inf) < ATTEMPT_TIME.total_seconds():
            # An attempt that is cut short would blame the receiver. A later invocation has time for it.
            step = "postpone"
        actions: Mapping[Step, Callable[[DeliveryJob], Result]] = {
            "skip": _skip,
            "disabled": self._disabled,
            "hold": self._hold,
            "move": self._move,
            "postpone": self._postpone,
            "probe": self._probe,
            "perform": self._perform,
        }
        with Contained("delivery not handled", job.log_fields):
            return actions[step](job)
        return None

    def _move(self, job: DeliveryJob) -> Result:
        """Send a message to the slow queue, so that its receiver delays no other."""
        self.queue.send([job.message.model_copy(update={"slow": True})])
        return "moved"

    def _postpone(self, job: DeliveryJob) -> Result:
        """Send a message that comes later, because this invocation has no time for an attempt."""
        # With a delay, invocations that never have the time can't send each other messages all the time.
        self.queue.send([job.message.model_copy(update={"slow": True})], POSTPONED)
        return "moved"

    def _disabled(self, job: DeliveryJob) -> Result:
        return self._give_up(job, "the subscription is disabled")

    def _give_up(self, job: DeliveryJob, reason: str) -> Result:
        given_up = self.deliveries.give_up(job.delivery, job.row.name, reason, self.clock())
        return "given up" if given_up else "skipped"

    def _hold(self, job: DeliveryJob) -> Result:
        """Hold a delivery back until its receiver works again. That is not an attempt."""
        now, delivery = self.clock(), job.delivery
        if now >= delivery.since + GIVE_UP_AFTER:
            return self._give_up(job, delivery.last_error or job.row.last_error or "the receiver fails")
        if not (delivery.held and delivery.version):
            # It has no time of its own for the next attempt, only one at which it is given up.
            self.deliveries.store(replace(delivery, held=True, due_at=delivery.since + GIVE_UP_AFTER), now)
        return "held"

    def _probe(self, job: DeliveryJob) -> Result:
        """Attempt a delivery to see whether its receiver works again, unless another invocation does."""
        if not self.subscriptions.claim_probe(job.row, self.clock() + ATTEMPT_TIME):
            return self._hold(job)
        return self._perform(job)

    def _perform(self, job: DeliveryJob) -> Result:
        limit = SLOW_ATTEMPT_SECONDS if job.message.slow else ATTEMPT_SECONDS
        begun, old = self.clock(), job.delivery
        counted = old.is_due(begun + EARLY)
        attempted = replace(
            old,
            attempts=old.attempts + counted,
            first_attempt_at=old.first_attempt_at or begun,
            last_attempt_at=begun,
            held=False,
            due_at=None,
        )
        try:
            answer = self.attempts.make(job.row, job.message.sent_event, limit)
        except ReceiverError as error:
            return self._failed(replace(job, delivery=attempted), None if counted else old.due_at, error)
        seconds = f"{answer.seconds:.3f}"
        done = replace(attempted, status="delivered", last_status=answer.status, last_error=None, seconds=seconds)
        self.deliveries.store(done, self.clock())
        logger.info("event delivered", extra=job.log_fields | {"status": answer.status, "seconds": seconds})
        self.note_success(job.row, answer)
        return "delivered"

    def _failed(self, job: DeliveryJob, planned: datetime | None, error: ReceiverError) -> Result:
        """Store a failed attempt with the time of the next one, and pause the receiver.

        Args:
            job: the delivery after the attempt.
            planned: the time of the next attempt, if this attempt was an early one.
            error: the failure.
        """
        now, delivery = self.clock(), replace(job.delivery, last_status=error.status, last_error=str(error))
        logger.warning("delivery failed", extra=job.log_fields | {"attempts": delivery.attempts, "reason": str(error)})
        due_at = planned or retry_at(delivery.attempts, delivery.since, now, error.retry_after)
        if due_at is None:
            result = self._give_up(replace(job, delivery=delivery), str(error))
        else:
            self.deliveries.store(replace(delivery, due_at=due_at), now)
            if planned is None and due_at - now <= MAX_DELAY:
                self.queue.send([job.message.model_copy(update={"slow": True, "early": False})], due_at - now)
            result = "failed attempt"
        self._note_failure(job.row, error)
        return result

    def _note_failure(self, row: SubscriptionRow, error: ReceiverError) -> None:
        """Pause a receiver. Send the message that ends the pause."""
        now = self.clock()
        until = open_until(row.failures + 1, now, error.retry_after)
        if self.subscriptions.note_failure(row, str(error), now, until, slow=True):
            self.queue.send([ProbeMessage(subscription=row.name, created_at=row.created_at)], until - now)


def _skip(_job: DeliveryJob) -> Result:
    return "skipped"


def _current(stored: Delivery | None, new: Delivery) -> Delivery:
    """Return the delivery of a message: the stored one, unless a newer request delivers its event again."""
    if stored is None:
        return new
    if new.redelivery is not None and new.redelivery > (stored.redelivery or ""):
        return replace(new, version=stored.version)
    return stored


def _at_once[T, R](function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Call a function for each value at the same time, within the deadline of this thread."""
    if not values:
        return []
    with ThreadPoolExecutor(max_workers=min(MAX_THREADS, len(values))) as pool:
        return [future.result() for future in [pool.submit(copy_context().run, function, value) for value in values]]
