"""The wiring of everything that sends events to subscriptions, for :mod:`aichats.bootstrap`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from aichats.aws.clients import aws_client
from aichats.aws.table import Table
from aichats.events.log import EventLog
from aichats.http.receiver import ReceiverClient
from aichats.settings import DeliverySettings, ReceiverSettings
from aichats.subscriptions.attempts import Attempts
from aichats.subscriptions.deliver import Deliverer
from aichats.subscriptions.deliveries import DeliveryTable
from aichats.subscriptions.delivery_queue import DeliveryQueue
from aichats.subscriptions.fan_out import FanOut
from aichats.subscriptions.messages import DeliveryHandler
from aichats.subscriptions.redeliver import Redeliveries
from aichats.subscriptions.table import SubscriptionTable
from aichats.subscriptions.waiting import WaitingDeliveries


@dataclass
class Outgoing:
    """The objects that send events to subscriptions.

    Attributes:
        runs: the table of runs.
        signing_key: returns the stack's signing key.
    """

    environment: Mapping[str, str] = field(repr=False)
    subscriptions: SubscriptionTable
    log: EventLog
    runs: Table
    signing_key: Callable[[], str]
    clock: Callable[[], datetime]

    @cached_property
    def queue(self) -> DeliveryQueue:
        """The delivery queues."""
        settings = DeliverySettings.from_environment(self.environment)
        return DeliveryQueue(
            lambda: aws_client("sqs"),
            settings.delivery_queue_url,
            settings.slow_delivery_queue_url,
            settings.delivery_dead_letters_url,
        )

    @cached_property
    def fan_out(self) -> FanOut:
        """Queues the deliveries of events."""
        return FanOut(self.subscriptions, self.queue)

    @cached_property
    def deliveries(self) -> DeliveryTable:
        """The stored deliveries."""
        return DeliveryTable(self.log.items)

    @cached_property
    def deliverer(self) -> Deliverer:
        """Delivers events."""
        receivers = ReceiverSettings.from_environment(self.environment)
        client = ReceiverClient(allow_loopback=receivers.allow_loopback)
        attempts = Attempts(client.post, self.signing_key, self.runs, self.clock)
        return Deliverer(self.subscriptions, self.deliveries, attempts, self.queue, self.clock)

    @cached_property
    def waiting(self) -> WaitingDeliveries:
        """Finds deliveries that wait."""
        return WaitingDeliveries(self.subscriptions, self.deliveries, self.log, self.queue, self.clock)

    @cached_property
    def messages(self) -> DeliveryHandler:
        """Handles the messages of the delivery queues."""
        redeliveries = Redeliveries(self.subscriptions, self.deliveries, self.log, self.queue)
        return DeliveryHandler(self.deliverer, self.waiting, redeliveries, self.queue)
