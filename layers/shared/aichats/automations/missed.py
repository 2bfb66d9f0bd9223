"""Finds the slots for which a schedule should have fired, and did not.

What should have happened is computed from the automation, what did happen stands in the ledger: so a schedule that
stopped, a function that was throttled, an event that got lost are found the same way. A slot's runs have the same ids
whoever makes them, so a late run and a late event never both take effect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aichats.automations import unrendered
from aichats.automations.firing import Firing, slot_of
from aichats.automations.rows import AutomationRow
from aichats.automations.store import AutomationStore
from aichats.observability import count_now, logger
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import Ledger
from aichats.runs.model import Run, slot_text
from aichats.runs.times import utc_now

MAX_RUNS = 1000
"""Runs that one look at an automation notes at the most: of the newest slots. Older ones are logged and counted."""
BEGINNING = timedelta(seconds=10)
"""After a change, until Scheduler surely fires by it."""
MISSED = {"type": "Missed", "message": "the schedule did not fire for this slot"}


@dataclass(frozen=True)
class MissedSlots:
    """Looks for missed slots.

    Args:
        grace: how long after a slot its event may come before the slot counts as missed.
    """

    store: AutomationStore
    ledger: Ledger
    dispatcher: Dispatcher
    firing: Firing
    grace: timedelta
    clock: Callable[[], datetime] = utc_now

    def look(self) -> int:
        """Look at every slot that nobody looked at yet, of every enabled schedule. Returns how many runs were missed.

        Where the automation says ``missed: run``, the newest slot that was missed is run, late; the others are noted.
        """
        until = self.clock() - self.grace
        return sum(self._look_at(row, until) for row in self.store.schedules() if row.checked_until < until)

    def _look_at(self, row: AutomationRow, until: datetime) -> int:
        # Read newest first, written oldest first: of two sweeps at once, one that finds the newest slot's runs made by
        # the other finds all older ones, and does not run one of them late as well.
        looked = {slot: self._missing(row, slot) for slot in reversed(self._slots(row, until))}
        missed = {slot: runs for slot, runs in reversed(looked.items()) if runs}
        late = max(missed, default=None) if row.automation.missed == "run" else None
        for slot, runs in missed.items():
            self._tell(row, slot, runs)
            if slot == late:
                self.dispatcher.fan_out(runs)
            else:
                self.ledger.note(runs, "missed", MISSED)
        # Last: what dies before this is looked at again, and finds its own rows.
        self.store.mark_checked(row, until)
        return sum(map(len, missed.values()))

    def _slots(self, row: AutomationRow, until: datetime) -> list[datetime]:
        """The newest slots to look at, oldest first."""
        slots: list[datetime] = []
        slot = row.next_slot(row.checked_until)
        while slot is not None and slot <= until:
            slots.append(slot)
            slot = row.next_slot(slot)
        most = max(1, MAX_RUNS // len(row.automation.targets))
        if len(slots) > most:
            logger.error(
                "too many slots to look at, the oldest are left out",
                extra={"automation": row.name, "left_out": len(slots) - most, "from": slot_text(slots[0])},
            )
            count_now("RunsMissed", (len(slots) - most) * len(row.automation.targets))
        return slots[-most:]

    def _missing(self, row: AutomationRow, slot: datetime) -> list[Run]:
        """The runs of a slot that the ledger does not know. Those whose texts cannot be made are noted as failed."""
        there = self.ledger.of_slot(row.name, slot_text(slot))
        if there and slot <= row.targets_at:
            return []  # It fired for the targets that it had then.
        if not there and row.changed_at < slot <= row.changed_at + BEGINNING:
            return []  # It may have been over before Scheduler knew of it.
        fired = self.firing.fire(row.name, row.automation, slot_of(slot))
        unrendered.note(self.ledger, [(run, error) for run, error in fired.failed if run.run_id not in there])
        return [run for run in fired.runs if run.run_id not in there]

    def _tell(self, row: AutomationRow, slot: datetime, runs: list[Run]) -> None:
        # Before it is written: if the process dies in between, the alarm goes off once too often, never too seldom.
        count_now("RunsMissed", len(runs))
        about = {"automation": row.name, "slot": slot_text(slot), "runs": len(runs), "missed": row.automation.missed}
        logger.error("slot missed", extra=about)
