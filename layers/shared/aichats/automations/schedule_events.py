"""What a schedule sets off.

What looks up and renders is imported when an event names an automation: it would be a twentieth of a cold start for an
event that holds its action.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from aichats.aws.observability import count, logger, measure_seconds
from aichats.runs.model import Run, ScheduleEvent, ScheduleTick, scheduled_runs
from aichats.validation import parse_strictly

if TYPE_CHECKING:
    from collections.abc import Callable

    from aichats.automations.row import AutomationRow
    from aichats.automations.run_factory import RunFactory
    from aichats.automations.table import AutomationTable
    from aichats.runs.actions import Action
    from aichats.runs.ledger.ledger import Ledger

NEAR = timedelta(minutes=1)
"""Scheduler counts in minutes."""


@dataclass(frozen=True)
class ScheduleEvents:
    """Reads the events of schedules."""

    ledger: Ledger
    api_version: Callable[[Action], str | None]
    max_message_bytes: int
    store: Callable[[], AutomationTable]
    run_factory: Callable[[], RunFactory]

    def runs_of(self, event: object) -> list[Run]:
        """The runs of an event: of the automation that it names, or, where it holds action and targets, of itself.

        An automation that is gone or switched off has none: its schedule fired while it was removed. Nor has a moment
        that is no slot of the automation: its schedule is still that of an earlier version.

        Raises:
            InputError: the event is wrong.
        """
        if isinstance(event, dict) and event.keys() & {"action", "targets"}:
            whole = parse_strictly(ScheduleEvent, event, max_message_bytes=self.max_message_bytes)
            self._measure(whole)
            return scheduled_runs(whole, self.api_version(whole.action))
        tick = parse_strictly(ScheduleTick, event)
        self._measure(tick)
        return self._of_automation(tick)

    def _of_automation(self, tick: ScheduleTick) -> list[Run]:
        from aichats.automations import unrendered
        from aichats.automations.run_factory import slot_of

        row = self.store().get(tick.automation)
        slot = _slot(row, tick.scheduled_time) if row and row.schedule and row.schedule.enabled else None
        if row is None or slot is None:
            count("StaleEvents")
            logger.warning("no such slot any more", extra={"automation": tick.automation, "slot": tick.slot})
            return []
        fired = self.run_factory().runs_for(row.name, row.automation, slot_of(slot))
        unrendered.note(self.ledger, fired.failed)
        return fired.runs

    def _measure(self, tick: ScheduleTick) -> None:
        """How late it began, which Scheduler's own metrics do not tell."""
        measure_seconds("Lateness", (self.ledger.clock() - tick.scheduled_time).total_seconds())


def _slot(row: AutomationRow, moment: datetime) -> datetime | None:
    """Return the slot nearest to the time, which is the one that Scheduler means; ``None`` if none is near."""
    near = takewhile(lambda slot: slot < moment + NEAR, row.possible_slots(moment - NEAR))
    return min(near, key=lambda slot: abs(slot - moment), default=None)
