"""The schema of events: each event that the code produces is as the published schema and its page say."""

import json
import re
from collections.abc import Iterable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aichats.automations.change_notes import CHANGE_PREFIX, UNREADABLE_PREFIX
from aichats.automations.table import AutomationTable
from aichats.aws.attributes import decode, encode
from aichats.events.log import Entry
from aichats.events.model import SENT_EVENT_TYPES
from aichats.outbox.automation_events import AutomationEvents
from aichats.outbox.connection_events import ConnectionEvents
from aichats.outbox.stream import ItemChange
from aichats.schedules.pauses import Pauses, PauseWindow
from tests.support.automation_rows import NAME, item
from tests.support.automations import CRON, RATE
from tests.support.budgets import BudgetedStack
from tests.support.fakes import Json
from tests.support.ledgers import ERROR, NOON, RUN, Clock, dynamodb, end, make_run
from tests.support.markdown import DOCS, first_names
from tests.support.outbox import Outbox, schema_problems, sent_event_schema
from tests.support.stack_in_memory import ONE, hourly

PAGE = DOCS / "reference" / "events-out.md"
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
TIME = "2026-11-20T12:00:00.000Z"
OF_EXAMPLES = ["slot.finished", "automation.paused", "connection.broken", "budget.reached", "subscription.test"]
"""The types of the examples that are only the data of an event, in the order of the page."""


def envelopes(entries: Iterable[Entry]) -> list[Json]:
    return [entry.event.envelope for entry in entries if entry.event]


def check(events: list[Json], *types: str) -> None:
    assert [event["type"] for event in events] == list(types)
    assert [problem for event in events for problem in schema_problems(event)] == []


def test_the_schema_is_a_schema_and_names_all_types() -> None:
    schema = sent_event_schema()
    Draft202012Validator.check_schema(schema)

    assert schema["properties"]["type"]["enum"] == list(SENT_EVENT_TYPES)
    assert sorted(type_ for rule in schema["allOf"] for type_ in rule["if"]["properties"]["type"]["enum"]) == sorted(
        SENT_EVENT_TYPES
    )


def test_the_page_explains_all_types_and_its_examples_are_valid() -> None:
    whole, *others = (each for each in map(json.loads, EXAMPLES) if "has_more" not in each)  # without a list

    assert {name for name in first_names("reference/events-out.md") if "." in name} == set(SENT_EVENT_TYPES)
    check([whole], "run.failed")
    check([{**whole, "type": kind, "data": data} for kind, data in zip(OF_EXAMPLES, others, strict=True)], *OF_EXAMPLES)


def test_an_event_that_is_not_as_the_schema_says_is_found() -> None:
    event = json.loads(EXAMPLES[0])

    assert schema_problems({**event, "id": "evt_1"})
    assert schema_problems({**event, "data": event["data"] | {"created_at": "yesterday"}})
    assert schema_problems({**event, "data": event["data"] | {"secret": 1}})
    assert schema_problems({**event, "type": "run.exploded"})


def test_each_event_of_a_run_is_as_the_schema_says(clock: Clock) -> None:
    outbox = Outbox(clock)
    in_slot: Any = {"automation": "weekly", "slot": "2026-11-20T09:00:00Z", "slot_runs": 2}
    end(outbox.ledger, "succeeded")
    for change in ({"replied_at": TIME, "tokens": 3}, {"reply_overdue_at": TIME}):
        outbox.ledger.items.update(RUN.run_id, change, "attribute_exists(#run_id)")
    missed = [replace(make_run(target=target), **in_slot) for target in ("biz_B", "biz_C")]
    outbox.ledger.add_ended([(run, ERROR) for run in missed], "missed")

    first = ("run.succeeded", "run.replied", "run.reply_overdue")
    check(outbox.publish(), *first, "run.missed", "run.missed", "slot.finished")


def test_each_event_of_an_automation_is_as_the_schema_says(store: AutomationTable) -> None:
    sent: list[Json] = []
    window = PauseWindow(NOON, NOON + timedelta(days=2), "ops", NOON, "holidays")

    def note(prefix: str = CHANGE_PREFIX) -> None:
        new = decode(item(store, f"{prefix}{NAME}"))
        sent.extend(envelopes(AutomationEvents("stack", "automations").entries(ItemChange(new["name"], {}, new))))

    store.put(NAME, CRON, by="git")
    note()
    store.put(NAME, RATE, by="git")
    note()
    store.change_pauses(NAME, lambda _: Pauses((window,)), by="ops")
    note()
    store.change_pauses(NAME, lambda _: Pauses(), by="ops")
    note()
    dynamodb().put_item(TableName=store.table, Item=item(store) | encode({"definition": "later"}))
    store.begin_delete(NAME, by="git")
    note()

    kinds = ("created", "changed", "paused", "resumed", "deleted")
    check(sent, *(f"automation.{kind}" for kind in kinds))
    unreadable = {"automation": NAME, "kind": "unreadable", "version": 1, "etag": "x", "at": TIME}
    change = ItemChange(f"{UNREADABLE_PREFIX}{NAME}", {}, unreadable)
    check(envelopes(AutomationEvents("stack", "automations").entries(change)), "automation.unreadable")


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ({"begun_at": 1}, {"broken": "x", "broken_at": 2, "reason": "revoked"}, "broken"),
        ({"broken": "x", "broken_at": 2}, {"restored_at": 3}, "restored"),
    ],
)
def test_each_event_of_a_connection_is_as_the_schema_says(old: Any, new: Any, kind: str) -> None:
    change = ItemChange("connection:agency", old, new)

    check(envelopes(ConnectionEvents("stack", "runs").entries(change)), f"connection.{kind}")


def test_each_event_of_a_budget_is_as_the_schema_says() -> None:
    stack = BudgetedStack()
    stack.put(hourly() | {"budget": {"runs": 1, "per": "day"}})
    stack.tick(ONE)

    stack.publish()

    check([event for event in stack.bus.accepted if event["type"] == "budget.reached"], *["budget.reached"] * 2)
