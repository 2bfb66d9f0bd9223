"""The sweep reads a schedule only if it has changed since it was last found as its row requires."""

from copy import replace
from datetime import timedelta
from functools import partial

import pytest

from aichats.automations.reconcile import AutomationService, Change
from aichats.automations.row import AutomationRow
from aichats.automations.scheduler import Schedules
from tests.support.automations import CRON, RATE, automation, reconcile, scheduled
from tests.support.ledgers import NOON
from tests.support.service_bench import AFTER_ROW, NAME, SCHEDULE, ServiceBench

NAMES = ("one", "three", "two")


def read_by(bench: ServiceBench) -> int:
    """Return the number of schedules that a sweep reads."""
    bench.clock.forward(minutes=5)
    bench.scheduler.calls.clear()
    assert reconcile(bench.calm) == []
    return bench.scheduler.calls.count("get")


@pytest.fixture
def settled(bench: ServiceBench) -> ServiceBench:
    """Three automations whose schedules were found as required."""
    for name in NAMES:
        bench.service.put(name, CRON)
    bench.clock.forward(minutes=11)
    assert read_by(bench) == 3
    return bench


def test_a_schedule_that_did_not_change_is_not_read_again(settled: ServiceBench) -> None:
    assert [read_by(settled) for _ in range(3)] == [0, 0, 0]


def test_a_schedule_that_changed_is_read_and_corrected(settled: ServiceBench) -> None:
    schedule = settled.scheduler.schedules["dev-automation-two"]
    schedule |= {"State": "DISABLED", "LastModificationDate": settled.clock.now}

    assert settled.sweep() == [Change("two", "updated")]
    assert schedule["ScheduleExpression"] == CRON.definition["trigger"]["expression"]
    assert settled.sweep() == []
    assert read_by(settled) == 0


def test_a_missing_schedule_is_created_again(settled: ServiceBench) -> None:
    del settled.scheduler.schedules["dev-automation-two"]

    assert settled.sweep() == [Change("two", "created")]


def test_after_a_change_of_the_automation_its_schedule_is_read_once(settled: ServiceBench) -> None:
    settled.service.put("two", RATE)
    settled.clock.forward(minutes=11)

    assert [read_by(settled), read_by(settled)] == [1, 0]


def test_a_change_whose_process_died_is_still_repaired(settled: ServiceBench) -> None:
    settled.stops(AFTER_ROW, partial(settled.service.put, "two", RATE))

    assert settled.sweep() == [Change("two", "updated")]


def test_a_deployment_that_changes_the_content_of_schedules_corrects_all_of_them(settled: ServiceBench) -> None:
    schedules: Schedules = replace(settled.calm.schedules, role_arn="arn:aws:iam::000000000000:role/other")
    settled.clock.forward(minutes=11)

    repairs = reconcile(AutomationService(settled.store, schedules, settled.clock))

    assert repairs == [Change(name, "updated") for name in NAMES]
    assert {each["Target"]["RoleArn"] for each in settled.scheduler.schedules.values()} == {schedules.role_arn}


def test_the_start_of_a_rate_does_not_cause_its_schedule_to_be_read_again(bench: ServiceBench) -> None:
    bench.service.put(NAME, RATE)
    bench.service.put("begins", automation(scheduled(start=(NOON + timedelta(hours=1)).isoformat())))
    bench.clock.forward(minutes=11)
    assert read_by(bench) == 2

    assert [read_by(bench) for _ in range(15)] == [0] * 15


def test_a_row_that_changes_meanwhile_is_not_marked_as_aligned(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.clock.forward(minutes=11)
    bench.world.meanwhile = lambda: bench.store.put(NAME, RATE)
    # Scan, list, scan the index, read the schedule, store that it is as required.
    with bench.world.process({4: "meanwhile"}):
        assert reconcile(bench.service) == []

    assert bench.sweep() == [Change(NAME, "updated")]
    assert bench.expression() == "rate(5 minutes)"


def test_an_automation_that_is_written_after_the_table_was_read_keeps_its_schedule(bench: ServiceBench) -> None:
    bench.service.put(NAME, CRON)
    bench.store.end_delete(bench.store.put(NAME, CRON)[0])
    bench.clock.forward(minutes=11)
    bench.world.meanwhile = lambda: bench.calm.put(NAME, CRON)
    # Scan, list, scan the index, read the row.
    with bench.world.process({3: "meanwhile"}):
        assert reconcile(bench.service) == []

    assert SCHEDULE in bench.scheduler.schedules


def test_an_unexpected_error_with_one_automation_stops_no_other(
    bench: ServiceBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        bench.stops(AFTER_ROW, partial(bench.service.put, name, CRON))
    ensure = Schedules.ensure

    def fail(self: Schedules, row: AutomationRow) -> str:
        if row.name == "three":
            raise OverflowError(row.name)
        return ensure(self, row)

    monkeypatch.setattr(Schedules, "ensure", fail)

    repairs = bench.sweep()

    assert [(change.name, change.kind) for change in repairs] == [
        ("one", "created"),
        ("three", "failed"),
        ("two", "created"),
    ]
    assert repairs[1].reason == "OverflowError: three"
