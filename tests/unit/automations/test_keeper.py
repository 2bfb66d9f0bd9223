"""Table and scheduler are kept together: in every order of failures, by repeating the request and by the sweep."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from aichats.automations.keeper import DONE_AFTER, Keeper, Repair
from aichats.automations.model import Automation
from aichats.automations.rows import StaleError
from aichats.automations.schedules import SchedulerError
from aichats.automations.store import AutomationStore
from tests.automations import (
    CRON,
    RATE,
    WEBHOOK,
    FakeScheduler,
    at,
    automation,
    make_schedules,
    make_store,
    scheduled,
)
from tests.crashing import Crash, FaultyAws, World
from tests.fakes import aws_error
from tests.ledgers import NOON, Clock, dynamodb

NAME, SCHEDULE = "weekly", "dev-automation-weekly"
OFF = automation(scheduled(enabled=False))


@dataclass
class Stack:
    """A keeper whose calls to AWS fail as planned, and one to whom nothing happens."""

    clock: Clock
    world: World
    scheduler: FakeScheduler
    store: AutomationStore
    keeper: Keeper

    @property
    def calm(self) -> Keeper:
        """A keeper of the same table and scheduler to whom nothing happens."""
        return Keeper(self.store, make_schedules(self.scheduler, self.clock), self.clock)

    def expression(self, schedule: str = SCHEDULE) -> str | None:
        """Of a schedule; ``None`` if there is none."""
        found = self.scheduler.schedules.get(schedule)
        return found["ScheduleExpression"] if found else None

    def stops(self, plan: dict[int, str], act: Callable[[], object]) -> None:
        """Let a process end in the middle."""
        with self.world.process(plan), pytest.raises(Crash):
            act()

    def sweep(self) -> list[Repair]:
        """Sweep when the quiet time is over."""
        self.clock.forward(minutes=11)
        return self.calm.heal()


@pytest.fixture
def stack() -> Stack:
    clock = Clock()
    world = World(clock, timedelta(minutes=1))
    scheduler = FakeScheduler(clock)
    store = make_store(clock)
    faulty: Any = FaultyAws(world, dynamodb())
    table = AutomationStore(faulty, store.table, clock)
    return Stack(
        clock, world, scheduler, store, Keeper(table, make_schedules(FaultyAws(world, scheduler), clock), clock)
    )


# ---------------------------------------------------------------------------------------------- nothing goes wrong


def test_an_automation_gets_its_row_and_its_schedule(stack: Stack) -> None:
    row, created = stack.keeper.put(NAME, CRON)

    assert created
    assert stack.store.get(NAME) == row
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.scheduler.calls == ["create"]


def test_a_change_of_the_trigger_changes_the_schedule(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)

    assert not stack.keeper.put(NAME, RATE)[1]
    assert stack.expression() == "rate(5 minutes)"


def test_a_change_of_the_message_leaves_the_schedule_as_it_is(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.keeper.put(NAME, automation(scheduled(message="another")))

    assert stack.scheduler.calls == ["create", "create", "get"]


def test_what_is_switched_off_keeps_its_schedule_and_goes_on_later(stack: Stack) -> None:
    for definition, state in ((CRON, "ENABLED"), (OFF, "DISABLED"), (CRON, "ENABLED")):
        stack.keeper.put(NAME, definition)
        assert stack.scheduler.schedules[SCHEDULE]["State"] == state


def test_an_automation_that_listens_has_no_schedule(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.keeper.put(NAME, WEBHOOK)
    assert stack.scheduler.schedules == {}
    stack.keeper.put(NAME, CRON)
    assert stack.expression() == "cron(0 9 ? * MON *)"


def test_a_deletion_leaves_no_trace(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)

    assert stack.keeper.delete(NAME)
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []
    assert not stack.keeper.delete(NAME)


def test_a_stale_request_touches_nothing(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    before = dict(stack.scheduler.schedules)

    with pytest.raises(StaleError):
        stack.keeper.put(NAME, RATE, if_match='"other"')
    with pytest.raises(StaleError):
        stack.keeper.put(NAME, RATE, if_none_match="*")
    with pytest.raises(StaleError):
        stack.keeper.delete(NAME, if_match='"other"')
    assert stack.scheduler.schedules == before
    assert stack.scheduler.calls == ["create"]


def test_a_sweep_finds_nothing_to_do_where_all_is_well(stack: Stack) -> None:
    for name, definition in {"cron": CRON, "rate": RATE, "off": OFF, "listens": WEBHOOK}.items():
        stack.keeper.put(name, definition)
    stack.keeper.put("once", at(NOON + timedelta(days=1)))
    before = {name: dict(each) for name, each in stack.scheduler.schedules.items()}

    for _ in range(5):
        assert stack.sweep() == []
    assert stack.scheduler.schedules == before


# ---------------------------------------------------------------------------------------------- a put that stops

# The calls of a put are: read the row, write it, create the schedule (then get and update it), read the row again;
# those of a deletion: read the row, mark it, delete the schedule, delete the row.
BEFORE_ROW = {1: "crash before"}
AFTER_ROW = {1: "crash after"}
BEFORE_SCHEDULE = {2: "crash before"}
AFTER_SCHEDULE = {2: "crash after"}
BEFORE_LAST = {3: "crash before"}
AFTER_LAST = {3: "crash after"}
UPDATES = [{3: "crash before"}, {3: "crash after"}, {4: "crash before"}, {4: "crash after"}]
PUTS = [BEFORE_ROW, AFTER_ROW, BEFORE_SCHEDULE, AFTER_SCHEDULE, BEFORE_LAST, AFTER_LAST]


@pytest.mark.parametrize("plan", PUTS)
def test_a_creation_that_stopped_is_done_when_it_is_repeated(stack: Stack, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.keeper.put(NAME, CRON))

    row, _ = stack.keeper.put(NAME, CRON)

    assert row.version == 1
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", PUTS)
def test_a_request_that_only_creates_goes_on_when_it_is_repeated(stack: Stack, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.keeper.put(NAME, CRON, if_none_match="*"))

    row, created = stack.keeper.put(NAME, CRON, if_none_match="*")

    assert (row.version, created) == (1, plan == BEFORE_ROW)
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_a_creation_that_stopped_is_ended_by_the_sweep(stack: Stack, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.keeper.put(NAME, CRON))
    assert stack.expression() is None

    assert stack.sweep() == [Repair(NAME, "created")]
    assert stack.expression() == "cron(0 9 ? * MON *)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_SCHEDULE, BEFORE_LAST, AFTER_LAST])
def test_a_creation_that_stopped_at_its_end_needs_no_healing(stack: Stack, plan: dict[int, str]) -> None:
    stack.stops(plan, lambda: stack.keeper.put(NAME, CRON))

    assert stack.sweep() == []
    assert stack.expression() == "cron(0 9 ? * MON *)"


def test_a_creation_that_never_began_leaves_nothing(stack: Stack) -> None:
    stack.stops(BEFORE_ROW, lambda: stack.keeper.put(NAME, CRON))

    assert stack.sweep() == []
    assert list(stack.store.rows()) == []


@pytest.mark.parametrize("plan", [BEFORE_ROW, AFTER_ROW, BEFORE_SCHEDULE, *UPDATES, {5: "crash before"}])
def test_a_change_that_stopped_is_done_when_it_is_repeated(stack: Stack, plan: dict[int, str]) -> None:
    first, _ = stack.keeper.put(NAME, CRON)
    stack.stops(plan, lambda: stack.keeper.put(NAME, RATE, if_match=first.etag))

    row, created = stack.keeper.put(NAME, RATE, if_match=first.etag)

    assert (row.version, created) == (2, False)
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, *UPDATES[:-1]])
def test_a_change_that_stopped_is_ended_by_the_sweep(stack: Stack, plan: dict[int, str]) -> None:
    stack.keeper.put(NAME, CRON)
    stack.stops(plan, lambda: stack.keeper.put(NAME, RATE))
    assert stack.expression() == "cron(0 9 ? * MON *)"

    assert stack.sweep() == [Repair(NAME, "updated")]
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE])
def test_the_schedule_of_what_listens_now_is_removed(stack: Stack, plan: dict[int, str]) -> None:
    for name in ("repeated", "swept"):
        stack.keeper.put(name, CRON)
        stack.stops(plan, partial(stack.keeper.put, name, WEBHOOK))

    stack.keeper.put("repeated", WEBHOOK)

    assert list(stack.scheduler.schedules) == ["dev-automation-swept"]
    assert stack.sweep() == [Repair("dev-automation-swept", "removed")]
    assert stack.scheduler.schedules == {}


def test_what_the_scheduler_refused_is_told_and_done_when_it_is_repeated(stack: Stack) -> None:
    stack.scheduler.down = aws_error("ThrottlingException", "Rate exceeded")
    with pytest.raises(SchedulerError, match=r"schedule of weekly: ThrottlingException: Rate exceeded\. Repeat the"):
        stack.keeper.put(NAME, CRON)
    with pytest.raises(SchedulerError):
        stack.keeper.delete(NAME)
    assert stack.store.get(NAME) is None
    stack.scheduler.down = None

    assert stack.keeper.delete(NAME)
    assert list(stack.store.rows()) == []


# ---------------------------------------------------------------------------------------------- a deletion that stops


@pytest.mark.parametrize("plan", PUTS)
def test_a_deletion_that_stopped_is_done_when_it_is_repeated(stack: Stack, plan: dict[int, str]) -> None:
    row, _ = stack.keeper.put(NAME, CRON)
    stack.stops(plan, lambda: stack.keeper.delete(NAME, if_match=row.etag))
    is_gone = plan == AFTER_LAST

    if not is_gone:
        assert stack.keeper.delete(NAME, if_match=row.etag)
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []


@pytest.mark.parametrize("plan", [AFTER_ROW, BEFORE_SCHEDULE, AFTER_SCHEDULE, BEFORE_LAST])
def test_a_deletion_that_stopped_is_ended_by_the_sweep(stack: Stack, plan: dict[int, str]) -> None:
    stack.keeper.put(NAME, CRON)
    stack.stops(plan, lambda: stack.keeper.delete(NAME))
    assert stack.store.get(NAME) is None

    assert stack.sweep() == [Repair(NAME, "deleted")]
    assert stack.scheduler.schedules == {}
    assert list(stack.store.rows()) == []


def test_what_is_written_after_a_deletion_that_stopped_lives(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.stops(BEFORE_SCHEDULE, lambda: stack.keeper.delete(NAME))

    row, created = stack.keeper.put(NAME, RATE)

    assert (row.version, created) == (2, True)
    assert stack.expression() == "rate(5 minutes)"
    assert stack.sweep() == []


# ---------------------------------------------------------------------------------------------- two at the same time

MEANWHILE: list[Callable[[Keeper], object]] = [
    lambda keeper: keeper.put(NAME, RATE),
    lambda keeper: keeper.put(NAME, WEBHOOK),
    lambda keeper: keeper.put(NAME, OFF),
    lambda keeper: keeper.delete(NAME),
    lambda keeper: (keeper.delete(NAME), keeper.put(NAME, RATE)),
]


@pytest.mark.parametrize("other", MEANWHILE)
@pytest.mark.parametrize("call", range(5))
def test_a_put_and_another_request_leave_the_scheduler_as_the_table_says(
    stack: Stack, call: int, other: Callable[[Keeper], object]
) -> None:
    stack.keeper.put(NAME, RATE)
    stack.world.meanwhile = lambda: other(stack.calm)

    with stack.world.process({call: "meanwhile"}):
        stack.keeper.put(NAME, CRON)

    assert stack.sweep() == []


@pytest.mark.parametrize("other", MEANWHILE)
@pytest.mark.parametrize("call", range(4))
def test_a_deletion_and_another_request_leave_the_scheduler_as_the_table_says(
    stack: Stack, call: int, other: Callable[[Keeper], object]
) -> None:
    stack.keeper.put(NAME, CRON)
    stack.world.meanwhile = lambda: other(stack.calm)

    with stack.world.process({call: "meanwhile"}):
        stack.keeper.delete(NAME)

    assert stack.sweep() == []


def test_a_row_that_keeps_changing_is_left_to_the_sweep(stack: Stack) -> None:
    definitions = (automation(scheduled(f"rate({minutes} minutes)")) for minutes in count(2))
    stack.world.meanwhile = lambda: stack.store.put(NAME, next(definitions))

    with stack.world.process(dict.fromkeys(range(3, 20), "meanwhile")):
        stack.keeper.put(NAME, CRON)

    assert stack.sweep() == [Repair(NAME, "updated")]
    row = stack.store.get(NAME)
    assert row is not None
    assert row.schedule is not None
    assert stack.expression() == row.schedule.expression


# ---------------------------------------------------------------------------------------------- the sweep


def test_what_changed_in_the_last_ten_minutes_is_left_alone(stack: Stack) -> None:
    stack.stops(AFTER_ROW, lambda: stack.keeper.put("new", CRON))
    stack.keeper.put("old", CRON)
    stack.keeper.put("gone", CRON)
    stack.stops(AFTER_ROW, lambda: stack.keeper.delete("gone"))
    stack.clock.forward(minutes=10)
    assert stack.calm.heal() == []
    stack.clock.forward(seconds=1)
    # Somebody is at work in the console.
    stack.scheduler.schedules["dev-automation-old"] |= {"State": "DISABLED", "LastModificationDate": stack.clock.now}
    stray = {**stack.scheduler.schedules["dev-automation-old"], "Name": "dev-automation-stray"}
    stack.scheduler.schedules["dev-automation-stray"] = stray

    assert {(repair.name, repair.deed) for repair in stack.calm.heal()} == {("new", "created"), ("gone", "deleted")}
    assert {(repair.name, repair.deed) for repair in stack.sweep()} == {
        ("old", "updated"),
        ("dev-automation-stray", "removed"),
    }


def test_the_schedule_of_a_row_that_changed_just_now_is_left_alone(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.clock.forward(hours=1)
    stack.stops(AFTER_ROW, lambda: stack.keeper.put(NAME, WEBHOOK))

    assert stack.calm.heal() == []
    assert stack.sweep() == [Repair(SCHEDULE, "removed")]


def test_a_stray_schedule_that_is_gone_already_is_no_repair(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.stops(AFTER_ROW, lambda: stack.keeper.put(NAME, WEBHOOK))
    stack.clock.forward(minutes=11)
    stack.world.meanwhile = lambda: stack.calm.put(NAME, WEBHOOK)

    with stack.world.process({2: "meanwhile"}):
        assert stack.keeper.heal() == []
    assert stack.scheduler.schedules == {}


def test_what_is_changed_while_the_sweep_repairs_it_is_not_undone(stack: Stack) -> None:
    stack.stops(AFTER_ROW, lambda: stack.keeper.put(NAME, CRON))
    stack.clock.forward(minutes=11)
    stack.world.meanwhile = lambda: stack.calm.put(NAME, RATE)

    with stack.world.process({2: "meanwhile"}):
        assert stack.keeper.heal() == [Repair(NAME, "updated")]
    assert stack.expression() == "rate(5 minutes)"


def test_a_schedule_that_goes_while_it_is_corrected_is_made_anew(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.world.meanwhile = stack.scheduler.schedules.clear

    for call in (3, 4):
        definition = RATE if call == 3 else CRON
        with stack.world.process({call: "meanwhile"}):
            stack.keeper.put(NAME, definition)
        assert stack.expression() == definition.definition["trigger"]["expression"]


def test_a_schedule_that_is_missing_is_made_anew_with_the_same_slots(stack: Stack) -> None:
    row, _ = stack.keeper.put(NAME, RATE)
    stack.scheduler.schedules.clear()

    assert stack.sweep() == [Repair(NAME, "created")]
    assert row.rate_start is not None
    assert (stack.scheduler.schedules[SCHEDULE]["StartDate"] - row.rate_start) % timedelta(minutes=5) == timedelta(0)


def test_what_somebody_switched_off_behind_the_owners_back_is_switched_on(stack: Stack) -> None:
    stack.keeper.put(NAME, CRON)
    stack.scheduler.schedules[SCHEDULE]["State"] = "DISABLED"

    assert stack.sweep() == [Repair(NAME, "updated")]
    assert stack.scheduler.schedules[SCHEDULE]["State"] == "ENABLED"


def test_one_that_cannot_be_repaired_does_not_stop_the_others(stack: Stack) -> None:
    for name in ("one", "two"):
        stack.stops(AFTER_ROW, partial(stack.keeper.put, name, CRON))
    stack.keeper.put("stray", CRON)
    stack.store.end_delete(stack.store.put("stray", CRON)[0])
    stack.clock.forward(minutes=11)
    # List, scan, scan names, create one; create the other, look at its schedule and its row again; delete the stray.
    with stack.world.process({3: "error before", 8: "error before"}):
        repairs = [(repair.deed, "ConnectionClosedError" in repair.reason) for repair in stack.keeper.heal()]

    assert repairs == [("failed", True), ("created", False), ("failed", True)]
    assert [repair.deed for repair in stack.calm.heal()] == ["created", "removed"]


def test_a_one_off_that_fired_is_done_and_never_made_anew(stack: Stack) -> None:
    stack.keeper.put(NAME, at(NOON + timedelta(hours=1)))
    stack.clock.now = NOON + timedelta(hours=1)
    stack.scheduler.fire()
    row = stack.store.get(NAME)
    assert row is not None
    assert stack.sweep() == []
    assert stack.store.mark_checked(row, NOON + timedelta(hours=2))

    stack.clock.now = NOON + timedelta(hours=1) + DONE_AFTER - timedelta(seconds=1)
    assert stack.calm.heal() == []
    stack.clock.forward(seconds=1)
    assert stack.calm.heal() == [Repair(NAME, "done")]
    for _ in range(3):
        assert stack.sweep() == []
    assert len(stack.scheduler.fired) == 1
    assert stack.scheduler.schedules == {}
    done = stack.store.get(NAME)
    assert done is not None
    assert done.state == "done"


def test_a_one_off_whose_moment_is_over_gets_no_schedule(stack: Stack) -> None:
    stack.stops(AFTER_ROW, lambda: stack.keeper.put(NAME, at(NOON + timedelta(hours=1))))
    stack.clock.forward(hours=1)

    assert stack.keeper.put(NAME, at(NOON + timedelta(hours=1)))[0].state == "active"
    assert stack.sweep() == []
    assert "create" not in stack.scheduler.calls


def test_a_one_off_is_not_done_before_it_was_looked_for(stack: Stack) -> None:
    row, _ = stack.keeper.put(NAME, at(NOON + timedelta(hours=1)))
    stack.clock.forward(days=2)
    stack.scheduler.fire()

    assert stack.calm.heal() == []
    assert stack.store.mark_checked(row, NOON + timedelta(hours=1))
    assert stack.calm.heal() == [Repair(NAME, "done")]


def test_a_schedule_that_has_ended_is_removed_once_it_is_done(stack: Stack) -> None:
    row, _ = stack.keeper.put(NAME, automation(scheduled(end="2026-11-24T00:00:00Z")))
    stack.clock.forward(days=5)
    assert stack.store.mark_checked(row, stack.clock.now)

    assert stack.calm.heal() == [Repair(NAME, "done")]
    assert stack.calm.heal() == []
    assert stack.sweep() == [Repair(SCHEDULE, "removed")]


def test_one_that_is_switched_off_is_never_done(stack: Stack) -> None:
    once = at(NOON + timedelta(hours=1)).definition
    off: Automation = automation({**once, "trigger": {**once["trigger"], "enabled": False}})
    row, _ = stack.keeper.put(NAME, off)
    stack.clock.forward(days=2)
    stack.store.mark_checked(row, stack.clock.now)

    assert stack.calm.heal() == []
    assert stack.store.get(NAME) is not None
    assert SCHEDULE in stack.scheduler.schedules
