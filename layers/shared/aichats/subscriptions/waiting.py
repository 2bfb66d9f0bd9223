"""Deliveries that wait: which of them are attempted when a receiver works again, or when their time has come."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aichats.automations.sweep_part import CallAll, call_concurrently
from aichats.aws.observability import Contained, count, logger
from aichats.events.log import EventLog
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text, utc_now
from aichats.subscriptions.circuit import GIVE_UP_AFTER
from aichats.subscriptions.deliveries import DeliveryTable
from aichats.subscriptions.delivery_queue import (
    DeliveryMessage,
    DeliveryQueue,
    FlushMessage,
    ProbeMessage,
    QueuedMessage,
)
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable

FIRST_PART, MAX_PART = 10, 200
"""The number of deliveries in the first part of a flush, and the maximum. Each part has twice as many as the last."""
NEXT_PART = timedelta(seconds=1)
"""The time between two parts, in which a receiver that fails again shows it."""
CANDIDATES = 3
"""The number of deliveries of which one is the probe. The index may still show one that has just ended."""
IN_FLIGHT = timedelta(minutes=1)
"""The time in which the message of a delivery that is due may still be on its way."""
FAILING_LONG = timedelta(minutes=15)
"""The time after which a receiver that fails raises an alarm."""


@frozen
class WaitingDeliveries:
    """Finds deliveries that wait, and sends a message for each."""

    subscriptions: SubscriptionTable
    deliveries: DeliveryTable
    log: EventLog
    queue: DeliveryQueue
    clock: Callable[[], datetime] = utc_now
    call_all: CallAll = call_concurrently

    # ------------------------------------------------------------------ from the queue

    def probes(self, message: ProbeMessage) -> list[DeliveryMessage]:
        """Return deliveries with which a receiver that failed can be called again. None if its pause goes on.

        If the receiver works already, because an attempt that began before the failure succeeded, everything that was
        held back since then is sent.

        Raises:
            QueueError: SQS did not accept a message.
            AwsError: DynamoDB did not answer.
        """
        row, now = self._row(message), self.clock()
        if row is None or _is_paused(row, now):
            return []
        until = now + GIVE_UP_AFTER
        if not row.failures:
            flush = FlushMessage(subscription=row.name, created_at=row.created_at, until=until, started_at=now)
            self.queue.send([flush])
            return []
        held, _ = self.deliveries.waiting(row.identity, held=True, until=until, limit=CANDIDATES)
        due = [] if held else self.deliveries.waiting(row.identity, held=False, until=now, limit=CANDIDATES)[0]
        return self._messages(message, held or due, early=False)

    def flush(self, message: FlushMessage) -> None:
        """Send a message for each delivery of a part, and one for the next part.

        A later flush replaces an earlier one, and copies of a message don't repeat the rest. If the receiver fails
        again, only deliveries that are due by their own schedule are sent. The others wait for the next success.

        Raises:
            QueueError: SQS did not accept a message.
            AwsError: DynamoDB did not answer.
        """
        row = self._row(message)
        if row is None or (_needs_probe(row) and message.until > self.clock()):
            return
        limit = min(FIRST_PART * 2**message.part, MAX_PART)
        places, last = self.deliveries.waiting(
            message.identity, held=message.held, until=message.until, limit=limit, after=message.after
        )
        self.queue.send(self._messages(message, places, early=message.early))
        if last is not None and self.subscriptions.claim_flush(row, message.place, held=message.held):
            self.queue.send([message.model_copy(update={"after": last, "part": message.part + 1})], NEXT_PART)

    # ------------------------------------------------------------------ from the sweep

    def check(self) -> None:
        """Count the receivers that fail for long, and send messages for the deliveries that are overdue.

        Raises:
            Exception: a subscription could not be checked. The others were.
        """
        rows = self.subscriptions.list()
        failing = [row for row in rows if row.subscription.enabled and self._fails_long(row)]
        for row in failing:
            since = to_text(row.failing_since or row.updated_at)
            log_fields = {"subscription": row.name, "failing_since": since, "reason": row.last_error}
            logger.warning("subscription fails", extra=log_fields)
        count("SubscriptionsFailing", len(failing))
        errors = [error for error in self.call_all(self._contained, rows) if error is not None]
        if errors:
            raise errors[0]

    # ------------------------------------------------------------------ inside

    def _fails_long(self, row: SubscriptionRow) -> bool:
        return row.failing_since is not None and self.clock() - row.failing_since >= FAILING_LONG

    def _contained(self, row: SubscriptionRow) -> Exception | None:
        """Look after a subscription. Return the error, if there was one."""
        with Contained("overdue deliveries not sent", {"subscription": row.name}) as attempt:
            self._nudge(row)
        return attempt.error

    def _nudge(self, row: SubscriptionRow) -> None:
        """Send messages for the deliveries of a subscription that are overdue.

        Raises:
            QueueError: SQS did not accept a message.
            AwsError: DynamoDB did not answer.
        """
        now = self.clock()
        is_paused = _is_paused(row, now)
        # During a pause, deliveries are held back that are due by their own schedule, and old ones are given up.
        bounds = {True: now if is_paused else now + GIVE_UP_AFTER, False: now - IN_FLIGHT}
        messages: Sequence[QueuedMessage] = [
            FlushMessage(subscription=row.name, created_at=row.created_at, held=held, until=until, started_at=now)
            for held, until in bounds.items()
            if self.deliveries.waiting(row.identity, held=held, until=until, limit=1)[0]
        ]
        if messages and _needs_probe(row) and not is_paused:
            messages = [ProbeMessage(subscription=row.name, created_at=row.created_at)]
        self.queue.send(messages)

    def _row(self, message: ProbeMessage | FlushMessage) -> SubscriptionRow | None:
        """Return the subscription of a message; ``None`` if it no longer exists, or can't be read."""
        row = self.subscriptions.find([message.subscription]).get(message.subscription)
        return row if row is not None and row.identity == message.identity else None

    def _messages(
        self, of: ProbeMessage | FlushMessage, places: Sequence[str], *, early: bool
    ) -> list[DeliveryMessage]:
        """Return the messages of stored deliveries. A delivery whose event is no longer stored is given up."""
        events = self.log.find(places)
        stored = self.deliveries.find([(of.identity, place) for place in places])
        messages: list[DeliveryMessage] = []
        for (_, place), delivery in stored.items():
            if (event := events.get(place)) is not None:
                messages.append(
                    DeliveryMessage(
                        subscription=of.subscription,
                        created_at=of.created_at,
                        event=event.envelope,
                        redelivery=delivery.redelivery,
                        early=early,
                        slow=True,  # New events, in the other queue, must not wait behind thousands of old ones.
                    )
                )
            elif delivery.status == "waiting":
                self.deliveries.give_up(delivery, of.subscription, "the event is deleted", self.clock())
        return messages


def _is_paused(row: SubscriptionRow, now: datetime) -> bool:
    return row.open_until is not None and now < row.open_until


def _needs_probe(row: SubscriptionRow) -> bool:
    """Return whether a single delivery must first show that a receiver works. A disabled subscription attempts none."""
    return row.failures > 0 and row.subscription.enabled
