"""Finds the slots for which a schedule should have fired, and did not.

What should have happened is computed from the automation, what did happen stands in the ledger: so a schedule that
stopped, a function that was throttled, an event that got lost are found the same way. A slot's runs have the same ids
whoever makes them, so a late run and a late event never both take effect.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import batched, takewhile

from aichats.automations import unrendered
from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import RunFactory, slot_of
from aichats.automations.table import AutomationTable
from aichats.automations.turns import CallAll, Turn
from aichats.aws.observability import count_now, logger
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run, slot_text
from aichats.schedules.expressions import At, parse

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
        row: the automation, under the trigger whose slot it is.
        sure: whether Scheduler should have fired: it knew of the slot long enough, or did fire for some targets.
        run_late: whether they are to be run now.
    """

    row: AutomationRow
    slot: datetime
    runs: list[Run]
    sure: bool
    run_late: bool = False


@dataclass(frozen=True)
class _Look:
    """Slots of an automation that are to be looked at.

    Attributes:
        row: the automation, under the trigger whose slots they are.
        slots: oldest first.
        run_late: whether the newest that was missed is to be run.
        there: the runs that each slot has.
    """

    row: AutomationRow
    slots: list[datetime]
    run_late: bool
    there: dict[datetime, set[str]] = field(default_factory=dict)

    @cached_property
    def ids(self) -> dict[datetime, set[str]]:
        """The ids of the runs that the automation makes for each slot with the targets that it has now."""
        name, targets = self.row.name, self.row.automation.targets
        return {slot: {slot_of(slot).run_id(name, target) for target in targets} for slot in self.slots}


@dataclass
class _Part:
    """Automations whose missing runs are written together: not all of a chunk, which may be too many for memory."""

    rows: list[AutomationRow] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    runs: int = 0

    def add(self, row: AutomationRow, gaps: Sequence[Gap]) -> None:
        """Add what is missing of an automation."""
        self.rows.append(row)
        self.gaps += gaps
        self.runs += sum(len(gap.runs) for gap in gaps)


@dataclass(frozen=True)
class MissedSlots:
    """Looks for missed slots.

    Args:
        grace: how long after a slot its event may come before the slot counts as missed.
    """

    store: AutomationTable
    ledger: Ledger
    dispatcher: Dispatcher
    run_factory: RunFactory
    grace: timedelta
    clock: Callable[[], datetime] = utc_now

    def look(self, rows: Iterable[AutomationRow], turn: Turn) -> int:
        """Look at every slot that nobody looked at yet, of every enabled schedule. Returns how many runs were missed.

        Where the automation says ``missed: run``, the newest slot that was missed is run, late; the others are noted,
        and so are all of a trigger that was replaced since.

        Raises:
            ExceptionGroup: some automations could not be looked at; all others were.
        """
        until = self.clock() - self.grace
        failures: list[Exception] = []
        due: dict[str, AutomationRow] = {}
        for row in rows:
            with _Apart([row], failures):
                if _is_due(row, until):
                    due[row.name] = row
        missed = 0
        for chunk in turn.chunks(due):
            with _Apart(chunk, failures):
                missed += self._look_at(chunk, until, turn.call_all, failures)
        if failures:
            raise ExceptionGroup("slots could not be looked for", failures)
        return missed

    def _look_at(
        self, rows: Sequence[AutomationRow], until: datetime, call_all: CallAll, failures: list[Exception]
    ) -> int:
        looks = {row.name: list(_looks(row, until)) for row in rows}
        self._read([look for each in looks.values() for look in each], call_all)
        missed = 0
        part = _Part()
        for row in rows:
            with _Apart([row], failures):
                part.add(row, [gap for look in looks[row.name] for gap in self._gaps(look)])
            if part.runs >= MAX_RUNS:
                missed += self._settle(part, until, failures)
                part = _Part()
        return missed + self._settle(part, until, failures)

    def _settle(self, part: _Part, until: datetime, failures: list[Exception]) -> int:
        """Write what is missing, and note that the automations were looked at. Returns how many runs were missed."""
        with _Apart(part.rows, failures):
            self._write(part.gaps)
            # Last: what dies before this is looked at again, and finds its own rows.
            self.store.mark_checked(part.rows, until)
            return part.runs
        return 0

    def _read(self, looks: Sequence[_Look], call_all: CallAll) -> None:
        """Read which runs the slots have."""
        # Read newest first, written oldest first: of two sweeps at once, one that finds the newest slot's runs made by
        # the other finds all older ones, and does not run one of them late as well.
        for age in range(max((len(look.slots) for look in looks), default=0)):
            slots = [(look, look.slots[-1 - age]) for look in looks if age < len(look.slots)]
            # The ids of runs are known as long as the targets are those of that time.
            known = {id_ for look, slot in slots if slot > look.row.targets_changed_at for id_ in look.ids[slot]}
            found = set[str]().union(
                *call_all(self.ledger.reads.existing, list(batched(sorted(known), 100, strict=False)))
            )
            others = [(look, slot) for look, slot in slots if slot <= look.row.targets_changed_at]
            for look, slot in slots:
                look.there[slot] = look.ids[slot] & found
            for (look, slot), there in zip(others, call_all(self._of_slot, others), strict=True):
                look.there[slot] = there

    def _of_slot(self, asked: tuple[_Look, datetime]) -> set[str]:
        look, slot = asked
        return self.ledger.reads.of_slot(look.row.name, slot_text(slot))

    def _gaps(self, look: _Look) -> list[Gap]:
        """What is missing of the slots, oldest first."""
        gaps = [gap for slot in look.slots if (gap := self._gap(look, slot)).runs]
        return [*gaps[:-1], *(replace(gap, run_late=look.run_late) for gap in gaps[-1:])]

    def _gap(self, look: _Look, slot: datetime) -> Gap:
        """What is missing of a slot. Runs whose texts cannot be made are noted as failed."""
        row, there = look.row, look.there[slot]
        if look.ids[slot] <= there or (there and slot <= row.targets_changed_at):
            return Gap(row, slot, [], sure=True)  # It fired: for the targets that it had then.
        fired = self.run_factory.runs_for(row.name, row.automation, slot_of(slot))
        unrendered.note(self.ledger, [(run, error) for run, error in fired.failed if run.run_id not in there])
        missing = [run for run in fired.runs if run.run_id not in there]
        return Gap(row, slot, missing, sure=bool(there) or _is_known(row, slot))

    def _write(self, gaps: Sequence[Gap]) -> None:
        """Note the runs of slots that were missed, then run those that are to be run late."""
        for gap in gaps:
            _tell(gap)
        for error, sure in ((MISSED, True), (TOO_SHORT, False)):
            noted = [run for gap in gaps if gap.sure is sure and not gap.run_late for run in gap.runs]
            if noted:
                self.ledger.add_ended([(run, error) for run in noted], "missed")
        late = [run for gap in gaps if gap.run_late for run in gap.runs]
        for provider in dict.fromkeys(run.provider for run in late):
            self.dispatcher.fan_out([run for run in late if run.provider == provider])


def _is_due(row: AutomationRow, until: datetime) -> bool:
    """Return whether there are slots up to then at which nobody looked."""
    if row.state == "deleting":
        return False
    is_on = row.schedule is not None and row.schedule.enabled
    slot = row.next_slot(row.checked_until) if is_on else None
    return (slot is not None and slot <= until) or any(former.replaced_at <= until for former in row.former)


def _looks(row: AutomationRow, until: datetime) -> Iterator[_Look]:
    for former in row.former:
        if former.replaced_at <= until:
            under = row.under(former)
            yield _Look(under, _slots(under, former.replaced_at), run_late=False)
    if row.schedule is not None and row.schedule.enabled:
        yield _Look(row, _slots(row, until), run_late=row.automation.missed == "run")


def _slots(row: AutomationRow, until: datetime) -> list[datetime]:
    """The newest slots to look at, oldest first."""
    most = max(1, MAX_RUNS // len(row.automation.targets))
    newest: deque[datetime] = deque(maxlen=most)
    oldest: datetime | None = None
    left_out = 0
    # One walk: to begin anew at each slot takes ten times as long, and after days without a sweep there are thousands.
    for slot in takewhile(lambda slot: slot <= until, row.slots(row.checked_until)):
        oldest = oldest or slot
        left_out += len(newest) == most
        newest.append(slot)
    if oldest is not None and left_out:
        logger.error(
            "too many slots to look at, the oldest are left out",
            extra={"automation": row.name, "left_out": left_out, "from": slot_text(oldest)},
        )
        count_now("RunsMissed", left_out * len(row.automation.targets))
    return list(newest)


def _tell(gap: Gap) -> None:
    about = {
        "automation": gap.row.name,
        "slot": slot_text(gap.slot),
        "runs": len(gap.runs),
        "missed": gap.row.automation.missed,
    }
    if not gap.sure:
        logger.warning("slot missed, just after its trigger was written", extra=about)
        return
    # Before it is written: if the process dies in between, the alarm goes off once too often, never too seldom.
    count_now("RunsMissed", len(gap.runs))
    logger.error("slot missed", extra=about)


@dataclass(frozen=True)
class _Apart:
    """What goes wrong with some automations is told and kept, and stops no other."""

    rows: Sequence[AutomationRow]
    failures: list[Exception]

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        for row in self.rows:
            logger.error("slots not looked for", extra={"automation": row.name}, exc_info=error)
        self.failures.append(error)
        return True


def _is_known(row: AutomationRow, slot: datetime) -> bool:
    """Whether Scheduler knew of a slot before it was over. A one-off has no other: that one must fire however late."""
    trigger = row.automation.trigger
    is_once = isinstance(trigger, ScheduleTrigger) and isinstance(parse(trigger.expression), At)
    return is_once or not row.trigger_changed_at < slot <= row.trigger_changed_at + BEGINNING
