"""Slots for which a schedule should have fired, but did not, are found."""

from copy import replace
from datetime import UTC, datetime, timedelta
from typing import override

import pytest

from aichats.automations import missed
from aichats.automations.missed import MISSED, SCHEDULER_DELAY, TOO_SHORT
from aichats.automations.model import Automation
from aichats.automations.run_factory import Occurrence, RenderedRuns, RunFactory
from aichats.templates.render import Evaluator
from tests.support.automations import listening, scheduled, sweep_part
from tests.support.fakes import Json
from tests.support.ledgers import NOON
from tests.support.output import Output
from tests.support.stack_in_memory import (
    GRACE,
    NAME,
    ONE,
    THREE,
    TWO,
    StackInMemory,
    hourly,
    slot_run,
    sweep_at,
)


def begin_fan_out(stack: StackInMemory, slot: datetime) -> None:
    """Write only the second run of a slot, as if the function died after that."""
    runs = stack.app.schedule_events.runs_of({"automation": NAME, "scheduled_time": slot.isoformat()})
    stack.app.ledger.add(runs[1:2], lambda _: slot)


def test_if_every_slot_fired_nothing_is_missed(stack: StackInMemory, output: Output) -> None:
    stack.put(hourly())
    for slot in (ONE, TWO):
        stack.clock.now = slot
        stack.tick(slot)

    assert sweep_at(stack, TWO + GRACE) == 0
    assert stack.history == [("13:00", "biz_A", "succeeded"), ("14:00", "biz_A", "succeeded")]
    assert output.counted("RunsMissed") == 0


def test_a_slot_that_did_not_fire_is_stored_for_each_target_and_counted(stack: StackInMemory, output: Output) -> None:
    stack.put(hourly("biz_A", "biz_B"))

    assert sweep_at(stack, ONE + GRACE) == 2

    assert stack.history == [("13:00", "biz_A", "missed"), ("13:00", "biz_B", "missed")]
    [row, _] = stack.runs
    assert (row.run.run_id, row.run.automation, row.is_open) == (slot_run(ONE), NAME, False)
    assert row.error == {"type": "Missed", "message": "the schedule did not fire for this slot"}
    assert row.run.action.title == "13:00 biz_A"
    assert (stack.sqs.sent, stack.whop.requests) == ([], [])
    assert output.counted("RunsMissed") == 2


def test_a_slot_is_stored_once_however_often_it_is_checked(stack: StackInMemory, output: Output) -> None:
    stack.put(hourly())

    assert [sweep_at(stack, ONE + GRACE + timedelta(minutes=minutes)) for minutes in (0, 0, 5, 10)] == [1, 0, 0, 0]
    assert output.counted("RunsMissed") == 1


def test_a_slot_is_left_alone_until_its_grace_is_over(stack: StackInMemory) -> None:
    stack.put(hourly())

    assert sweep_at(stack, ONE + GRACE - timedelta(milliseconds=1)) == 0
    assert sweep_at(stack, ONE + GRACE) == 1


def test_before_an_automation_was_written_nothing_is_missed(stack: StackInMemory) -> None:
    stack.clock.now = ONE + timedelta(milliseconds=1)
    stack.put(hourly())

    assert sweep_at(stack, TWO) == 0
    assert sweep_at(stack, TWO + GRACE) == 1


@pytest.mark.parametrize("what", ["listens", "is disabled", "is being deleted", "is gone"])
def test_an_automation_that_should_not_fire_misses_nothing(stack: StackInMemory, what: str) -> None:
    stack.put(listening() if what == "listens" else hourly(enabled=what != "is disabled"))
    if what.startswith("is being") or what == "is gone":
        stack.app.automation_table.begin_delete(NAME)
    if what == "is gone":
        stack.app.automation_table.end_delete(stack.row())

    assert sweep_at(stack, THREE) == 0
    assert stack.runs == []


def test_slots_while_a_schedule_is_disabled_are_not_missed(stack: StackInMemory) -> None:
    stack.put(hourly())
    stack.put(hourly(enabled=False))
    assert sweep_at(stack, TWO + GRACE) == 0
    stack.put(hourly())

    assert sweep_at(stack, THREE + GRACE) == 1
    assert stack.history == [("15:00", "biz_A", "missed")]


def test_a_slot_that_fired_for_its_targets_is_not_missed_for_new_targets(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A"))
    stack.clock.now = ONE
    stack.tick(ONE)
    stack.clock.forward(minutes=1)
    stack.put(hourly("biz_B"))

    assert sweep_at(stack, ONE + GRACE) == 0
    assert sweep_at(stack, TWO + GRACE) == 1
    assert stack.history == [("13:00", "biz_A", "succeeded"), ("14:00", "biz_B", "missed")]


UNSEEN = {
    "its description": {"description": "why"},
    "its message": {"action": hourly()["action"] | {"title": "another"}},
    "what becomes of missed slots": {"missed": "run"},
    "its end": {"trigger": hourly(end="2026-12-01T00:00:00Z")["trigger"]},
    "its end to what is over since": {"trigger": hourly(end="2026-11-20T14:02:00Z")["trigger"]},
    "its targets": {"targets": ["biz_B"]},
}
"""Changes that do not change the slots of an automation."""


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("after", [timedelta(), timedelta(minutes=1)])
def test_a_slot_that_was_missed_before_a_change_is_found_afterwards(
    stack: StackInMemory, change: Json, after: timedelta
) -> None:
    stack.put(hourly())
    stack.clock.now = ONE + after
    stack.put(hourly() | change)

    assert sweep_at(stack, ONE + GRACE) == 1
    assert sweep_at(stack, ONE + timedelta(minutes=59)) == 0
    assert [time for time, _, _ in stack.history] == ["13:00"]
    assert stack.runs[0].run.target == change.get("targets", ["biz_A"])[0]


@pytest.mark.parametrize("after", [None, "2027-01-01T00:00:00Z"])
def test_after_a_past_end_is_moved_no_slot_since_that_end_is_missed(stack: StackInMemory, after: str | None) -> None:
    stack.put(hourly(end="2026-11-20T13:02:00Z"))
    assert sweep_at(stack, ONE + GRACE) == 1
    stack.clock.now = TWO + timedelta(minutes=1)
    stack.put(hourly(end=after))

    assert sweep_at(stack, THREE + GRACE) == 1
    assert [time for time, _, _ in stack.history] == ["13:00", "15:00"]


def test_slots_while_the_trigger_is_a_webhook_are_not_missed(stack: StackInMemory) -> None:
    for definition, minutes in ((hourly(), 59), (listening(), 2), (hourly(), 0)):
        stack.put(definition)
        stack.clock.forward(minutes=minutes)

    assert sweep_at(stack, TWO + GRACE) == 1
    assert [time for time, _, _ in stack.history] == ["14:00"]


@pytest.mark.parametrize("change", [{"description": "why"}, {"trigger": hourly(end="2026-12-01T00:00:00Z")["trigger"]}])
def test_a_fan_out_that_stopped_halfway_before_a_change_is_found_afterwards(stack: StackInMemory, change: Json) -> None:
    stack.put(hourly("biz_A", "biz_B", "biz_C"))
    begin_fan_out(stack, ONE)
    stack.clock.now = ONE + timedelta(minutes=1)
    stack.put(hourly("biz_A", "biz_B", "biz_C") | change)

    assert sweep_at(stack, ONE + GRACE) == 2
    assert [status for _, _, status in stack.history] == ["missed", "pending", "missed"]


@pytest.mark.parametrize("early", [timedelta(milliseconds=1), SCHEDULER_DELAY])
@pytest.mark.parametrize("before", [None, hourly(enabled=False), scheduled("cron(30 * * * ? *)")])
def test_a_slot_just_after_its_trigger_was_written_is_stored_without_an_alarm(
    stack: StackInMemory, output: Output, before: Json | None, early: timedelta
) -> None:
    if before:
        stack.clock.now = ONE - timedelta(minutes=1)
        stack.put(before)
    stack.clock.now = ONE - early
    stack.put(hourly())

    assert sweep_at(stack, ONE + GRACE) == 1
    assert stack.history == [("13:00", "biz_A", "missed")]
    assert stack.runs[0].error == TOO_SHORT
    assert output.counted("RunsMissed") == 0
    assert sweep_at(stack, TWO + GRACE) == 1
    assert stack.runs[1].error == MISSED
    assert output.counted("RunsMissed") == 1


def test_a_slot_just_after_its_trigger_was_written_is_run_late_if_required(
    stack: StackInMemory, output: Output
) -> None:
    stack.clock.now = ONE - timedelta(seconds=1)
    stack.put(hourly(then="run"))

    sweep_at(stack, ONE + GRACE)
    stack.work()

    assert stack.history == [("13:00", "biz_A", "succeeded")]
    assert output.counted("RunsMissed") == 0


def test_a_slot_just_after_its_trigger_was_written_that_fired_is_not_missed(stack: StackInMemory) -> None:
    stack.clock.now = ONE - timedelta(seconds=1)
    stack.put(hourly())
    stack.tick(ONE)

    assert sweep_at(stack, ONE + GRACE) == 0
    assert stack.history == [("13:00", "biz_A", "succeeded")]


@pytest.mark.parametrize(
    "change", [{"description": "why"}, {"targets": ["biz_B"]}, {"missed": "skip", "action": hourly()["action"]}]
)
def test_a_change_that_leaves_the_trigger_as_it_is_excuses_no_slot(
    stack: StackInMemory, output: Output, change: Json
) -> None:
    yearly = hourly() | {"trigger": scheduled("cron(0 13 20 11 ? *)")["trigger"]}
    stack.put(yearly)
    stack.clock.now = ONE - timedelta(seconds=5)
    stack.put(yearly | change)

    assert sweep_at(stack, ONE + GRACE) == 1
    assert stack.runs[0].error == MISSED
    assert output.counted("RunsMissed") == 1


@pytest.mark.parametrize("early", [timedelta(milliseconds=1), timedelta(seconds=5), SCHEDULER_DELAY])
@pytest.mark.parametrize(("then", "status"), [("skip", "missed"), ("run", "succeeded")])
def test_a_one_off_is_missed_however_shortly_before_it_was_written(
    stack: StackInMemory, output: Output, early: timedelta, then: str, status: str
) -> None:
    stack.clock.now = ONE - early
    stack.put(hourly(then=then) | {"trigger": scheduled("at(2026-11-20T13:00:00)")["trigger"]})

    assert sweep_at(stack, ONE + GRACE) == 1
    stack.work()
    assert stack.history == [("13:00", "biz_A", status)]
    assert output.counted("RunsMissed") == 1


@pytest.mark.parametrize("early", [0.3, 10, 15])
def test_the_first_slot_of_a_rate_is_missed_if_it_does_not_fire(
    stack: StackInMemory, output: Output, early: float
) -> None:
    stack.clock.now = ONE - timedelta(seconds=early)
    stack.put(hourly() | {"trigger": scheduled("rate(30 days)")["trigger"]})

    assert sweep_at(stack, ONE + timedelta(minutes=1) + GRACE) == 1
    assert stack.history == [("13:01", "biz_A", "missed")]
    assert output.counted("RunsMissed") == 1


def test_a_slot_a_millisecond_later_is_missed(stack: StackInMemory, output: Output) -> None:
    stack.clock.now = ONE - SCHEDULER_DELAY - timedelta(milliseconds=1)
    stack.put(hourly())

    assert sweep_at(stack, ONE + GRACE) == 1
    assert output.counted("RunsMissed") == 1


def test_a_slot_just_after_a_change_that_fired_for_some_only_misses_the_others(
    stack: StackInMemory, output: Output
) -> None:
    stack.clock.now = ONE - timedelta(seconds=5)
    stack.put(hourly("biz_A", "biz_B", "biz_C"))
    begin_fan_out(stack, ONE)

    assert sweep_at(stack, ONE + GRACE) == 2
    assert [status for _, _, status in stack.history] == ["missed", "pending", "missed"]
    assert output.counted("RunsMissed") == 2


def test_a_slot_that_fired_for_some_only_misses_the_others(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B", "biz_C"))
    begin_fan_out(stack, ONE)

    assert sweep_at(stack, ONE + GRACE) == 2
    assert [status for _, _, status in stack.history] == ["missed", "pending", "missed"]


def test_a_run_that_cannot_be_rendered_for_a_missed_slot_has_failed(stack: StackInMemory, output: Output) -> None:
    fails = {"title": "{{ abs(to_number(target == 'biz_B' && 'x' || '1')) }}"}
    stack.put(hourly("biz_A", "biz_B") | {"action": hourly()["action"] | fails})

    assert sweep_at(stack, ONE + GRACE) == 1
    assert sweep_at(stack, ONE + GRACE * 2) == 0

    assert stack.history == [("13:00", "biz_A", "missed"), ("13:00", "biz_B", "failed")]
    assert stack.runs[1].unrendered
    assert (output.counted("RunsMissed"), output.counted("RunsFailed")) == (1, 1)


def test_a_known_failure_to_render_is_not_reported_again(stack: StackInMemory, output: Output) -> None:
    stack.put(hourly() | {"action": hourly()["action"] | {"title": "{{ abs(target) }}"}})
    stack.tick(ONE)

    assert sweep_at(stack, ONE + GRACE) == 0
    assert output.counted("RunsFailed") == 1


def test_of_too_many_slots_the_newest_are_stored_and_all_are_counted(
    stack: StackInMemory, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "MAX_RUNS", 5)
    stack.put(hourly("biz_A", "biz_B"))

    assert sweep_at(stack, NOON + timedelta(hours=7) + GRACE) == 4

    assert sorted({time for time, _, _ in stack.history}) == ["18:00", "19:00"]
    assert output.counted("RunsMissed") == 14
    assert sweep_at(stack, NOON + timedelta(hours=7) + GRACE * 2) == 0


def test_with_too_many_targets_the_newest_slot_is_stored(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed, "MAX_RUNS", 1)
    stack.put(hourly("biz_A", "biz_B"))

    assert sweep_at(stack, TWO + GRACE) == 2
    assert [time for time, _, _ in stack.history] == ["14:00", "14:00"]


def test_each_automation_is_checked(stack: StackInMemory) -> None:
    for name in ("one", "two", "three"):
        stack.put(hourly(), name)

    assert sweep_at(stack, ONE + GRACE) == 3
    assert {row.run.automation for row in stack.runs} == {"one", "two", "three"}


class Spoilt(RunFactory):
    """A run factory that fails for automations whose names begin with `spoilt`."""

    @override
    def runs_for(
        self, name: str, automation: Automation, occurrence: Occurrence, evaluator: Evaluator | None = None
    ) -> RenderedRuns:
        if name.startswith("spoilt"):
            raise OverflowError(name)
        return super().runs_for(name, automation, occurrence, evaluator)


def test_an_automation_that_cannot_be_checked_stops_no_other_and_its_error_is_raised_last(
    stack: StackInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("one", "spoilt-1", "two", "spoilt-2", "three")
    for name in names:
        stack.put(hourly(), name)
    firing = stack.app.run_factory
    spoilt = Spoilt(firing.api_version, firing.max_message_bytes)
    checking = replace(stack.app.missed_slots, run_factory=spoilt)
    stack.clock.now = ONE + GRACE

    with pytest.raises(ExceptionGroup) as caught:
        checking.check(stack.app.automation_table.rows(), sweep_part("slots"))

    assert sorted(map(repr, caught.value.exceptions)) == ["OverflowError('spoilt-1')", "OverflowError('spoilt-2')"]
    assert {row.run.automation for row in stack.runs} == {"one", "two", "three"}
    logged = [vars(record)["automation"] for record in caplog.records if record.message == "slots not checked"]
    assert sorted(logged) == ["spoilt-1", "spoilt-2"]
    assert {name for name in names if stack.row(name).checked_until == NOON} == {"spoilt-1", "spoilt-2"}
    assert stack.sweep() == 2


@pytest.mark.parametrize(
    ("expression", "zone", "day", "slots"),
    [
        ("cron(30 1 * * ? *)", "Europe/London", datetime(2026, 10, 25, tzinfo=UTC), ["00:30"]),
        ("cron(30 2 * * ? *)", "America/New_York", datetime(2027, 3, 14, 5, tzinfo=UTC), []),
        ("cron(30 3 * * ? *)", "America/New_York", datetime(2027, 3, 14, 5, tzinfo=UTC), ["07:30"]),
    ],
)
def test_a_repeated_time_is_one_slot_and_a_skipped_time_is_none(
    stack: StackInMemory, expression: str, zone: str, day: datetime, slots: list[str]
) -> None:
    stack.clock.now = day - timedelta(hours=1)
    stack.put(scheduled(expression, timezone=zone))

    assert sweep_at(stack, day + timedelta(hours=18)) == len(slots)
    assert [time for time, _, _ in stack.history] == slots


def test_a_rate_is_counted_from_when_it_was_written(stack: StackInMemory) -> None:
    stack.clock.now = NOON + timedelta(seconds=30)
    stack.put(scheduled("rate(1 hour)"))

    assert sweep_at(stack, NOON + timedelta(hours=2)) == 2
    assert [time for time, _, _ in stack.history] == ["12:01", "13:01"]
