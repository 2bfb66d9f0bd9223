"""Finds the slots for which a schedule should have fired, and did not.

What should have happened is computed from the automation, what did happen stands in the ledger: so a schedule that
stopped, a function that was throttled, an event that got lost are found the same way. A slot's runs have the same ids
whoever makes them, so a late run and a late event never both take effect.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aichats.automations import unrendered
from aichats.automations.expressions import At, parse
from aichats.automations.firing import Firing, slot_of
from aichats.automations.model import ScheduleTrigger
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
"""After the trigger was written, until Scheduler surely fires by it."""
MISSED = {"type": "Missed", "message": "the schedule did not fire for this slot"}
TOO_SHORT = {"type": "Missed", "message": "the schedule was written less than 10 s before this slot, and did not fire"}


@dataclass(frozen=True)
class Gap:
    """The runs of a slot that the ledger does not know.

    Attributes:
        sure: whether Scheduler should have fired: it knew of the slot long enough, or did fire for some targets.
    """

    runs: list[Run]
    sure: bool


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

        Where the automation says ``missed: run``, the newest slot that was missed is run, late; the others are noted,
        and so are all of a trigger that was replaced since.

        Raises:
            ExceptionGroup: some automations could not be looked at; all others were.
        """
        until = self.clock() - self.grace
        missed, failures = 0, list[Exception]()
        for row in self.store.rows():
            with _Apart(row.name, failures):
                missed += self._look_at(row, until)
        if failures:
            raise ExceptionGroup("slots could not be looked for", failures)
        return missed

    def _look_at(self, row: AutomationRow, until: datetime) -> int:
        over = [former for former in row.former if former.replaced_at <= until]
        fires = row.schedule is not None and row.schedule.enabled and row.checked_until < until
        if row.state == "deleting" or not (over or fires):
            return 0
        missed = sum(self._find(row.under(former), former.replaced_at, run_late=False) for former in over)
        if fires:
            missed += self._find(row, until, run_late=row.automation.missed == "run")
        # Last: what dies before this is looked at again, and finds its own rows.
        self.store.mark_checked(row, until)
        return missed

    def _find(self, row: AutomationRow, until: datetime, *, run_late: bool) -> int:
        # Read newest first, written oldest first: of two sweeps at once, one that finds the newest slot's runs made by
        # the other finds all older ones, and does not run one of them late as well.
        looked = {slot: self._missing(row, slot) for slot in reversed(self._slots(row, until))}
        missed = {slot: gap for slot, gap in reversed(looked.items()) if gap.runs}
        late = max(missed, default=None) if run_late else None
        for slot, gap in missed.items():
            self._tell(row, slot, gap)
            if slot == late:
                self.dispatcher.fan_out(gap.runs)
            else:
                self.ledger.note(gap.runs, "missed", MISSED if gap.sure else TOO_SHORT)
        return sum(len(gap.runs) for gap in missed.values())

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

    def _missing(self, row: AutomationRow, slot: datetime) -> Gap:
        """What is missing of a slot. Runs whose texts cannot be made are noted as failed."""
        there = self.ledger.of_slot(row.name, slot_text(slot))
        if there and slot <= row.targets_at:
            return Gap([], sure=True)  # It fired for the targets that it had then.
        fired = self.firing.fire(row.name, row.automation, slot_of(slot))
        unrendered.note(self.ledger, [(run, error) for run, error in fired.failed if run.run_id not in there])
        return Gap([run for run in fired.runs if run.run_id not in there], sure=bool(there) or _is_known(row, slot))

    def _tell(self, row: AutomationRow, slot: datetime, gap: Gap) -> None:
        about = {
            "automation": row.name,
            "slot": slot_text(slot),
            "runs": len(gap.runs),
            "missed": row.automation.missed,
        }
        if not gap.sure:
            logger.warning("slot missed, just after its trigger was written", extra=about)
            return
        # Before it is written: if the process dies in between, the alarm goes off once too often, never too seldom.
        count_now("RunsMissed", len(gap.runs))
        logger.error("slot missed", extra=about)


@dataclass(frozen=True)
class _Apart:
    """What goes wrong with an automation is told and kept, and stops no other."""

    automation: str
    failures: list[Exception]

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        logger.error("slots not looked for", extra={"automation": self.automation}, exc_info=error)
        self.failures.append(error)
        return True


def _is_known(row: AutomationRow, slot: datetime) -> bool:
    """Whether Scheduler knew of a slot before it was over. A one-off has no other: that one must fire however late."""
    trigger = row.automation.trigger
    is_once = isinstance(trigger, ScheduleTrigger) and isinstance(parse(trigger.expression), At)
    return is_once or not row.trigger_at < slot <= row.trigger_at + BEGINNING
