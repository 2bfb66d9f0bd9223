"""Missed slots are run late, even if sweeps die or run at the same time."""

from datetime import timedelta

import pytest

from tests.support.automations import reconcile, scheduled
from tests.support.crashing import Crash, World
from tests.support.ledgers import NOON, Clock
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, NAME, ONE, TWO, StackInMemory, hourly, sweep_at

# ---------------------------------------------------------------------------------------------- late events


def test_a_missed_run_is_performed_once_if_its_event_is_late(stack: StackInMemory) -> None:
    stack.put(hourly())
    sweep_at(stack, ONE + GRACE)

    assert [run["status"] for run in stack.tick(ONE)] == ["succeeded"]
    assert [run["status"] for run in stack.tick(ONE)] == ["succeeded"]

    assert (stack.history, stack.titles) == ([("13:00", "biz_A", "succeeded")], ["13:00 biz_A"])
    assert stack.sweep() == 0


def test_missed_runs_for_many_targets_are_performed_once_if_their_event_is_late(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    sweep_at(stack, ONE + GRACE)

    stack.tick(ONE)
    stack.work()
    stack.tick(ONE)
    stack.work()

    assert sorted(stack.titles) == ["13:00 biz_A", "13:00 biz_B"]
    assert {status for _, _, status in stack.history} == {"succeeded"}


# ---------------------------------------------------------------------------------------------- late runs


def test_only_the_newest_of_the_missed_slots_is_run_late(stack: StackInMemory, output: Output) -> None:
    stack.put(hourly("biz_A", "biz_B", then="run"))

    assert sweep_at(stack, TWO + GRACE) == 4
    stack.work()

    assert [status for _, _, status in stack.history] == ["missed", "missed", "succeeded", "succeeded"]
    assert sorted(stack.titles) == ["14:00 biz_A", "14:00 biz_B"]
    assert output.counted("RunsMissed") == 4


def test_a_missed_slot_before_one_that_fired_is_still_run_late(stack: StackInMemory) -> None:
    stack.put(hourly(then="run"))
    stack.tick(TWO)
    sweep_at(stack, TWO + GRACE)
    stack.work()

    assert stack.history == [("13:00", "biz_A", "succeeded"), ("14:00", "biz_A", "succeeded")]


def test_a_late_run_and_a_late_event_are_one(stack: StackInMemory) -> None:
    stack.put(hourly(then="run"))
    sweep_at(stack, ONE + GRACE)

    assert [run["status"] for run in stack.tick(ONE)] == ["succeeded"]
    stack.work()
    stack.tick(ONE)

    assert stack.titles == ["13:00 biz_A"]


def test_a_missed_one_off_is_run_late_and_then_done(stack: StackInMemory) -> None:
    stack.put(hourly(then="run") | {"trigger": scheduled("at(2026-11-20T13:00:00)")["trigger"]})

    assert sweep_at(stack, ONE + GRACE) == 1
    stack.work()
    assert stack.titles == ["13:00 biz_A"]

    stack.clock.forward(hours=30)
    assert stack.sweep() == 0
    assert [(change.name, change.kind) for change in reconcile(stack.app.automations)] == [(NAME, "done")]
    assert stack.titles == ["13:00 biz_A"]


@pytest.mark.parametrize("late", [timedelta(hours=1, minutes=59), timedelta(hours=2, minutes=9)])
def test_an_event_that_is_retried_for_two_hours_still_finds_its_automation(
    stack: StackInMemory, late: timedelta
) -> None:
    stack.put(scheduled("at(2026-11-20T13:00:00)"))
    assert sweep_at(stack, ONE + late) == 1
    assert reconcile(stack.app.automations) == []

    assert [run["status"] for run in stack.tick(ONE)] == ["succeeded"]


# ---------------------------------------------------------------------------------------------- crashes


def dying(plan: dict[int, str], *targets: str, then: str = "run") -> tuple[StackInMemory, bool]:
    """Sweep after two missed slots. Return the stack, and whether the sweep died."""
    world = World(Clock(), timedelta(minutes=2))
    stack = StackInMemory(world)
    stack.put(hourly(*targets, then=then))
    stack.clock.now = TWO + GRACE
    try:
        with world.process(plan):
            stack.sweep()
    except Crash:
        return stack, True
    return stack, False


def test_the_metric_is_written_before_the_rows(output: Output) -> None:
    # The sweep reads the automations, the pauses of the stack and two slots. Then it writes.
    stack, died = dying({4: "crash before"}, then="skip")

    assert (died, stack.runs) == (True, [])
    assert output.counted("RunsMissed") == 2


@pytest.mark.parametrize("fault", ["crash before", "crash after"])
@pytest.mark.parametrize("call", range(8))
def test_a_sweep_may_die_at_any_call_and_one_slot_is_run_once(call: int, fault: str) -> None:
    stack, died = dying({call: fault}, "biz_A", "biz_B")
    assert died == (call < 8)
    before = stack.row().checked_until

    stack.clock.forward(minutes=5)
    stack.sweep()
    stack.app.stranded_runs.resume()
    stack.work()
    stack.clock.forward(minutes=5)
    stack.app.stranded_runs.resume()
    stack.tick(TWO)
    stack.work()

    assert [status for _, _, status in stack.history] == ["missed", "missed", "succeeded", "succeeded"]
    assert sorted(stack.titles) == ["14:00 biz_A", "14:00 biz_B"]
    assert before == (TWO if (call, fault) == (7, "crash after") else NOON)


def test_a_sweep_makes_eight_calls() -> None:
    stack, died = dying({8: "crash before"}, "biz_A", "biz_B")

    assert (died, stack.row().checked_until) == (False, TWO)


@pytest.mark.parametrize("call", range(8))
def test_two_sweeps_at_once_run_one_slot_late(call: int) -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = StackInMemory(world)
    stack.put(hourly(then="run"))
    stack.clock.now = TWO + GRACE
    world.meanwhile = stack.sweep
    with world.process({call: "meanwhile"}):
        stack.sweep()
    stack.work()

    assert (stack.history, stack.titles) == (
        [("13:00", "biz_A", "missed"), ("14:00", "biz_A", "succeeded")],
        ["14:00 biz_A"],
    )


def test_an_automation_that_changes_while_it_is_checked_is_checked_again() -> None:
    world = World(Clock(), timedelta(minutes=2))
    stack = StackInMemory(world)
    stack.put(hourly())
    stack.clock.now = ONE + GRACE
    world.meanwhile = lambda: stack.put(hourly() | {"description": "changed"})
    with world.process({2: "meanwhile"}):
        assert stack.sweep() == 1

    assert stack.row().checked_until == NOON
    assert (stack.sweep(), stack.row().checked_until) == (0, ONE)
