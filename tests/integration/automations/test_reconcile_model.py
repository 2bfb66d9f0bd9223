"""After any faults in any order, the scheduler ends up as the table requires.

Hypothesis picks requests, faults, sweeps, and other processes in the middle of a call.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aichats.automations.conditions import StaleError
from aichats.automations.model import Automation
from aichats.automations.reconcile import AutomationService
from aichats.automations.row import AutomationRow
from aichats.automations.scheduler import SchedulerError
from aichats.automations.table import AutomationTable
from aichats.aws.errors import NoResponseError
from tests.support.automations import (
    FakeScheduler,
    at,
    automation,
    listening,
    make_schedules,
    make_store,
    next_time,
    reconcile,
    scheduled,
)
from tests.support.crashing import Crash, FaultyAws, Plan, World
from tests.support.ledgers import Clock, dynamodb

NAMES = ["a", "b"]
KINDS = ["cron", "rate", "other rate", "off", "ends", "once", "listens"]
FAULTS = ["crash before", "crash after", "error before", "error after", "answer lost", "meanwhile", "pause"]

names = st.sampled_from(NAMES)
kinds = st.sampled_from(KINDS)
plans: st.SearchStrategy[Plan] = st.dictionaries(st.integers(0, 6), st.sampled_from(FAULTS), max_size=2)


def definition(kind: str, now: datetime) -> Automation:
    """Return an automation of a kind. It has a future slot."""
    soon = (now + timedelta(minutes=15)).replace(microsecond=0)
    definitions = {
        "cron": scheduled(),
        "rate": scheduled("rate(5 minutes)"),
        "other rate": scheduled("rate(7 minutes)"),
        "off": scheduled("rate(5 minutes)", enabled=False),
        "ends": scheduled("rate(5 minutes)", end=soon.isoformat()),
        "listens": listening(),
    }
    return at(soon) if kind == "once" else automation(definitions[kind])


class Automations(RuleBasedStateMachine):
    """State machine with two automations and any number of processes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.world = World(self.clock, timedelta(minutes=2))
        self.scheduler = FakeScheduler(self.clock)
        client: Any = FaultyAws(self.world, dynamodb())
        self.store = make_store(self.clock, client)
        self.service = AutomationService(
            self.store, make_schedules(FaultyAws(self.world, self.scheduler), self.clock), self.clock
        )

    # ------------------------------------------------------------------ what happens

    @rule(name=names, kind=kinds, plan=plans, other=kinds, create=st.booleans())
    def somebody_writes(self, name: str, kind: str, plan: Plan, other: str, *, create: bool) -> None:
        expected = definition(kind, self.clock.now)
        self.world.meanwhile = lambda: self._change(name, other)
        with self.world.process(plan):
            try:
                row = self.service.put(name, expected, if_none_match="*" if create else None).row
            except (Crash, NoResponseError, SchedulerError, StaleError):
                self._is_heard(name)
                return
        self._is_heard(name)
        assert row.automation == expected
        if "meanwhile" not in plan.values():
            assert self._row(name) == row
            self._is_followed(row)

    @rule(name=names, plan=plans, other=kinds)
    def somebody_deletes(self, name: str, plan: Plan, other: str) -> None:
        self.world.meanwhile = lambda: self._change(name, other)
        with self.world.process(plan):
            try:
                self.service.delete(name)
            except (Crash, NoResponseError, SchedulerError):
                return
        if "meanwhile" not in plan.values():
            assert self._row(name) is None
            assert f"dev-automation-{name}" not in self.scheduler.schedules

    @rule(plan=plans, name=names, other=kinds)
    def a_sweep_comes(self, plan: Plan, name: str, other: str) -> None:
        self.world.meanwhile = lambda: self._change(name, other)
        with self.world.process(plan), suppress(Crash, NoResponseError, SchedulerError):
            self._sweep()

    @rule(name=names)
    def somebody_deletes_a_schedule_in_the_console(self, name: str) -> None:
        self.scheduler.schedules.pop(f"dev-automation-{name}", None)

    @rule(minutes=st.sampled_from([1, 6, 11, 90]))
    def time_passes(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)
        self.scheduler.fire()

    def _change(self, name: str, kind: str) -> None:
        """Change an automation, as another process does in the middle of a call."""
        if kind == "off":
            self.service.delete(name)
        else:
            self.service.put(name, definition(kind, self.clock.now))

    def _sweep(self) -> list[Any]:
        for row in list(self.store.rows()):
            self.store.mark_checked([row], self.clock.now)
        return reconcile(self.service)

    def _row(self, name: str) -> AutomationRow | None:
        return AutomationTable(dynamodb(), self.store.table).read(name)

    # ------------------------------------------------------------------ what is held

    @invariant()
    def no_one_off_fires_twice(self) -> None:
        assert len(set(self.scheduler.fired)) == len(self.scheduler.fired)

    @invariant()
    def a_schedule_holds_the_name_of_its_automation_alone(self) -> None:
        for each in self.scheduler.schedules.values():
            name = each["Name"].removeprefix("dev-automation-")
            assert each["Target"]["Input"] == (
                f'{{"automation": "{name}", "scheduled_time": "<aws.scheduler.scheduled-time>"}}'
            )

    def teardown(self) -> None:
        """Check that three hours after the last fault everything is repaired."""
        for _ in range(16):
            self.clock.forward(minutes=11)
            self.scheduler.fire()
            repairs = self._sweep()
            assert [change for change in repairs if change.kind == "failed"] == []
        assert self._sweep() == []
        rows = {row.name: row for row in self.store.rows()}
        assert {row.state for row in rows.values()} <= {"active", "done"}
        expected = {f"dev-automation-{name}" for name, row in rows.items() if row.schedule is not None}
        assert set(self.scheduler.schedules) == expected
        for row in rows.values():
            self._is_followed(row)

    def _is_heard(self, name: str) -> None:
        calm = AutomationTable(dynamodb(), self.store.table)
        row = calm.read(name)
        if row is not None and row.event_types:
            assert row in list(calm.listeners(row.event_types[0]))

    def _is_followed(self, row: AutomationRow) -> None:
        found = self.scheduler.schedules.get(f"dev-automation-{row.name}")
        if row.schedule is None:
            assert found is None
            return
        assert found is not None
        assert found["State"] == ("ENABLED" if row.schedule.enabled else "DISABLED")
        assert found["ScheduleExpression"] == row.schedule.expression
        assert next_time(found, self.clock.now) == row.next_slot(self.clock.now)


def test_the_scheduler_follows_the_table_whatever_goes_wrong() -> None:
    bounds = settings(max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Automations, settings=bounds)
