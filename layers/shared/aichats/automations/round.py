"""What is looked after every few minutes, each part whether or not another one fails."""

from dataclasses import dataclass

from aichats.automations.keeper import Keeper
from aichats.automations.missed import MissedSlots
from aichats.observability import count, logger
from aichats.runs.sweep import Sweeper


@dataclass(frozen=True)
class Round:
    """Runs that were stranded, slots that were missed, schedules that came apart."""

    sweeper: Sweeper
    missed_slots: MissedSlots
    keeper: Keeper

    def go(self) -> dict[str, int]:
        """Go round once. Returns how many runs were resumed, ended and missed, and how many automations repaired.

        Raises:
            Exception: a part failed; the others were done. Of several errors each is the context of the next.
        """
        done: dict[str, int] = {}
        try:
            done |= self.sweeper.sweep()
        finally:
            try:
                # Before schedules are healed: a one-off is done only when it is known whether it fired.
                done |= self._look()
            finally:
                done |= self._heal()
        return done

    def _look(self) -> dict[str, int]:
        return {"missed": self.missed_slots.look()}

    def _heal(self) -> dict[str, int]:
        repairs = self.keeper.heal()
        for repair in repairs:
            level = logger.error if repair.deed == "failed" else logger.warning
            level(f"automation {repair.deed}", extra={"automation": repair.name, "reason": repair.reason})
        repaired = sum(repair.deed in ("created", "updated", "removed") for repair in repairs)
        count("SchedulesRepaired", repaired)
        count("RepairsFailed", sum(repair.deed == "failed" for repair in repairs))
        return {"repaired": repaired}
