"""Slots that a trigger missed before it was replaced."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from aichats.automations.row import AutomationRow
from aichats.runs.ledger.ledger import LedgerConflictError
from tests.support.automations import listening, scheduled
from tests.support.crashing import Crash, World
from tests.support.fakes import Json
from tests.support.firing import GRACE, NAME, ONE, TWO, Printed, Stack, hourly, slot_run, sweep_at
from tests.support.ledgers import LEASE, NOON, Clock

CHANGED = ONE + timedelta(minutes=4)
"""When the owner changes it: the slot at one did not fire, and its event may still come."""


def triggered(expression: str, then: str = "skip", **trigger: Any) -> Json:
    return hourly(then=then) | {"trigger": scheduled(expression, **trigger)["trigger"]}


WEEKLY = triggered("cron(0 13 ? * FRI *)")
CHANGES = {
    "another time": triggered("cron(0 14 ? * FRI *)"),
    "another zone": triggered("cron(0 13 ? * FRI *)", timezone="Asia/Tokyo"),
    "a later start": triggered("cron(0 13 ? * FRI *)", start="2026-12-01T00:00:00Z"),
    "switched off": triggered("cron(0 13 ? * FRI *)", enabled=False),
    "it listens": hourly() | {"trigger": listening()["trigger"]},
    "a one-off": triggered("at(2026-11-20T18:00:00)"),
    "a rate": triggered("rate(1 hour)"),
}


def change(stack: Stack, after: Json, moment: datetime = CHANGED, before: Json = WEEKLY) -> AutomationRow:
    """An automation is written at noon, and changed at a moment."""
    stack.put(before)
    stack.clock.now = moment
    return stack.put(after)


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
def test_what_the_former_trigger_missed_is_noted_and_alarmed_when_the_grace_is_over(
    stack: Stack, printed: Printed, after: Json
) -> None:
    change(stack, after)

    assert sweep_at(stack, CHANGED + GRACE - timedelta(milliseconds=1)) == 0
    assert sweep_at(stack, CHANGED + GRACE) == 1

    assert stack.history == [("13:00", "biz_A", "missed")]
    assert stack.runs[0].run.run_id == slot_run(ONE)
    assert printed.counted("RunsMissed") == 1
    assert stack.row().former == ()
    assert stack.sweep() == 0


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("late", [timedelta(minutes=5), timedelta(minutes=30)])
def test_its_late_event_does_nothing_and_leaves_the_slot_missed(
    stack: Stack, printed: Printed, after: Json, late: timedelta
) -> None:
    change(stack, after)
    sweep_at(stack, CHANGED + late - timedelta(seconds=1))

    assert stack.tick(ONE) == []
    sweep_at(stack, CHANGED + GRACE + timedelta(hours=1))

    assert stack.history[0] == ("13:00", "biz_A", "missed")
    assert stack.whop.requests == []
    assert printed.counted("RunsMissed") == len(stack.runs)


def test_it_can_be_replayed_by_hand(stack: Stack) -> None:
    change(stack, CHANGES["another time"])
    sweep_at(stack, CHANGED + GRACE)

    stack.app.ledger.replay(slot_run(ONE))
    stack.app.dispatcher.perform(slot_run(ONE), LEASE)

    assert stack.history == [("13:00", "biz_A", "succeeded")]


def test_it_is_never_run_late_by_itself(stack: Stack) -> None:
    change(stack, triggered("cron(10 13 ? * FRI *)", then="run"), before=WEEKLY | {"missed": "run"})

    assert sweep_at(stack, ONE + timedelta(minutes=10) + GRACE) == 2
    stack.work()
    assert stack.history == [("13:00", "biz_A", "missed"), ("13:10", "biz_A", "succeeded")]


def test_what_fired_before_the_change_is_not_missed(stack: Stack, printed: Printed) -> None:
    stack.put(WEEKLY)
    stack.clock.now = ONE
    stack.tick(ONE)
    change(stack, CHANGES["another time"])

    assert sweep_at(stack, CHANGED + GRACE) == 0
    assert stack.history == [("13:00", "biz_A", "succeeded")]
    assert printed.counted("RunsMissed") == 0


def test_what_fired_for_the_targets_of_its_time_is_not_missed_for_new_ones(stack: Stack) -> None:
    stack.put(WEEKLY)
    stack.clock.now = ONE
    stack.tick(ONE)
    change(stack, CHANGES["another time"] | {"targets": ["biz_B"]})

    assert sweep_at(stack, CHANGED + GRACE) == 0


@pytest.mark.parametrize("moment", [ONE - timedelta(minutes=1), ONE - timedelta(milliseconds=1)])
def test_before_its_slot_a_trigger_missed_nothing(stack: Stack, moment: datetime) -> None:
    assert change(stack, CHANGES["a one-off"], moment).former == ()

    assert sweep_at(stack, TWO) == 0


@pytest.mark.parametrize("before", [triggered("cron(0 13 ? * FRI *)", enabled=False), listening()])
def test_what_did_not_fire_by_the_clock_missed_nothing(stack: Stack, before: Json) -> None:
    assert change(stack, CHANGES["a one-off"], before=before).former == ()

    assert sweep_at(stack, TWO) == 0


def test_what_was_looked_at_before_the_change_is_not_looked_at_again(stack: Stack, printed: Printed) -> None:
    stack.put(WEEKLY)
    sweep_at(stack, ONE + GRACE)

    assert stack.put(CHANGES["another time"]).former == ()
    assert sweep_at(stack, ONE + 3 * GRACE) == 0
    assert printed.counted("RunsMissed") == 1


def test_every_trigger_that_was_replaced_is_looked_at(stack: Stack) -> None:
    stack.put(hourly())
    for minute, enabled in ((30, True), (40, True), (50, False)):
        stack.clock.now = ONE + timedelta(minutes=minute - 10, seconds=30)
        stack.put(triggered(f"cron({minute} * * * ? *)", enabled=enabled))
    stack.clock.now = ONE + timedelta(minutes=55)
    stack.put(triggered("at(2026-11-20T18:00:00)"))

    assert sweep_at(stack, ONE + timedelta(minutes=25) + GRACE) == 1
    assert len(stack.row().former) == 2
    assert sweep_at(stack, TWO) == 2
    assert [time for time, _, _ in stack.history] == ["13:00", "13:30", "13:40"]


def test_what_is_looked_at_of_a_former_trigger_does_not_reach_before_the_new_one(stack: Stack) -> None:
    change(stack, CHANGES["switched off"])
    stack.clock.forward(minutes=3)
    switched_on = stack.put(WEEKLY)

    assert sweep_at(stack, CHANGED + GRACE) == 1
    assert stack.row().checked_until == switched_on.checked_until == CHANGED + timedelta(minutes=3)


def test_a_change_of_something_else_keeps_what_is_to_be_looked_at(stack: Stack) -> None:
    row = change(stack, CHANGES["a one-off"])

    assert stack.put(CHANGES["a one-off"] | {"description": "why"}).former == row.former
    assert [former.replaced_at for former in stack.row().former] == [CHANGED]
    assert sweep_at(stack, CHANGED + GRACE) == 1


def test_the_slots_of_a_former_rate_are_those_that_were_counted_from_its_start(stack: Stack) -> None:
    change(stack, CHANGES["a one-off"], before=triggered("rate(20 minutes)"), moment=NOON + timedelta(minutes=42))

    assert sweep_at(stack, TWO) == 3
    assert [time for time, _, _ in stack.history] == ["12:01", "12:21", "12:41"]


def test_a_slot_just_after_the_former_trigger_was_written_is_noted_without_an_alarm(
    stack: Stack, printed: Printed
) -> None:
    stack.clock.now = ONE - timedelta(seconds=1)
    change(stack, CHANGES["a one-off"])

    assert sweep_at(stack, CHANGED + GRACE) == 1
    assert printed.counted("RunsMissed") == 0


def test_what_cannot_be_told_with_the_new_texts_has_failed_and_is_alarmed(stack: Stack, printed: Printed) -> None:
    listens = listening(targets=("{{ event.account_id }}",))
    change(stack, listens | {"action": listens["action"] | {"message_text": "{{ event.type }}"}})

    assert sweep_at(stack, CHANGED + GRACE) == 0
    assert [(time, status) for time, _, status in stack.history] == [("13:00", "failed")]
    assert printed.counted("RunsFailed") == 1


def test_a_target_that_only_an_event_tells_has_failed_and_can_never_be_sent(stack: Stack, printed: Printed) -> None:
    listens = listening(targets=("{{ event.account_id }}",))
    change(stack, listens | {"action": listens["action"] | {"message_text": "A payment failed."}})

    assert sweep_at(stack, CHANGED + GRACE) == 0
    [row] = stack.runs
    assert (row.status, row.unrendered) == ("failed", True)
    assert row.error is not None
    assert row.error["message"] == "the text is a template, which a schedule's target cannot be"
    with pytest.raises(LedgerConflictError):
        stack.app.ledger.replay(row.run.run_id)
    assert stack.whop.requests == []
    assert printed.counted("RunsFailed") == 1


def test_a_deletion_ends_it(stack: Stack) -> None:
    change(stack, CHANGES["a one-off"])
    stack.app.automation_table.begin_delete(NAME)
    assert sweep_at(stack, CHANGED + GRACE) == 0

    assert stack.put(CHANGES["a one-off"]).former == ()


# ---------------------------------------------------------------------------------------------- processes die or meet


@pytest.mark.parametrize("fault", ["crash before", "crash after"])
@pytest.mark.parametrize("call", range(2))
def test_a_change_that_dies_loses_nothing(call: int, fault: str) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = Stack(world)
    stack.put(WEEKLY)
    stack.clock.now = CHANGED
    with pytest.raises(Crash), world.process({call: fault}):
        stack.put(CHANGES["a one-off"])
    assert bool(stack.row().former) == ((call, fault) == (1, "crash after"))
    stack.put(CHANGES["a one-off"])

    assert sweep_at(stack, CHANGED + GRACE) == 1
    assert stack.history == [("13:00", "biz_A", "missed")]


@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "answer lost", "meanwhile"])
@pytest.mark.parametrize("call", range(6))
def test_a_sweep_may_die_at_any_call_and_the_slot_is_noted_once(call: int, fault: str, printed: Printed) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = Stack(world)
    change(stack, CHANGES["another time"])
    stack.clock.now = CHANGED + GRACE
    world.meanwhile = stack.sweep
    with suppress(Crash, BotoCoreError), world.process({call: fault}):
        stack.sweep()
    stack.clock.forward(minutes=5)
    stack.sweep()

    assert stack.history == [("13:00", "biz_A", "missed")]
    assert stack.row().former == ()
    assert printed.counted("RunsMissed") >= 1


@pytest.mark.parametrize("call", range(3))
@pytest.mark.parametrize("other", [CHANGES["a rate"], CHANGES["switched off"], WEEKLY | {"description": "why"}])
def test_of_two_changes_at_once_none_loses_a_slot(call: int, other: Json) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = Stack(world)
    stack.put(WEEKLY)
    stack.clock.now = CHANGED
    world.meanwhile = lambda: stack.put(other)
    with world.process({call: "meanwhile"}):
        stack.put(CHANGES["another time"])

    assert sweep_at(stack, CHANGED + GRACE) == 1
    assert stack.history == [("13:00", "biz_A", "missed")]


@pytest.mark.parametrize("call", range(4))
def test_a_change_while_it_is_looked_at_loses_no_slot(call: int) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = Stack(world)
    stack.put(hourly())
    stack.clock.now = ONE + GRACE
    world.meanwhile = lambda: stack.put(CHANGES["a one-off"])
    with world.process({call: "meanwhile"}):
        stack.sweep()

    sweep_at(stack, TWO)
    assert stack.history == [("13:00", "biz_A", "missed")]
