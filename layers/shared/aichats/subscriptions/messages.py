"""Handles the messages of the delivery queues."""

from collections.abc import Mapping, Sequence
from typing import Any

from aichats.aws.observability import Contained, logger
from aichats.frozen import frozen
from aichats.runs.queue_messages import UnreadableMessageError
from aichats.subscriptions.deliver import Deliverer
from aichats.subscriptions.delivery_queue import (
    DeliveryMessage,
    DeliveryQueue,
    FlushMessage,
    ProbeMessage,
    QueuedMessage,
    RedeliveryMessage,
    read_delivery_message,
)
from aichats.subscriptions.redeliver import Redeliveries
from aichats.subscriptions.waiting import WaitingDeliveries


@frozen
class DeliveryHandler:
    """Handles batches of messages."""

    deliverer: Deliverer
    waiting: WaitingDeliveries
    redeliveries: Redeliveries
    queue: DeliveryQueue

    def handle(self, records: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, str]]]:
        """Handle a batch. All its deliveries are made at the same time, after its other messages.

        Returns:
            ``{"batchItemFailures": [{"itemIdentifier"}]}``: the messages that SQS must deliver again.

        Raises:
            AwsError: DynamoDB did not answer, and no delivery was made.
        """
        deliveries: dict[str, DeliveryMessage] = {}
        failed: list[str] = []
        for record in records:
            identifier, body = record["messageId"], record["body"]
            with Contained("message about deliveries not handled", {"message_id": identifier}) as attempt:
                deliveries |= self._read(identifier, body)
            failed += [identifier] if attempt.error else []
        failed += [identifier.partition("/")[0] for identifier in self.deliverer.deliver(deliveries)]
        return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in dict.fromkeys(failed)]}

    def _read(self, identifier: str, body: str) -> dict[str, DeliveryMessage]:
        """Return the deliveries that a message asks for, by ids that begin with the message's id. Do all else.

        Raises:
            QueueError: SQS did not accept a message.
            AwsError: DynamoDB did not answer.
        """
        try:
            message: QueuedMessage = read_delivery_message(body)
        except UnreadableMessageError as error:
            logger.error("message cannot be read", extra={"message_id": identifier, "reason": str(error)})
            self.queue.bury(body, str(error))
            return {}
        match message:
            case DeliveryMessage():
                return {identifier: message}
            case ProbeMessage():
                return {f"{identifier}/{number}": each for number, each in enumerate(self.waiting.probes(message))}
            case FlushMessage():
                self.waiting.flush(message)
            case RedeliveryMessage():
                self.redeliveries.perform(message)
        return {}
