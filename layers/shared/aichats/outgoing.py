"""The wiring of everything that publishes events and sends them to subscriptions, for :mod:`aichats.bootstrap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from aichats.aws.clients import aws_client
from aichats.aws.table import Table
from aichats.events.log import EventLog
from aichats.settings import DeliverySettings, EventSettings, ReceiverSettings
from aichats.subscriptions.delivery_queue import DeliveryQueue
from aichats.subscriptions.fan_out import FanOut
from aichats.subscriptions.table import SubscriptionTable

if TYPE_CHECKING:
    from aichats.outbox.budget_events import BudgetEvents
    from aichats.outbox.publish import Publisher
    from aichats.runs.queue import Queue
    from aichats.subscriptions.deliver import Deliverer
    from aichats.subscriptions.deliveries import DeliveryTable
    from aichats.subscriptions.messages import DeliveryHandler
    from aichats.subscriptions.redeliver import Redeliveries
    from aichats.subscriptions.waiting import WaitingDeliveries


@dataclass
class Outgoing:
    """The objects that publish events and send them to subscriptions.

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
    def settings(self) -> DeliverySettings:
        """The settings about deliveries."""
        return DeliverySettings.from_environment(self.environment)

    @cached_property
    def queue(self) -> DeliveryQueue:
        """The delivery queues."""
        settings = self.settings
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

    def publisher(self, automations_table: str, budgets: BudgetEvents, run_queue: Queue) -> Publisher:
        """Return the object that publishes the changes of the tables as events."""
        from aichats.automations.change_notes import CHANGE_PREFIX, UNREADABLE_PREFIX
        from aichats.outbox.automation_events import AutomationEvents
        from aichats.outbox.connection_events import ConnectionEvents
        from aichats.outbox.publish import Publisher
        from aichats.outbox.reply_watches import ReplyWatches
        from aichats.outbox.run_events import RunEvents
        from aichats.outbox.slot_events import SlotEvents
        from aichats.runs.ledger.budget_counters import COUNTER_PREFIX
        from aichats.whop.connections import CONNECTION_ROWS

        settings = EventSettings.from_environment(self.environment)
        stack, bus = settings.powertools_service_name, str(settings.event_bus)
        runs_table, items = self.runs.name, self.log.items
        automations = AutomationEvents(stack, automations_table).entries
        sources = {
            "": budgets.counting(RunEvents(stack, runs_table, items).entries),
            COUNTER_PREFIX: budgets.entries,
            CONNECTION_ROWS: ConnectionEvents(stack, runs_table).entries,
            CHANGE_PREFIX: automations,
            UNREADABLE_PREFIX: automations,
        }
        slots, fan_out = SlotEvents(stack, runs_table, items), self.fan_out
        watches = ReplyWatches(run_queue, self.clock)
        return Publisher(self.log, bus, lambda: aws_client("events"), sources, slots, fan_out, watches, self.clock)

    @cached_property
    def deliveries(self) -> DeliveryTable:
        """The stored deliveries."""
        from aichats.subscriptions.deliveries import DeliveryTable

        return DeliveryTable(self.log.items)

    @cached_property
    def deliverer(self) -> Deliverer:
        """Delivers events."""
        from aichats.http.receiver import ReceiverClient
        from aichats.subscriptions.attempts import Attempts
        from aichats.subscriptions.deliver import Deliverer

        receivers = ReceiverSettings.from_environment(self.environment)
        client = ReceiverClient(allow_loopback=receivers.allow_loopback)
        attempts = Attempts(client.post, self.signing_key, self.runs, self.settings.api_url, self.clock)
        return Deliverer(self.subscriptions, self.deliveries, attempts, self.queue, self.clock)

    @cached_property
    def waiting(self) -> WaitingDeliveries:
        """Finds deliveries that wait."""
        from aichats.subscriptions.waiting import WaitingDeliveries

        return WaitingDeliveries(self.subscriptions, self.deliveries, self.log, self.queue, self.clock)

    @cached_property
    def redeliveries(self) -> Redeliveries:
        """Delivers events again."""
        from aichats.subscriptions.redeliver import Redeliveries

        return Redeliveries(self.subscriptions, self.deliveries, self.log, self.queue, self.clock)

    @cached_property
    def messages(self) -> DeliveryHandler:
        """Handles the messages of the delivery queues."""
        from aichats.subscriptions.messages import DeliveryHandler

        return DeliveryHandler(self.deliverer, self.waiting, self.redeliveries, self.queue)
