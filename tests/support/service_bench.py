"""An AutomationService whose calls to AWS fail as planned, and the plans."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from aichats.automations.reconcile import AutomationService, Change
from aichats.automations.table import AutomationTable
from tests.support.automations import FakeScheduler, automation, make_schedules, reconcile, scheduled
from tests.support.crashing import Crash, World
from tests.support.ledgers import Clock

NAME, SCHEDULE = "weekly", "dev-automation-weekly"
OFF = automation(scheduled(enabled=False))

# The calls of a put: read the row, write it, create the schedule (then get and update it), read the row again.
# The calls of a deletion: read the row, mark it, delete the schedule, delete the row.
BEFORE_ROW = {1: "crash before"}
AFTER_ROW = {1: "crash after"}
BEFORE_SCHEDULE = {2: "crash before"}
AFTER_SCHEDULE = {2: "crash after"}
BEFORE_LAST = {3: "crash before"}
AFTER_LAST = {3: "crash after"}
UPDATES = [{3: "crash before"}, {3: "crash after"}, {4: "crash before"}, {4: "crash after"}]
PUTS = [BEFORE_ROW, AFTER_ROW, BEFORE_SCHEDULE, AFTER_SCHEDULE, BEFORE_LAST, AFTER_LAST]


@dataclass
class ServiceBench:
    """A service whose calls to AWS fail as planned, and one without faults."""

    clock: Clock
    world: World
    scheduler: FakeScheduler
    store: AutomationTable
    service: AutomationService

    @property
    def calm(self) -> AutomationService:
        """A service of the same table and scheduler without faults."""
        return AutomationService(self.store, make_schedules(self.scheduler, self.clock), self.clock)

    def expression(self, schedule: str = SCHEDULE) -> str | None:
        """Return the expression of a schedule; ``None`` if there is none."""
        found = self.scheduler.schedules.get(schedule)
        return found["ScheduleExpression"] if found else None

    def stops(self, plan: dict[int, str], act: Callable[[], object]) -> None:
        """Run an action in a process that dies as planned."""
        with self.world.process(plan), pytest.raises(Crash):
            act()

    def sweep(self) -> list[Change]:
        """Sweep after the settle time."""
        self.clock.forward(minutes=11)
        return reconcile(self.calm)
