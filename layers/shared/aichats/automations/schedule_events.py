"""Handles the events of schedules.

The modules that read and render automations are imported when an event names an automation. Otherwise they would slow
the cold start by five percent.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aichats.aws.observability import count, logger, measure_seconds
from aichats.runs.model import scheduled_runs
from aichats.runs.schedule_event import TickWithWork, read_schedule_event
from aichats.schedules.pauses import Pauses

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aichats.automations.row import AutomationRow
    from aichats.automations.run_factory import RunFactory
    from aichats.automations.table import AutomationTable
    from aichats.runs.action import Action
    from aichats.runs.dispatch import Add, Dispatcher
    from aichats.runs.ledger.ledger import Ledger
    from aichats.runs.model import Run
    from aichats.runs.schedule_event import Tick

NO_PAUSES = Pauses()
MAX_DEVIATION = timedelta(minutes=1)
"""The maximum difference between the time in an event and its slot. EventBridge Scheduler works in whole minutes."""


class ScheduleEvents:
    """Handles the events of schedules."""

    def __init__(
        self,
        ledger: Ledger,
        dispatcher: Dispatcher,
        api_version: Callable[[Action], str | None],
        max_message_bytes: int,
        *,
        store: Callable[[], AutomationTable],
        run_factory: Callable[[], RunFactory],
    ) -> None:
        """Return a handler. ``store`` and ``run_factory`` are called when an event names an automation."""
        self.ledger, self.dispatcher, self.api_version = ledger, dispatcher, api_version
        self.max_message_bytes, self.store, self.run_factory = max_message_bytes, store, run_factory

    def handle(self, event: object, lease: timedelta) -> list[dict[str, str | None]]:
        """Perform a single run here. Send several runs, or a slow one, to the queues.

        Returns:
            ``[{"run_id", "status", "chat_id"}]`` in the order of the targets.

        Raises:
            InputError: the event is invalid.
        """
        runs, add = self._read(event)
        if len(runs) == 1 and not runs[0].slow:
            run = runs[0]
            if add is not None:
                # The budget decides whether the run is stored as pending or as skipped.
                add(runs, lambda _: self.ledger.clock())
            outcome = self.dispatcher.perform(run if add is None else run.run_id, lease)
            return [{"run_id": run.run_id, "status": outcome.state, "chat_id": outcome.row.chat_id}]
        self.dispatcher.enqueue(runs, add=add)
        return [{"run_id": run.run_id, "status": "queued", "chat_id": None} for run in runs]

    def runs_of(self, event: object) -> list[Run]:
        """Return the runs of an event, which names an automation or contains an action.

        There are no runs if the automation does not exist or is disabled, because its schedule fired while it was being
        removed. There are no runs either if the time is not a slot of the automation, because its schedule is still
        that of an earlier version; if the slot is inside a pause, whether or not the pause is over; or if the
        automation skips the slot, because another slot is still open.

        Raises:
            InputError: the event is invalid.
        """
        return self._read(event)[0]

    def _read(self, event: object) -> tuple[list[Run], Add | None]:
        """Return the runs of an event, and the function that stores them; ``None`` if there is no budget."""
        tick = read_schedule_event(event, self.max_message_bytes)
        self._measure_lateness(tick)
        if isinstance(tick, TickWithWork):
            is_paused = self._is_paused(tick, tick.scheduled_time)
            return ([] if is_paused else scheduled_runs(tick, self.api_version(tick.action))), None
        return self._runs_of_automation(tick)

    def _runs_of_automation(self, tick: Tick) -> tuple[list[Run], Add | None]:
        from aichats.automations.overlap import runs_without_overlap
        from aichats.automations.run_factory import slot_of, store_failed

        row = self.store().get(tick.automation)
        slot = _nearest_slot(row, tick.scheduled_time) if row and row.schedule and row.schedule.enabled else None
        if row is None or slot is None:
            count("StaleEvents")
            logger.warning(
                "event dropped: the automation has no such slot",
                extra={"automation": tick.automation, "slot": tick.slot},
            )
            return [], None
        if self._is_paused(tick, slot, row.pauses):
            return [], None
        rendered = self.run_factory().runs_for(row.name, row.automation, slot_of(slot))
        store_failed(self.ledger, rendered.failed)
        return runs_without_overlap(self.ledger, row, slot, rendered.runs), self._budget_of(row)

    def _budget_of(self, row: AutomationRow) -> Add | None:
        """Return the function that stores the runs of an automation within its budget; ``None`` if it has none."""
        if row.automation.budget is None or row.automation.budget.runs is None:
            return None
        from functools import partial

        from aichats.automations.run_budgets import add_within_budgets

        return partial(add_within_budgets, self.ledger, [row])

    def _is_paused(self, tick: Tick, slot: datetime, pauses: Pauses = NO_PAUSES) -> bool:
        """Return whether a slot is inside a pause of the stack or of its automation. If so, log and count it."""
        stack = self.dispatcher.stack_pause.pauses(self.ledger.clock())
        window = stack.at(slot) or pauses.at(slot)
        if window is not None:
            count("SlotsPaused")
            fields = {"automation": tick.automation, "slot": tick.slot, "by": window.by}
            logger.info("slot skipped: paused", extra=fields)
        return window is not None

    def _measure_lateness(self, tick: Tick) -> None:
        """Measure the lateness of an event, which the metrics of EventBridge Scheduler do not report."""
        measure_seconds("Lateness", (self.ledger.clock() - tick.scheduled_time).total_seconds())


def _nearest_slot(row: AutomationRow, time: datetime) -> datetime | None:
    """Return the slot nearest to the time in an event; ``None`` if no slot is within a minute."""
    from itertools import takewhile

    slots = takewhile(lambda slot: slot < time + MAX_DEVIATION, row.possible_slots(time - MAX_DEVIATION))
    return min(slots, key=lambda slot: abs(slot - time), default=None)
