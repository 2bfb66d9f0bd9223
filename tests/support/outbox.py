"""The way from a table of runs to the bus: a ledger, the records of its stream, and the publisher."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_args

from jsonschema import Draft202012Validator, FormatChecker

from aichats.aws.table import DynamoDB, Table
from aichats.events.log import EventLog
from aichats.outbox.publish import Publisher
from aichats.outbox.reply_watches import ReplyWatches
from aichats.outbox.run_events import RunEvents
from aichats.outbox.slot_events import SlotEvents
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.queue import Queue
from aichats.subscriptions.delivery_queue import DeliveryQueue
from aichats.subscriptions.fan_out import FanOut
from aichats.subscriptions.table import SubscriptionTable
from tests.support.delivery_bench import DEAD_URL, QUICK_URL, SLOW_URL
from tests.support.fakes import FakeEventBridge, FakeSqs, Json
from tests.support.ledgers import Clock, dynamodb, make_ledger, make_table
from tests.support.markdown import DOCS
from tests.support.streams import WatchedStream

STACK = "aichats-test"
TIMES = FormatChecker(())
"""Checks the times of events."""
TIMES.checks("date-time", ValueError)(
    lambda value: not isinstance(value, str) or bool(datetime.fromisoformat(value).tzinfo)
)
COUNTED = (*get_args(EndStatus), "replies", "tokens")
type Usage = dict[tuple[str, str], dict[str, int | Decimal]]
"""The counters of each day, and of each automation and target."""


class Outbox:
    """A ledger and what is published of it.

    Attributes:
        sqs: the queues of deliveries.
        records: all records of the stream that were taken.
    """

    def __init__(self, clock: Clock, client: Any = None, *, bus: Any = None) -> None:
        self.clock = clock
        self.ledger = make_ledger(clock)
        self.bus = FakeEventBridge()
        self.sqs = FakeSqs()
        self.events = make_table("EventsTable")
        self.stream = WatchedStream(self.ledger.table)
        self.publisher = self._publisher(client or dynamodb(), bus or self.bus)
        self.records: list[Json] = []

    def _publisher(self, client: DynamoDB, bus: Any) -> Publisher:
        items = Table(client, self.events, "pk", "sk")
        runs = RunEvents(STACK, self.ledger.table, items)
        queue = DeliveryQueue(lambda: self.sqs, QUICK_URL, SLOW_URL, DEAD_URL)
        self.fan_out = FanOut(SubscriptionTable(items, self.clock), queue)
        slots = SlotEvents(STACK, self.ledger.table, items)
        watches = ReplyWatches(
            Queue(lambda: self.sqs, "https://runs", "https://slow-runs", "https://dead-letters"), self.clock
        )
        sources = {"": runs.entries}
        return Publisher(
            EventLog(items, self.clock), "bus", lambda: bus, sources, slots, self.fan_out, watches, self.clock
        )

    def take(self) -> list[Json]:
        """Return the new records of the stream."""
        new = self.stream.take()
        self.records += new
        return new

    def publish(self) -> list[Json]:
        """Publish the new records. Return the envelopes of the events that this published."""
        return self.published_by(lambda: self.publisher.handle(self.take()))

    def publish_again(self) -> list[Json]:
        """Publish all records again. Return the envelopes of the events that this published."""
        return self.published_by(lambda: self.publisher.handle(self.records))

    def published_by(self, act: Callable[[], object]) -> list[Json]:
        """Return the envelopes of the events that an action published. The test fails if one breaks the schema."""
        before = len(self.bus.accepted)
        act()
        published = self.bus.accepted[before:]
        assert [problem for event in published for problem in schema_problems(event)] == []
        return published

    def usage(self) -> Usage:
        """Return the counters that are not zero, without the time until which they are kept."""
        items = Table(dynamodb(), self.events, "pk", "sk").scan()
        counters = {
            (item["pk"].partition("#")[2], item["sk"]): item for item in items if item["pk"].startswith("usage#")
        }
        return _not_zero(counters)

    def recount(self) -> Usage:
        """Return what the counters should be, from the rows alone."""
        counters: dict[tuple[str, str], Counter[str]] = {}
        for row in self.rows():
            if "ended" in row:
                key = row["created_at"][:10], f"{row.get('automation', '')}#{row.get('target', '')}"
                counter: Any = counters.setdefault(key, Counter())
                counter[row["ended"]] += 1
                counter["replies"] += "replied_at" in row
                counter["tokens"] += row.get("tokens", 0)
        return _not_zero(counters)

    def rows(self) -> list[Json]:
        """Return the rows of all runs."""
        return [row for row in self.ledger.items.scan() if "opened_at" in row]


def _not_zero(counters: Mapping[tuple[str, str], Mapping[str, Any]]) -> Usage:
    kept = {key: {name: counter[name] for name in COUNTED if counter.get(name)} for key, counter in counters.items()}
    return {key: counter for key, counter in kept.items() if counter}


@cache
def sent_event_schema() -> Json:
    """Return the published schema of events."""
    schema: Json = json.loads((DOCS / "reference" / "events-out.schema.json").read_text())
    return schema


def schema_problems(event: Json) -> list[str]:
    """Return how an event differs from the published schema. Fields that the schema does not name are problems, too."""
    schema = sent_event_schema()
    validator = Draft202012Validator(schema, format_checker=TIMES)
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]
    known = set(schema["properties"])
    for rule in schema["allOf"]:
        if event["type"] in rule["if"]["properties"]["type"]["enum"]:
            name = rule["then"]["properties"]["data"]["$ref"].rpartition("/")[2]
            known |= {f"data.{field}" for field in schema["$defs"][name]["properties"]}
    fields = {*event, *(f"data.{field}" for field in event["data"])}
    return problems + [f"{field} is not in the schema" for field in sorted(fields - known)]
