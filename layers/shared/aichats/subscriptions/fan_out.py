"""Sends a delivery to the queues for each event and each subscription that wants it."""

from collections.abc import Sequence

from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.subscriptions.delivery_queue import DeliveryMessage, DeliveryQueue
from aichats.subscriptions.table import SubscriptionTable


@frozen
class FanOut:
    """Queues the deliveries of events."""

    subscriptions: SubscriptionTable
    queue: DeliveryQueue

    def send(self, events: Sequence[SentEvent]) -> None:
        """Queue the deliveries of events. A delivery that is queued twice is made once.

        Raises:
            QueueError: SQS did not accept some deliveries. All others are queued.
            AwsError: DynamoDB did not return the subscriptions.
        """
        if not events:
            return
        messages = [
            DeliveryMessage(subscription=row.name, created_at=row.created_at, event=event.envelope, slow=row.slow)
            for row in self.subscriptions.list()
            for event in events
            if row.wants(event)
        ]
        self.queue.send(messages)
