"""Faults of the functions and the bus that carry events, and a queue that hears the bus."""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Lock
from types import MappingProxyType
from typing import Any

from benchmarks.chaotic.bus import Bus, changed, request_of
from benchmarks.chaotic.faults import DELIVERIES, SEND
from benchmarks.chaotic.heard import Delivery, Heard
from benchmarks.chaotic.proxy import Call, Fate, Proxy
from benchmarks.chaotic.system import SERVICES, configure, shorten_visibility
from local.system import System

PUBLISHER, DELIVERER = "PublishEventsFunction", "DeliverEventsFunction"
KILLS_PER_CALL: Mapping[str, float] = MappingProxyType({PUBLISHER: 0.03, DELIVERER: 0.02})
"""Share of killed calls to AWS, relative to the share of faults. The publisher makes about a hundred calls a batch."""
FIRST_CALLS = 20
"""One of so many first calls is killed, so that a short measurement has a kill, too."""
TIME_LIMITS: Mapping[str, int] = MappingProxyType({PUBLISHER: 60, DELIVERER: 30})
"""Time limits of the functions. The publisher keeps its own, because it reserves a part for what follows the bus. An
attempt at a slow receiver needs up to 20 seconds."""
DELIVERY_QUEUES = ("DeliveryQueue", "SlowDeliveryQueue")
DELIVERY_VISIBILITY_SECONDS = 32
WATCH_SECONDS = 2
"""The longest pause between two looks for a reply. The real ones take up to 10 minutes."""
BUS_STACK = "aichats-local-heard"


class Deaths:
    """A thread-safe source of kills, and of messages that arrive several times. One of the first calls is killed.

    Args:
        share: share of killed calls.
        seed: of all draws.
    """

    def __init__(self, share: float, seed: int) -> None:
        self.kills = 0
        self._share = share
        self._random = random.Random(seed)
        self._until_first = self._random.randrange(FIRST_CALLS) if share else -1
        self._lock = Lock()

    def decide(self, call: Call) -> Fate:
        """Return the fate of a call."""
        with self._lock:
            self._until_first -= 1
            if self._random.random() < self._share or self._until_first == -1:
                self.kills += 1
                return Fate(kill=self._random.choice(["before", "after"]))
            deliveries = self._random.choices(list(DELIVERIES), list(DELIVERIES.values()))[0]
        return Fate(arrivals=deliveries if call.headers.get("X-Amz-Target") == SEND else 1)


class Hurried(Proxy):
    """A proxy that shortens the pauses of the watch for replies, which take longer than a measurement."""

    def forward(self, call: Call) -> tuple[int, dict[str, str], bytes]:
        """Forward a call, with shorter delays.

        Raises:
            OSError: the connection was aborted.
            http.client.HTTPException: the connection was aborted within the response.
        """
        if not call.headers.get("X-Amz-Target", "").startswith("AmazonSQS.SendMessage"):
            return super().forward(call)
        request = request_of(call)
        entries = [hurried(entry) for entry in request.get("Entries", [])]
        return super().forward(changed(call, hurried(request) | ({"Entries": entries} if entries else {}), "sqs"))


def hurried(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message. If it watches for a reply, it is delayed for :data:`WATCH_SECONDS` at most."""
    is_watch = "MessageBody" in message and json.loads(message["MessageBody"]).get("kind") == "watch"
    shorter = {"DelaySeconds": min(message.get("DelaySeconds", 0), WATCH_SECONDS)} if is_watch else {}
    return {**message, **shorter}


class OutboxFaults:
    """The faults on the way of the events.

    Attributes:
        deaths: the kills of each function.
        bus: the bus.
    """

    def __init__(self, deaths: Mapping[str, Deaths], bus: Bus) -> None:
        self.deaths = deaths
        self.bus = bus


@contextmanager
def outbox_faults(system: System, *, share: float, seed: int) -> Iterator[OutboxFaults]:
    """Kill the functions that carry events, and let the bus reject events, for the ``with`` block."""
    upstream = system.emulator.endpoint_url
    deaths = {name: Deaths(share * kills, seed) for name, kills in KILLS_PER_CALL.items()}
    with ExitStack() as running:
        bus = running.enter_context(Bus(upstream, deaths[PUBLISHER].decide, share=share, seed=seed))
        for name, each in deaths.items():
            proxy = running.enter_context(Hurried(upstream, each.decide))
            endpoints = {f"AWS_ENDPOINT_URL_{service}": proxy.url for service in SERVICES}
            configure(system, [name], endpoints | {"AWS_ENDPOINT_URL_EVENTBRIDGE": bus.url}, seconds=TIME_LIMITS[name])
        shorten_visibility(system, DELIVERY_QUEUES, DELIVERY_VISIBILITY_SECONDS)
        yield OutboxFaults(deaths, bus)


def listen_to_bus(system: System) -> str:
    """Let a queue receive all events on the bus, by a rule in a stack of its own. Return the URL of the queue."""
    rule = {
        "EventBusName": system.stack.outputs["EventBus"],
        "EventPattern": {"source": ["aichats"]},
        "Targets": [{"Id": "heard", "Arn": {"Fn::GetAtt": ["Heard", "Arn"]}}],
    }
    template = {
        "Resources": {
            "Heard": {"Type": "AWS::SQS::Queue"},
            "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
        },
        "Outputs": {"Heard": {"Value": {"Ref": "Heard"}}},
    }
    cloudformation = system.emulator.clients.cloudformation
    cloudformation.create_stack(StackName=BUS_STACK, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=BUS_STACK, WaiterConfig={"Delay": 1})
    [output] = cloudformation.describe_stacks(StackName=BUS_STACK)["Stacks"][0]["Outputs"]
    return output["OutputValue"]


class BusListener:
    """The queue that hears the bus.

    Args:
        system: the system.
        queue: URL of the queue.
    """

    def __init__(self, system: System, queue: str) -> None:
        self._queues = system.emulator.clients.queues
        self._queue = queue
        self._deliveries: list[Delivery] = []

    def heard(self) -> Heard:
        """Return what arrived until now."""
        while messages := self._queues.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])["detail"]
                self._deliveries.append(Delivery(event["id"], json.dumps(event).encode(), 0.0))
            self._queues.delete_message_batch(
                QueueUrl=self._queue,
                Entries=[{"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]} for n, each in enumerate(messages)],
            )
        return Heard(tuple(self._deliveries))
