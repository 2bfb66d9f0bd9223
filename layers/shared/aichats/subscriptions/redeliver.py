"""Delivers stored events again, for example after a receiver lost them. It is done in parts, from the queue."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from aichats.events.log import EventLog, sort_key
from aichats.events.model import SentEvent
from aichats.runs.ledger.times import to_text, utc_now
from aichats.subscriptions.deliveries import KEEP_DELIVERIES, DeliveryTable
from aichats.subscriptions.delivery_queue import DeliveryMessage, DeliveryQueue, RedeliveryMessage
from aichats.subscriptions.model import selects
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.table import SubscriptionTable

PART_EVENTS = 500
"""The number of stored events that are read in a part."""


@dataclass(frozen=True)
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
            QueueError: SQS did not accept the message.
            ClientError: DynamoDB did not store the request.
        """
        now = self.clock()
        # Later requests have greater ids.
        new = message.model_copy(update={"redelivery": f"{to_text(now)}#{request}"})
        key = {"pk": f"redeliveries#{message.identity}", "sk": request}
        ttl = int((now + KEEP_DELIVERIES).timestamp())
        [existing] = self.log.items.insert([{**key, "message": new.model_dump_json(), "ttl": ttl}])
        started = new if existing is None else RedeliveryMessage.model_validate_json(existing["message"])
        self.queue.send([started])
        return started

    def perform(self, message: RedeliveryMessage) -> None:
        """Send the deliveries of a part, and the message of the next part.

        Raises:
            QueueError: SQS did not accept a message.
            ClientError: DynamoDB did not answer.
        """
        row = self.subscriptions.find([message.subscription]).get(message.subscription)
        if row is None or row.created_at != message.created_at:
            return
        events = self._failed(message) if message.failed_only else self._stored(message)
        part = list(islice(events, PART_EVENTS))
        wanted = [event for event in part if self._wants(row, message, event)]
        self.queue.send([self._message(row, message, event) for event in wanted])
        if len(part) == PART_EVENTS:
            self.queue.send([message.model_copy(update={"after": sort_key(part[-1])})])

    def _stored(self, message: RedeliveryMessage) -> Iterator[SentEvent]:
        """Yield the stored events of the time span, from the place after the last part."""
        after = max(message.after, to_text(message.since))
        until, day = to_text(message.until), datetime.fromisoformat(after[:10]).date()
        while str(day) <= until[:10]:
            for event in self.log.since(str(day), after):
                if to_text(event.time) > until:
                    return
                yield event
            day += timedelta(days=1)

    def _failed(self, message: RedeliveryMessage) -> Iterator[SentEvent]:
        """Yield the events of the time span whose delivery failed."""
        begin, end = max(message.after, to_text(message.since)), f"{to_text(message.until)}~"
        of_subscription = self.deliveries.of_subscription(message.identity, begin, end)
        places = (delivery.place for delivery in of_subscription if delivery.status == "failed")
        while batch := list(islice(places, 100)):
            found = self.log.find(batch)
            yield from (found[place] for place in batch if place in found)

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
