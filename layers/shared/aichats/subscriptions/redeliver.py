"""Delivers stored events again, for example after a receiver lost them. It is done in parts, from the queue."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from aichats.aws.transactions import Addition, Insertion, LimitExceededError, insert_once
from aichats.errors import AichatsError
from aichats.events.log import BY_TIME, EventLog, sort_key
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text, utc_now
from aichats.subscriptions.deliveries import KEEP_DELIVERIES, DeliveryTable
from aichats.subscriptions.delivery_queue import DeliveryMessage, DeliveryQueue, RedeliveryMessage
from aichats.subscriptions.model import selects
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable

PART_EVENTS = 500
"""The number of stored events that are read in a part."""
PART_DELIVERIES = 1000
"""The number of deliveries that are read in a part to find those that failed, which may be few of very many."""
MAX_REQUESTS = 10
"""The maximum number of requests for a subscription in an hour. Each may deliver all events of 30 days."""


class TooManyRedeliveriesError(AichatsError):
    """Events of a subscription were delivered again too often in this hour."""


@frozen
class Redeliveries:
    """Delivers stored events again. A duplicate part is harmless, because a request delivers each event once."""

    subscriptions: SubscriptionTable
    deliveries: DeliveryTable
    log: EventLog
    queue: DeliveryQueue
    clock: Callable[[], datetime] = utc_now

    def start(self, message: RedeliveryMessage, request: str) -> RedeliveryMessage:
        """Store a request and queue its first part. A request that was stored before is queued again as it was.

        Args:
            message: the request, whose id is still missing.
            request: identifies the request.

        Raises:
            TooManyRedeliveriesError: there were ten other requests in this hour.
            QueueError: SQS did not accept the message.
            AwsError: DynamoDB did not store the request.
        """
        now, items = self.clock(), self.log.items
        # Later requests have greater ids.
        new = message.model_copy(update={"redelivery": f"{to_text(now)}#{request}"})
        partition, ttl = f"redeliveries#{message.identity}", int((now + KEEP_DELIVERIES).timestamp())
        item = {"pk": partition, "sk": request, "message": new.model_dump_json(), "ttl": ttl}
        hour = (partition, f"hour#{to_text(now)[:13]}")
        counted = Addition(items, hour, {"requests": 1}, {"ttl": ttl}, {"requests": MAX_REQUESTS})
        try:
            [existing] = insert_once([Insertion(items, item, [counted])])
        except LimitExceededError:
            problem = f"events were delivered again {MAX_REQUESTS} times in this hour, which is the maximum"
            raise TooManyRedeliveriesError(f"{problem}. Wait until the next hour begins") from None
        started = new if existing is None else RedeliveryMessage.model_validate_json(existing["message"])
        self.queue.send([started])
        return started

    def perform(self, message: RedeliveryMessage) -> None:
        """Send the deliveries of a part, and the message of the next part.

        Raises:
            QueueError: SQS did not accept a message.
            AwsError: DynamoDB did not answer.
        """
        row = self.subscriptions.find([message.subscription]).get(message.subscription)
        if row is None or row.created_at != message.created_at:
            return
        events, last = self._failed(message) if message.failed_only else self._stored(message)
        wanted = [event for event in events if self._wants(row, message, event)]
        self.queue.send([self._message(row, message, event) for event in wanted])
        if last is not None:
            self.queue.send([message.model_copy(update={"after": last})])

    def _stored(self, message: RedeliveryMessage) -> tuple[list[SentEvent], str | None]:
        """Return the stored events of a part, and the place after which more follow."""
        events = list(islice(self._events(message), PART_EVENTS))
        return events, sort_key(events[-1]) if len(events) == PART_EVENTS else None

    def _events(self, message: RedeliveryMessage) -> Iterator[SentEvent]:
        """Return the stored events of the time span, from the place after the last part."""
        after = max(message.after, to_text(message.since))
        return (event for _, event in self.log.after(BY_TIME, after, to_text(message.until)))

    def _failed(self, message: RedeliveryMessage) -> tuple[list[SentEvent], str | None]:
        """Return the events of a part whose delivery failed, and the place after which more deliveries follow."""
        begin, end = max(message.after, to_text(message.since)), f"{to_text(message.until)}~"
        read = list(islice(self.deliveries.of_subscription(message.identity, begin, end), PART_DELIVERIES))
        found = self.log.find([delivery.place for delivery in read if delivery.status == "failed"])
        return list(found.values()), read[-1].place if len(read) == PART_DELIVERIES else None

    def _wants(self, row: SubscriptionRow, message: RedeliveryMessage, event: SentEvent) -> bool:
        return row.wants(event) and (not message.events or selects(message.events, event.type))

    def _message(self, row: SubscriptionRow, message: RedeliveryMessage, event: SentEvent) -> DeliveryMessage:
        return DeliveryMessage(
            subscription=row.name,
            created_at=row.created_at,
            event=event.envelope,
            redelivery=message.redelivery,
            slow=True,  # New events must not wait behind thousands of old ones.
        )
