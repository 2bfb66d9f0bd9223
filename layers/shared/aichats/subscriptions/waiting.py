"""Deliveries that wait: which of them are attempted when a receiver works again, or when their time has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aichats.events.log import EventLog
from aichats.runs.ledger.times import utc_now
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

PART = 50
"""The number of deliveries in a part of a flush."""
CANDIDATES = 3
"""The number of deliveries of which one is the probe. The index may still show one that has just ended."""
IN_FLIGHT = timedelta(minutes=1)
"""The time in which the message of a delivery that is due may still be on its way."""


@dataclass(frozen=True)
class WaitingDeliveries:
    """Finds deliveries that wait."""

    subscriptions: SubscriptionTable
    deliveries: DeliveryTable
    log: EventLog
    queue: DeliveryQueue
    clock: Callable[[], datetime] = utc_now

    def probes(self, message: ProbeMessage) -> list[DeliveryMessage]:
        """Return deliveries with which a receiver that failed can be called again. None if its pause goes on."""
        row, now = self.subscriptions.find([message.subscription]).get(message.subscription), self.clock()
        if row is None or not row.failures or (row.open_until is not None and now < row.open_until):
            return []
        held, _ = self.deliveries.waiting(row.identity, held=True, until=now + GIVE_UP_AFTER, limit=CANDIDATES)
        due = [] if held else self.deliveries.waiting(row.identity, held=False, until=now, limit=CANDIDATES)[0]
        return self._messages(message, held or due, early=False)

    def flush(self, message: FlushMessage) -> None:
        """Send a message for each delivery of a part, and one for the next part.

        If the receiver has failed again, the rest waits for its next success. Otherwise each success of a receiver that
        often fails would send all deliveries that wait, although it gets only a few of them before its next failure.

        Raises:
            QueueError: SQS did not accept a message.
            ClientError: DynamoDB did not answer.
        """
        if message.after is not None and self._is_paused(message.subscription):
            return
        places, last = self.deliveries.waiting(
            message.identity, held=message.held, until=message.until, limit=PART, after=message.after
        )
        messages: list[QueuedMessage] = [*self._messages(message, places, early=message.early)]
        if last is not None:
            messages.append(message.model_copy(update={"after": last}))
        self.queue.send(messages)

    def nudge(self, row: SubscriptionRow) -> int:
        """Send messages for the deliveries of a subscription that are overdue. Return how many messages were sent.

        Raises:
            QueueError: SQS did not accept a message.
            ClientError: DynamoDB did not answer.
        """
        now = self.clock()
        is_paused = row.open_until is not None and now < row.open_until
        # During a pause, deliveries are held back that are due by their own schedule, and old ones are given up.
        bounds = {True: now if is_paused else now + GIVE_UP_AFTER, False: now - IN_FLIGHT}
        messages: Sequence[QueuedMessage] = [
            FlushMessage(subscription=row.name, created_at=row.created_at, held=held, until=until)
            for held, until in bounds.items()
            if self.deliveries.waiting(row.identity, held=held, until=until, limit=1)[0]
        ]
        if messages and row.failures and not is_paused:
            messages = [ProbeMessage(subscription=row.name, created_at=row.created_at)]
        self.queue.send(messages)
        return len(messages)

    def _is_paused(self, name: str) -> bool:
        row = self.subscriptions.find([name]).get(name)
        return row is not None and row.open_until is not None and self.clock() < row.open_until

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
                        slow=isinstance(of, ProbeMessage),
                    )
                )
            elif delivery.status == "waiting":
                gone = replace(delivery, status="failed", held=False, due_at=None, last_error="the event is deleted")
                self.deliveries.store(gone, self.clock())
        return messages
