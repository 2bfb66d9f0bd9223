"""What is looked after every few minutes, each part whether or not another one fails."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aichats.automations.missed import MissedSlots
from aichats.automations.reconcile import AutomationService, Repair
from aichats.automations.table import AutomationTable
from aichats.automations.turns import CallAll, Places, Turn, side_by_side
from aichats.aws.observability import count, logger
from aichats.runs.stranded import StrandedRuns

MARGIN = 1 / 8
"""Of the invocation's time, before whose end the last part stops: its last calls may be slow."""


@dataclass(frozen=True)
class Sweep:
    """Runs that were stranded, slots that were missed, schedules that came apart.

    Args:
        places: where the parts stopped last time.
        clock: counts seconds, and need only be right within one round.
        call_all: makes calls to AWS side by side.
    """

    stranded: StrandedRuns
    store: AutomationTable
    missed_slots: MissedSlots
    keeper: AutomationService
    places: Places
    clock: Callable[[], float] = time.monotonic
    call_all: CallAll = side_by_side

    def run(self, seconds: float) -> dict[str, int]:
        """Go round once. Returns how many runs were resumed, ended and missed, and how many automations repaired.

        Each part has a third of the time, and what the parts before it left.

        Args:
            seconds: until the invocation is ended.

        Raises:
            Exception: a part failed; the others were done. Of several errors each is the context of the next.
        """
        begun, share = self.clock(), seconds * (1 - MARGIN) / 3
        done: dict[str, int] = {}
        try:
            done |= self.stranded.resume(lambda: self.clock() >= begun + share)
        finally:
            done |= self._tend(self._turn("slots", begun + 2 * share), self._turn("schedules", begun + 3 * share))
        return done

    def _turn(self, part: str, ends_at: float) -> Turn:
        return Turn(part, self.places, lambda: self.clock() >= ends_at, self.call_all)

    def _tend(self, slots: Turn, schedules: Turn) -> dict[str, int]:
        """Look after the automations, which are read once."""
        done: dict[str, int] = {}
        contents = self.store.contents()
        try:
            # First, so that a Scheduler that is slow or down delays no slot.
            done["missed"] = self.missed_slots.look(contents.rows, slots)
        finally:
            done["repaired"] = self._report(self.keeper.reconcile(contents, schedules))
        return done

    def _report(self, repairs: list[Repair]) -> int:
        """Log and count what was repaired. Returns how many schedules were."""
        for repair in repairs:
            level = logger.error if repair.deed == "failed" else logger.warning
            level(f"automation {repair.deed}", extra={"automation": repair.name, "reason": repair.reason})
        repaired = sum(repair.deed in ("created", "updated", "removed") for repair in repairs)
        count("SchedulesRepaired", repaired)
        count("RepairsFailed", sum(repair.deed == "failed" for repair in repairs))
        return repaired
