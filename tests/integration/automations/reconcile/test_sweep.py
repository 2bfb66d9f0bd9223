"""The sweep repairs schedules, leaves recent changes alone, and completes automations that are over."""

from datetime import timedelta
from functools import partial

from aichats.automations.model import Automation
from aichats.automations.reconcile import DONE_AFTER, Change
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, reconcile, scheduled
from tests.support.ledgers import NOON
from tests.support.service_bench import AFTER_ROW, NAME, SCHEDULE, ServiceBench


def test_changes_of_the_last_ten_minutes_are_left_alone(stack: ServiceBench) -> None:
    stack.stops(AFTER_ROW, lambda: stack.service.put("new", CRON))
    stack.service.put("old", CRON)
    stack.service.put("gone", CRON)
    stack.stops(AFTER_ROW, lambda: stack.service.delete("gone"))
    stack.clock.forward(minutes=10)
    assert reconcile(stack.calm) == []
    stack.clock.forward(seconds=1)
    # A change in the AWS console.
    stack.scheduler.schedules["dev-automation-old"] |= {"State": "DISABLED", "LastModificationDate": stack.clock.now}
    stray = {**stack.scheduler.schedules["dev-automation-old"], "Name": "dev-automation-stray"}
    stack.scheduler.schedules["dev-automation-stray"] = stray

    assert {(change.name, change.kind) for change in reconcile(stack.calm)} == {("new", "created"), ("gone", "deleted")}
    assert {(change.name, change.kind) for change in stack.sweep()} == {
        ("old", "updated"),
        ("dev-automation-stray", "removed"),
    }


def test_the_schedule_of_a_row_that_changed_just_now_is_left_alone(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.clock.forward(hours=1)
    stack.stops(AFTER_ROW, lambda: stack.service.put(NAME, WEBHOOK))

    assert reconcile(stack.calm) == []
    assert stack.sweep() == [Change(SCHEDULE, "removed")]


def test_a_stray_schedule_that_no_longer_exists_is_not_reported(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.stops(AFTER_ROW, lambda: stack.service.put(NAME, WEBHOOK))
    stack.clock.forward(minutes=11)
    stack.world.meanwhile = lambda: stack.calm.put(NAME, WEBHOOK)

    with stack.world.process({2: "meanwhile"}):
        assert reconcile(stack.service) == []
    assert stack.scheduler.schedules == {}


def test_a_change_while_the_sweep_repairs_is_not_undone(stack: ServiceBench) -> None:
    stack.stops(AFTER_ROW, lambda: stack.service.put(NAME, CRON))
    stack.clock.forward(minutes=11)
    stack.world.meanwhile = lambda: stack.calm.put(NAME, RATE)

    with stack.world.process({2: "meanwhile"}):
        assert reconcile(stack.service) == [Change(NAME, "updated")]
    assert stack.expression() == "rate(5 minutes)"


def test_a_schedule_that_is_deleted_while_it_is_corrected_is_created_again(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.world.meanwhile = stack.scheduler.schedules.clear

    for call in (3, 4):
        definition = RATE if call == 3 else CRON
        with stack.world.process({call: "meanwhile"}):
            stack.service.put(NAME, definition)
        assert stack.expression() == definition.definition["trigger"]["expression"]


def test_a_missing_schedule_is_created_again_with_the_same_slots(stack: ServiceBench) -> None:
    row = stack.service.put(NAME, RATE).row
    stack.scheduler.schedules.clear()

    assert stack.sweep() == [Change(NAME, "created")]
    assert row.rate_start is not None
    assert (stack.scheduler.schedules[SCHEDULE]["StartDate"] - row.rate_start) % timedelta(minutes=5) == timedelta(0)


def test_a_schedule_that_was_disabled_in_the_console_is_enabled_again(stack: ServiceBench) -> None:
    stack.service.put(NAME, CRON)
    stack.scheduler.schedules[SCHEDULE]["State"] = "DISABLED"

    assert stack.sweep() == [Change(NAME, "updated")]
    assert stack.scheduler.schedules[SCHEDULE]["State"] == "ENABLED"


def test_an_automation_that_cannot_be_repaired_does_not_stop_the_others(stack: ServiceBench) -> None:
    for name in ("one", "two"):
        stack.stops(AFTER_ROW, partial(stack.service.put, name, CRON))
    stack.service.put("stray", CRON)
    stack.store.end_delete(stack.store.put("stray", CRON)[0])
    stack.clock.forward(minutes=11)
    # Scan, list, scan the index, create one; read the row of the stray, delete it; create the other, read its row.
    with stack.world.process({3: "error before", 5: "error before"}):
        repairs = [(change.kind, "ConnectionClosedError" in change.reason) for change in reconcile(stack.service)]

    assert repairs == [("failed", True), ("failed", True), ("created", False)]
    assert [change.kind for change in reconcile(stack.calm)] == ["created", "removed"]


def test_a_one_off_that_fired_is_done_and_never_created_again(stack: ServiceBench) -> None:
    stack.service.put(NAME, at(NOON + timedelta(hours=1)))
    stack.clock.now = NOON + timedelta(hours=1)
    stack.scheduler.fire()
    row = stack.store.get(NAME)
    assert row is not None
    assert stack.sweep() == []
    stack.store.mark_checked([row], NOON + timedelta(hours=2))

    stack.clock.now = NOON + timedelta(hours=1) + DONE_AFTER - timedelta(seconds=1)
    assert reconcile(stack.calm) == []
    stack.clock.forward(seconds=1)
    assert reconcile(stack.calm) == [Change(NAME, "done")]
    for _ in range(3):
        assert stack.sweep() == []
    assert len(stack.scheduler.fired) == 1
    assert stack.scheduler.schedules == {}
    done = stack.store.get(NAME)
    assert done is not None
    assert done.state == "done"


def test_a_one_off_in_the_past_gets_no_schedule(stack: ServiceBench) -> None:
    stack.stops(AFTER_ROW, lambda: stack.service.put(NAME, at(NOON + timedelta(hours=1))))
    stack.clock.forward(hours=1)

    assert stack.service.put(NAME, at(NOON + timedelta(hours=1))).row.state == "active"
    assert stack.sweep() == []
    assert "create" not in stack.scheduler.calls


def test_a_one_off_is_not_done_before_its_slot_was_checked(stack: ServiceBench) -> None:
    row = stack.service.put(NAME, at(NOON + timedelta(hours=1))).row
    stack.clock.forward(days=2)
    stack.scheduler.fire()

    assert reconcile(stack.calm) == []
    stack.store.mark_checked([row], NOON + timedelta(hours=1))
    assert reconcile(stack.calm) == [Change(NAME, "done")]


def test_a_schedule_that_has_ended_is_removed_once_it_is_done(stack: ServiceBench) -> None:
    row = stack.service.put(NAME, automation(scheduled(end="2026-11-24T00:00:00Z"))).row
    stack.clock.forward(days=5)
    stack.store.mark_checked([row], stack.clock.now)

    assert reconcile(stack.calm) == [Change(NAME, "done")]
    assert reconcile(stack.calm) == []
    assert stack.sweep() == [Change(SCHEDULE, "removed")]


def test_a_disabled_automation_is_never_done(stack: ServiceBench) -> None:
    once = at(NOON + timedelta(hours=1)).definition
    off: Automation = automation({**once, "trigger": {**once["trigger"], "enabled": False}})
    row = stack.service.put(NAME, off).row
    stack.clock.forward(days=2)
    stack.store.mark_checked([row], stack.clock.now)

    assert reconcile(stack.calm) == []
    assert stack.store.get(NAME) is not None
    assert SCHEDULE in stack.scheduler.schedules
