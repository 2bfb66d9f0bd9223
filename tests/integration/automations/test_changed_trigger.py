"""A put that changes a trigger names the past slots that have not been checked. They are not checked any more."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from aichats.automations.row import MAX_UNCONFIRMED_SLOTS
from tests.support.automations import automation, listening, scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON, dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, NAME, ONE, TWO, StackInMemory, hourly, sweep_at

CHANGED = ONE + timedelta(minutes=4)
"""The time of the change: the slot at one did not fire, but its event may still arrive."""


def triggered(expression: str, **trigger: Any) -> Json:
    return hourly() | {"trigger": scheduled(expression, **trigger)["trigger"]}


WEEKLY = triggered("cron(0 13 ? * FRI *)")
CHANGES = {
    "another time": triggered("cron(0 14 ? * FRI *)"),
    "another zone": triggered("cron(0 13 ? * FRI *)", timezone="Asia/Tokyo"),
    "a later start": triggered("cron(0 13 ? * FRI *)", start="2026-12-01T00:00:00Z"),
    "disabled": triggered("cron(0 13 ? * FRI *)", enabled=False),
    "a webhook": hourly() | {"trigger": listening()["trigger"]},
    "a one-off": triggered("at(2026-11-20T18:00:00)"),
    "a rate": triggered("rate(1 hour)"),
}
EQUIVALENT = {
    "the same": WEEKLY,
    "a description": WEEKLY | {"description": "why"},
    "an end": triggered("cron(0 13 ? * FRI *)", end="2026-12-01T00:00:00Z"),
}


def put(stack: StackInMemory, definition: Json, now: datetime) -> tuple[datetime, ...]:
    """Put an automation at a time. Return the slots that the result names."""
    stack.clock.now = now
    return stack.app.automations.put(NAME, automation(definition)).row.unconfirmed_slots


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_a_changed_trigger_names_the_slots_that_were_not_checked(
    stack: StackInMemory, output: Output, after: Json
) -> None:
    assert put(stack, WEEKLY, NOON) == ()

    assert put(stack, after, CHANGED) == (ONE,)

    assert sweep_at(stack, CHANGED + GRACE) == 0
    assert (stack.history, output.counted("RunsMissed")) == ([], 0)
    assert put(stack, after, CHANGED + GRACE) == ()


@pytest.mark.parametrize("after", EQUIVALENT.values(), ids=EQUIVALENT)
def test_a_trigger_that_fires_as_before_is_still_checked(stack: StackInMemory, after: Json) -> None:
    put(stack, WEEKLY, NOON)

    assert put(stack, after, CHANGED) == ()
    assert sweep_at(stack, CHANGED + GRACE) == 1


def test_a_late_event_of_the_replaced_trigger_does_nothing(stack: StackInMemory) -> None:
    put(stack, WEEKLY, NOON)
    put(stack, CHANGES["another time"], CHANGED)

    assert stack.tick(ONE) == []
    assert stack.whop.requests == []


def test_slots_that_were_checked_are_not_named(stack: StackInMemory) -> None:
    put(stack, WEEKLY, NOON)
    sweep_at(stack, ONE + GRACE)

    assert put(stack, CHANGES["another time"], ONE + GRACE) == ()


@pytest.mark.parametrize("now", [ONE - timedelta(minutes=1), ONE - timedelta(milliseconds=1)])
def test_a_slot_in_the_future_is_not_named(stack: StackInMemory, now: datetime) -> None:
    put(stack, WEEKLY, NOON)

    assert put(stack, CHANGES["a one-off"], now) == ()


@pytest.mark.parametrize("before", [triggered("cron(0 13 ? * FRI *)", enabled=False), listening()])
def test_a_trigger_that_did_not_fire_by_the_clock_has_no_slots(stack: StackInMemory, before: Json) -> None:
    put(stack, before, NOON)

    assert put(stack, CHANGES["a one-off"], CHANGED) == ()


def test_of_many_slots_the_first_few_are_named(stack: StackInMemory) -> None:
    put(stack, triggered("cron(* * * * ? *)"), NOON)

    slots = put(stack, CHANGES["a one-off"], TWO)

    assert slots == tuple(NOON + timedelta(minutes=minute) for minute in range(1, 1 + MAX_UNCONFIRMED_SLOTS))


def test_the_slots_of_a_rate_are_counted_from_its_own_start(stack: StackInMemory) -> None:
    put(stack, triggered("rate(20 minutes)"), NOON)

    slots = put(stack, CHANGES["a one-off"], NOON + timedelta(minutes=42))

    assert [f"{slot:%H:%M}" for slot in slots] == ["12:01", "12:21", "12:41"]


def test_an_automation_that_is_put_again_after_its_deletion_names_no_slots(stack: StackInMemory) -> None:
    put(stack, WEEKLY, NOON)
    stack.app.automations.delete(NAME)

    assert put(stack, CHANGES["another time"], CHANGED) == ()


def test_the_slots_are_not_stored(stack: StackInMemory) -> None:
    put(stack, WEEKLY, NOON)
    put(stack, CHANGES["another time"], CHANGED)

    assert stack.row().unconfirmed_slots == ()


def test_a_row_that_lists_replaced_triggers_of_an_older_version_can_still_be_read(stack: StackInMemory) -> None:
    put(stack, WEEKLY, NOON)
    row = stack.row()
    dynamodb().update_item(
        TableName=stack.app.automation_table.table,
        Key={"name": {"S": NAME}},
        UpdateExpression="SET former = :former",
        ExpressionAttributeValues={
            ":former": {"S": '[{"trigger": {"type": "schedule"}, "replaced_at": "unreadable"}]'}
        },
    )

    assert stack.row() == row
    assert sweep_at(stack, ONE + GRACE) == 1
    assert put(stack, CHANGES["another time"], TWO) == ()
