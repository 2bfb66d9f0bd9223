"""Subscriptions whose receivers, queue and clock a test decides. The tables are real."""

import json
from collections.abc import Callable, Mapping
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.aws.observability import metrics
from aichats.aws.table import Table
from aichats.bootstrap import Application
from aichats.events.log import Entry, EventLog
from aichats.events.model import SentEvent, event_id
from aichats.http.receiver import ReceiverAnswer, ReceiverError
from aichats.subscriptions.attempts import Attempts
from aichats.subscriptions.deliver import Deliverer
from aichats.subscriptions.deliveries import Delivery, DeliveryTable
from aichats.subscriptions.delivery_queue import DeliveryQueue, QueuedMessage
from aichats.subscriptions.fan_out import FanOut
from aichats.subscriptions.messages import DeliveryHandler
from aichats.subscriptions.redeliver import Redeliveries
from aichats.subscriptions.row import SubscriptionRow
from aichats.subscriptions.signing import signing_secret
from aichats.subscriptions.table import SubscriptionTable
from aichats.subscriptions.waiting import WaitingDeliveries
from tests.support.automations import one_by_one
from tests.support.crashing import FaultyAws, World
from tests.support.fakes import FakeSqs, Json, Sent
from tests.support.ledgers import Clock, dynamodb, make_table
from tests.support.subscriptions import events_table, subscription
from tests.support.waiting import turns

MASTER = "k" * 64
NAME = "crm"
API_URL = "https://api.example"
QUICK_URL, SLOW_URL, DEAD_URL = "https://sqs/quick", "https://sqs/slow", "https://sqs/dead"


@dataclass(frozen=True)
class Received:
    """A request that a receiver got."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    limit: float

    @property
    def event(self) -> Json:
        found: Json = json.loads(self.body)
        return found

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class FakeReceivers:
    """The internet: all receivers. ``answers`` says how each URL answers; one that is missing accepts everything."""

    answers: dict[str, Callable[[Received], ReceiverAnswer]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], limit: float) -> ReceiverAnswer:
        request = Received(url, body, headers, limit)
        self.received.append(request)
        answer = self.answers.get(url, accept())(request)
        self.accepted.append(request)
        return answer


def accept(seconds: float = 0.1) -> Callable[[Received], ReceiverAnswer]:
    """Return the behavior of a receiver that accepts after a time, if the time limit allows it."""

    def answer(request: Received) -> ReceiverAnswer:
        if seconds > request.limit:
            raise ReceiverError(f"receiver.example did not answer within {request.limit:g} seconds")
        return ReceiverAnswer(200, seconds)

    return answer


def fail(status: int = 500, retry_after: float | None = None) -> Callable[[Received], ReceiverAnswer]:
    """Return the behavior of a receiver that fails."""

    def answer(_request: Received) -> ReceiverAnswer:
        raise ReceiverError(f"receiver.example answered {status}", status=status, retry_after=retry_after)

    return answer


class DeliveryBench:
    """A stack that sends events. The faults of a world, if there is one, happen at its calls to DynamoDB and SQS."""

    def __init__(self, world: World | None = None) -> None:
        metrics.clear_metrics()
        self.clock = world.clock if world else Clock()
        self.sqs, self.receivers = FakeSqs(), FakeReceivers()
        self.visible: list[tuple[datetime, Sent]] = []
        client: Any = FaultyAws(world, dynamodb()) if world else dynamodb()
        sqs: Any = FaultyAws(world, self.sqs) if world else self.sqs
        self.log = EventLog(events_table(client), self.clock)
        self.runs = Table(client, make_table())
        self.subscriptions = SubscriptionTable(self.log.items, self.clock)
        self.deliveries = DeliveryTable(self.log.items)
        self.queue = DeliveryQueue(lambda: sqs, QUICK_URL, SLOW_URL, DEAD_URL)
        self.attempts = Attempts(self.receivers.post, lambda: MASTER, self.runs, API_URL, self.clock)
        self.deliverer = Deliverer(self.subscriptions, self.deliveries, self.attempts, self.queue, self.clock)
        self.waiting = WaitingDeliveries(
            self.subscriptions, self.deliveries, self.log, self.queue, self.clock, one_by_one
        )
        self.redeliveries = Redeliveries(self.subscriptions, self.deliveries, self.log, self.queue, self.clock)
        self.handler = DeliveryHandler(self.deliverer, self.waiting, self.redeliveries, self.queue)
        self.fan_out = FanOut(self.subscriptions, self.queue)

    # ---- what a test does

    def subscribe(self, name: str = NAME, **fields: Any) -> SubscriptionRow:
        """Create or change a subscription for all events, whose URL has its name."""
        definition = {"url": url_of(name), **fields}
        return self.subscriptions.put(name, subscription("*", **definition))[0]

    def publish(self, *events: SentEvent) -> None:
        """Store events and queue their deliveries, as the publisher does."""
        self.log.store([Entry.of(event) for event in events])
        self.fan_out.send(events)

    def happen(self, *names: str) -> list[SentEvent]:
        """Publish an event of a run for each name."""
        events = [run_event(name, self.clock()) for name in names]
        self.publish(*events)
        return events

    def batch(self) -> list[Sent]:
        """Return up to ten messages of one queue that are visible now, and remove them."""
        self._receive()
        due = [entry for entry in self.visible if entry[0] <= self.clock()]
        queue = next((sent.queue for _, sent in due), "")
        taken = [entry for entry in due if entry[1].queue == queue][:10]
        for entry in taken:
            self.visible.remove(entry)
        return [sent for _, sent in taken]

    def handle(self, batch: list[Sent]) -> list[str]:
        """Handle a batch. Return the ids of the messages that failed, which are their places in the batch."""
        records = [{"messageId": str(number), "body": sent.body} for number, sent in enumerate(batch)]
        failed = self.handler.handle(records)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failed]

    def work(self) -> None:
        """Handle all messages that are visible now, and those that this adds for now."""
        turn = turns()
        while batch := self.batch():
            next(turn)
            assert self.handle(batch) == []

    def pass_time(self, **step: float) -> None:
        """Let time pass, and handle each message when it becomes visible."""
        end = self.clock() + timedelta(**step)
        turn = turns()
        self.work()
        while (next_at := self.next_message_at()) is not None and next_at <= end:
            next(turn)
            self.clock.now = max(next_at, self.clock.now)
            self.work()
        self.clock.now = end

    def sweep(self) -> None:
        """Do the sweep's part."""
        self.waiting.check()

    def live(self, **step: float) -> None:
        """Let time pass, with a sweep every five minutes."""
        end = self.clock() + timedelta(**step)
        while self.clock() < end:
            self.pass_time(seconds=min(300.0, (end - self.clock()).total_seconds()))
            self.sweep()
            self.work()

    def send(self, message: QueuedMessage) -> None:
        """Queue a message."""
        self.queue.send([message])

    # ---- what a test sees

    def next_message_at(self) -> datetime | None:
        self._receive()
        return min((visible_at for visible_at, sent in self.visible if sent.queue != DEAD_URL), default=None)

    def row(self, name: str = NAME) -> SubscriptionRow:
        found = self.subscriptions.get(name)
        assert found is not None
        return found

    def stored(self, name: str = NAME) -> list[Delivery]:
        """Return the stored deliveries of a subscription, in the order of their events."""
        return list(self.deliveries.of_subscription(self.row(name).identity, "0", "9"))

    def statuses(self, name: str = NAME) -> list[str]:
        return [delivery.status for delivery in self.stored(name)]

    def attempted(self, name: str = NAME) -> list[str]:
        """Return the names of the runs whose events were sent to a subscription's receiver, in order."""
        return [got.event["data"]["run_id"] for got in self.receivers.received if got.url == url_of(name)]

    def delivered(self, name: str = NAME) -> list[str]:
        """Return the names of the runs whose events a subscription's receiver accepted, in order."""
        return [got.event["data"]["run_id"] for got in self.receivers.accepted if got.url == url_of(name)]

    def secret(self, name: str = NAME) -> str:
        return signing_secret(MASTER, name, self.row(name).key_ids[0].id)

    def _receive(self) -> None:
        self.visible += [(self.clock() + timedelta(seconds=sent.delay), sent) for sent in self.sqs.sent]
        self.sqs.sent.clear()


def url_of(name: str) -> str:
    return f"https://receiver.example/{name}"


def run_event(name: str, time: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC), **data: Any) -> SentEvent:
    """Return the event of a failed run."""
    fields = {"run_id": name, "automation": "weekly", "target": "biz_A", "status": "failed", "error": None} | data
    return SentEvent(event_id(name, "run.failed"), "run.failed", time, "aichats", fields)


def deliver_through(app: Application, receivers: FakeReceivers) -> None:
    """Let an application deliver to these receivers."""
    deliverer = app.outgoing.deliverer
    app.outgoing.deliverer = replace(deliverer, attempts=replace(deliverer.attempts, post=receivers.post))
