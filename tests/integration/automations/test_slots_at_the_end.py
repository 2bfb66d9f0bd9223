"""An event means the nearest slot. A slot exactly at the end is not expected, but its event is accepted."""

from datetime import datetime, timedelta

import pytest

from aichats.errors import InputError
from tests.support.automations import FakeScheduler, automation, reconcile, scheduled
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import GRACE, NAME, ONE, TWO, StackInMemory, hourly, sweep_at

SECOND = timedelta(seconds=1)
END = TWO.isoformat()


@pytest.mark.parametrize(
    ("late", "slot"),
    [
        (timedelta(), ONE),
        (29 * SECOND, ONE),
        (30 * SECOND, ONE),
        (31 * SECOND, ONE + timedelta(minutes=1)),
        (-29 * SECOND, ONE),
        (-31 * SECOND, ONE - timedelta(minutes=1)),
    ],
)
def test_an_event_means_the_slot_that_is_nearest(stack: StackInMemory, late: timedelta, slot: datetime) -> None:
    stack.put(scheduled("cron(* * * * ? *)"))
    event = {"automation": NAME, "scheduled_time": (ONE + late).isoformat()}

    [run] = stack.app.schedule_events.runs_of(event)

    assert run.slot == f"{slot:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("late", [59 * SECOND, -59 * SECOND])
def test_an_event_within_a_minute_of_the_only_slot_means_it(stack: StackInMemory, late: timedelta) -> None:
    stack.put(hourly())

    [run] = stack.app.schedule_events.runs_of({"automation": NAME, "scheduled_time": (ONE + late).isoformat()})

    assert run.slot == "2026-11-20T13:00:00Z"


@pytest.mark.parametrize("expression", ["cron(0 * * * ? *)", "rate(1 hour)"])
def test_a_slot_exactly_at_the_end_is_not_missed(stack: StackInMemory, expression: str) -> None:
    trigger = scheduled(expression, end=END, start=NOON.isoformat())["trigger"]
    stack.put(hourly() | {"trigger": trigger})

    assert sweep_at(stack, ONE + GRACE) == 1
    assert sweep_at(stack, TWO + GRACE) == 0
    assert [time for time, _, _ in stack.history] == ["13:00"]


@pytest.mark.parametrize("expression", ["cron(0 * * * ? *)", "rate(1 hour)"])
def test_the_event_of_a_slot_exactly_at_the_end_is_accepted(stack: StackInMemory, expression: str) -> None:
    trigger = scheduled(expression, end=END, start=NOON.isoformat())["trigger"]
    stack.put(hourly() | {"trigger": trigger})
    stack.clock.now = TWO

    assert [run["status"] for run in stack.tick(TWO)] == ["succeeded"]
    assert stack.tick(TWO + timedelta(hours=1)) == []


def test_an_automation_whose_only_slot_is_at_its_end_is_rejected(stack: StackInMemory) -> None:
    with pytest.raises(InputError, match="never fires"):
        stack.app.automation_table.put(NAME, automation(scheduled("cron(0 14 20 11 ? 2026)", end=END)))


def test_an_automation_is_not_done_before_a_slot_at_its_end_could_have_come(stack: StackInMemory) -> None:
    scheduler = stack.app.automations.schedules.client
    assert isinstance(scheduler, FakeScheduler)
    end = NOON + timedelta(days=1)
    definition = scheduled("cron(0 12 * * ? *)", end=(end + timedelta(days=1)).isoformat())
    stack.app.automations.put(NAME, automation(definition))
    sweep_at(stack, end + GRACE)

    stack.clock.now = end + timedelta(hours=23)
    assert reconcile(stack.app.automations) == []
    assert stack.row().state == "active"
    stack.clock.now = end + timedelta(days=1)
    assert [run["status"] for run in stack.tick(stack.clock.now)] == ["succeeded"]
    stack.clock.forward(hours=2, minutes=11)
    assert [change.kind for change in reconcile(stack.app.automations)] == ["done"]
