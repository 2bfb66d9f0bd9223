"""A stack in memory whose slots fire, are lost or are late, and deliveries with Whop's signature."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.automations.missed import MissedSlots
from aichats.automations.row import AutomationRow
from aichats.aws.attributes import decode
from aichats.aws.observability import metrics
from aichats.runs.ledger.rows import Row, row_from
from aichats.runs.model import run_id, slot_text
from aichats.runs.queue_messages import RunMessage, read_message
from tests.support.automations import automation, scheduled, sweep_part
from tests.support.crashing import FaultyAws, World
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json
from tests.support.kodey_in_memory import KodeyInMemory
from tests.support.lambda_calls import SECRETS, SIGNED_WITH, http_event, make_application
from tests.support.ledgers import LEASE, NOON, Clock, dynamodb
from tests.support.own_webhook import OwnNetwork
from tests.support.provider_in_memory import ProvidersInMemory
from tests.support.waiting import turns
from tests.support.whop_in_memory import WhopInMemory

NAME = "weekly"
GRACE = timedelta(minutes=5)
HOURLY = "cron(0 * * * ? *)"
ONE, TWO, THREE = (NOON + timedelta(hours=hours) for hours in (1, 2, 3))


class StackInMemory:
    """The functions of a stack that use automations, with a clock that the test sets.

    The faults of a world, if there is one, happen at their calls to DynamoDB and SQS.
    """

    def __init__(self, world: World | None = None) -> None:
        metrics.clear_metrics()
        self.clock = world.clock if world else Clock()
        self.sqs = FakeSqs()
        self.whop, self.kodey = self.make_whop(), KodeyInMemory(self.clock)
        self.secrets = FakeSecretsManager(SECRETS)
        sqs: Any = FaultyAws(world, self.sqs) if world else self.sqs
        providers = ProvidersInMemory(self.whop, self.kodey)
        network = OwnNetwork(providers)
        self.app = network.app = make_application(network, self.secrets, clock=self.clock, sqs=sqs)
        if world:
            client: Any = FaultyAws(world, dynamodb())
            self.app.ledger = replace(self.app.ledger, client=client)
            self.app.automation_table = replace(self.app.automation_table, client=client)
            self.app.webhook_index = self.app.automation_table.webhook_index
        app = self.app
        self.app.missed_slots = MissedSlots(
            app.automation_table, app.ledger, app.dispatcher, app.run_factory, GRACE, self.clock
        )

    def make_whop(self) -> WhopInMemory:
        """Return the Whop of this stack."""
        return WhopInMemory()

    def put(self, definition: Json, name: str = NAME) -> AutomationRow:
        """Create or replace an automation. Its schedule fires when the test calls :meth:`tick`."""
        return self.app.automation_table.put(name, automation(definition))[0]

    def tick(self, slot: datetime, name: str = NAME) -> list[dict[str, str | None]]:
        """Fire a schedule for a slot. Return the result of each run."""
        event = {"automation": name, "scheduled_time": slot_text(slot)}
        return self.app.schedule_events.handle(event, LEASE)

    def handle(self, event: Json, webhook_id: str = "msg_1") -> list[str]:
        """Handle an event of Whop whose signature was verified. Return the ids of its runs."""
        return self.app.webhook_events.handle(webhook_id, event, datetime.fromisoformat(event["timestamp"]))

    def sweep(self) -> int:
        """Check for missed slots. Return the number of missed runs."""
        return self.app.missed_slots.check(self.app.automation_table.contents().rows, sweep_part("slots"))

    def work(self) -> None:
        """Perform all messages of the queue when they are due, and those that groups and events add."""
        turn = turns()
        while messages := list(self.sqs.sent):
            next(turn)
            self.sqs.sent.clear()
            self.clock.forward(seconds=max(message.delay for message in messages))
            records = [{"messageId": str(number), "body": sent.body} for number, sent in enumerate(messages)]
            assert self.app.messages.handle(records, LEASE) == {"batchItemFailures": []}
            if all(isinstance(read_message(sent.body), RunMessage) for sent in messages):
                return

    def row(self, name: str = NAME) -> AutomationRow:
        """Return the row of an automation as it is now."""
        row = self.app.automation_table.read(name)
        assert row is not None
        return row

    @property
    def runs(self) -> list[Row]:
        """All runs, by slot and target."""
        found = dynamodb().scan(
            TableName=self.app.ledger.table, ConsistentRead=True, FilterExpression="attribute_exists(attempts)"
        )
        rows = map(row_from, map(decode, found["Items"]))
        return sorted(rows, key=lambda row: (row.run.slot or "", row.run.target or ""))

    @property
    def history(self) -> list[tuple[str, str, str]]:
        """Time of the slot, target and status of each run."""
        return [((row.run.slot or "")[11:16], str(row.run.target), row.status) for row in self.runs]

    @property
    def titles(self) -> list[str]:
        """The titles of all chats, in order of their creation."""
        return [chat["title"] for chat in self.whop.chats.values()]


def slot_run(slot: datetime, target: str | None = "biz_A", name: str = NAME) -> str:
    """Return the id of a slot's run."""
    return run_id("schedule", name, slot_text(slot), target)


def hourly(*targets: str, then: str = "skip", **trigger: Any) -> Json:
    """Return the definition of an automation that fires every hour. ``then`` is its field ``missed``."""
    definition = scheduled(HOURLY, message="Of {{ slot.time }} for {{ target }}", **trigger)
    titled = {**definition["action"], "title": "{{ slot.time }} {{ target }}"}
    return definition | {"action": titled, "targets": list(targets or ["biz_A"]), "missed": then}


def sweep_at(stack: StackInMemory, now: datetime) -> int:
    """Check for missed slots at a time. Return the number of missed runs."""
    stack.clock.now = now
    return stack.sweep()


def payment(**changes: Any) -> Json:
    """Return an event with the envelope of API version 2026-08-14 and later, as templates see it."""
    event = {
        "id": "evt_1",
        "type": "payment.failed",
        "timestamp": "2026-11-20T12:00:00Z",
        "data": {"id": "pay_1", "amount": 12.5, "user": {"name": "Zoë"}},
        "account_id": "biz_A",
    } | changes
    return {name: value for name, value in event.items() if value is not ...}


def delivery(
    body: Json | bytes | None = None,
    *,
    webhook_id: str = "msg_1",
    secrets: Sequence[str] = (SIGNED_WITH,),
    age: float = 0,
    in_base64: bool = False,
    **headers: str | None,
) -> Json:
    """Return API Gateway's event for a delivery. ``age`` is in seconds; a header of ``None`` is missing."""
    raw = body if isinstance(body, bytes) else json.dumps(payment() if body is None else body).encode()
    timestamp = str(int(datetime.now(UTC).timestamp() - age))
    signed = {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(sign(secret, webhook_id, timestamp, raw) for secret in secrets),
    }
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    event = http_event("POST", "/webhooks/whop", "", token=None, headers=signed | sent)
    text = base64.b64encode(raw).decode() if in_base64 else raw.decode()
    return event | {"body": text, "isBase64Encoded": in_base64}


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return a signature as Whop creates it."""
    digest = hmac.digest(secret.encode(), f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
