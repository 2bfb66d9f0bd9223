"""The sweep repairs schedules, leaves recent changes alone, and completes automations that are over."""

from datetime import timedelta
from functools import partial

from aichats.automations.model import Automation
from aichats.automations.reconcile import DONE_AFTER, Change
from tests.support.automations import CRON, RATE, WEBHOOK, at, automation, reconcile, scheduled
from tests.support.ledgers import NOON
from tests.support.service_bench import AFTER_ROW, NAME, SCHEDULE, ServiceBench


def test_changes_of_the_last_ten_minutes_are_left_alone(bench: ServiceBench) -> None:
    bench.stops(AFTER_ROW, lambda: bench.service.put("new", CRON))
    bench.service.put("old", CRON)
    bench.service.put("gone", CRON)
    bench.stops(AFTER_ROW, lambda: bench.service.delete("gone"))
    bench.clock.forward(minutes=10)
    assert reconcile(bench.calm) == []
    bench.clock.forward(seconds=1)
    # A change in the AWS console.
    bench.scheduler.schedules["dev-automation-old"] |= {"State": "DISABLED", "LastModificationDate": bench.clock.now}
    stray = {**bench.scheduler.schedules["dev-automation-old"], "Name": "dev-automation-stray"}
    bench.scheduler.schedules["dev-automation-stray"] = stray

    assert {(change.name, change.kind) for change in reconcile(bench.calm)} == {("new", "created"), ("gone", "deleted")}
    assert {(change.name, change.kind) for change in bench.sweep()} == {
        ("old", "updated"),
        ("dev-automation-stray", "removed"),
    }


def test_the_schedule_of_a_row_that_changed_just_now_is_left_alone(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.clock.forward(hours=1)
    bench.stops(AFTER_ROW, lambda: bench.service.put(NAME, WEBHOOK))

    assert reconcile(bench.calm) == []
    assert bench.sweep() == [Change(SCHEDULE, "removed")]


def test_a_stray_schedule_that_no_longer_exists_is_not_reported(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.stops(AFTER_ROW, lambda: bench.service.put(NAME, WEBHOOK))
    bench.clock.forward(minutes=11)
    bench.world.meanwhile = lambda: bench.calm.put(NAME, WEBHOOK)

    with bench.world.process({2: "meanwhile"}):
        assert reconcile(bench.service) == []
    assert bench.scheduler.schedules == {}


def test_a_change_while_the_sweep_repairs_is_not_undone(bench: ServiceBench) -> None:
    bench.stops(AFTER_ROW, lambda: bench.service.put(NAME, CRON))
    bench.clock.forward(minutes=11)
    bench.world.meanwhile = lambda: bench.calm.put(NAME, RATE)

    with bench.world.process({2: "meanwhile"}):
        assert reconcile(bench.service) == [Change(NAME, "updated")]
    assert bench.expression() == "rate(5 minutes)"


def test_a_schedule_that_is_deleted_while_it_is_corrected_is_created_again(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.world.meanwhile = bench.scheduler.schedules.clear

    for call in (3, 4):
        definition = RATE if call == 3 else CRON
        with bench.world.process({call: "meanwhile"}):
            bench.service.put(NAME, definition)
        assert bench.expression() == definition.definition["trigger"]["expression"]


def test_a_missing_schedule_is_created_again_with_the_same_slots(bench: ServiceBench) -> None:
    row = bench.service.put(NAME, RATE).row
    bench.scheduler.schedules.clear()

    assert bench.sweep() == [Change(NAME, "created")]
    assert row.rate_start is not None
    assert (bench.scheduler.schedules[SCHEDULE]["StartDate"] - row.rate_start) % timedelta(minutes=5) == timedelta(0)


def test_a_schedule_that_was_disabled_in_the_console_is_enabled_again(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.scheduler.schedules[SCHEDULE]["State"] = "DISABLED"

    assert bench.sweep() == [Change(NAME, "updated")]
    assert bench.scheduler.schedules[SCHEDULE]["State"] == "ENABLED"


def test_an_automation_that_cannot_be_repaired_does_not_stop_the_others(bench: ServiceBench) -> None:
    for name in ("one", "two"):
        bench.stops(AFTER_ROW, partial(bench.service.put, name, CRON))
    bench.service.put("stray", CRON)
    bench.store.end_delete(bench.store.put("stray", CRON)[0])
    bench.clock.forward(minutes=11)
    # Scan, list, scan the index, create one; read the row of the stray, delete it; create the other, read its row.
    with bench.world.process({3: "error before", 5: "error before"}):
        repairs = [(change.kind, "NoResponseError" in change.reason) for change in reconcile(bench.service)]

    assert repairs == [("failed", True), ("failed", True), ("created", False)]
    assert [change.kind for change in reconcile(bench.calm)] == ["created", "removed"]


def test_a_one_off_that_fired_is_done_and_never_created_again(bench: ServiceBench) -> None:
    bench.service.put(NAME, at(NOON + timedelta(hours=1)))
    bench.clock.now = NOON + timedelta(hours=1)
    bench.scheduler.fire()
    row = bench.store.get(NAME)
    assert row is not None
    assert bench.sweep() == []
    bench.store.mark_checked([row], NOON + timedelta(hours=2))

    bench.clock.now = NOON + timedelta(hours=1) + DONE_AFTER - timedelta(seconds=1)
    assert reconcile(bench.calm) == []
    bench.clock.forward(seconds=1)
    assert reconcile(bench.calm) == [Change(NAME, "done")]
    for _ in range(3):
        assert bench.sweep() == []
    assert len(bench.scheduler.fired) == 1
    assert bench.scheduler.schedules == {}
    done = bench.store.get(NAME)
    assert done is not None
    assert done.state == "done"


def test_a_one_off_in_the_past_gets_no_schedule(bench: ServiceBench) -> None:
    bench.stops(AFTER_ROW, lambda: bench.service.put(NAME, at(NOON + timedelta(hours=1))))
    bench.clock.forward(hours=1)

    assert bench.service.put(NAME, at(NOON + timedelta(hours=1))).row.state == "active"
    assert bench.sweep() == []
    assert "create" not in bench.scheduler.calls


def test_a_one_off_is_not_done_before_its_slot_was_checked(bench: ServiceBench) -> None:
    row = bench.service.put(NAME, at(NOON + timedelta(hours=1))).row
    bench.clock.forward(days=2)
    bench.scheduler.fire()

    assert reconcile(bench.calm) == []
    bench.store.mark_checked([row], NOON + timedelta(hours=1))
    assert reconcile(bench.calm) == [Change(NAME, "done")]


def test_a_schedule_that_has_ended_is_removed_once_it_is_done(bench: ServiceBench) -> None:
    row = bench.service.put(NAME, automation(scheduled(end="2026-11-24T00:00:00Z"))).row
    bench.clock.forward(days=5)
    bench.store.mark_checked([row], bench.clock.now)

    assert reconcile(bench.calm) == [Change(NAME, "done")]
    assert reconcile(bench.calm) == []
    assert bench.sweep() == [Change(SCHEDULE, "removed")]


def test_a_disabled_automation_is_never_done(bench: ServiceBench) -> None:
    once = at(NOON + timedelta(hours=1)).definition
    off: Automation = automation({**once, "trigger": {**once["trigger"], "enabled": False}})
    row = bench.service.put(NAME, off).row
    bench.clock.forward(days=2)
    bench.store.mark_checked([row], bench.clock.now)

    assert reconcile(bench.calm) == []
    assert bench.store.get(NAME) is not None
    assert SCHEDULE in bench.scheduler.schedules
