"""Finds missed runs: slots for which a schedule should have fired, but did not.

aichats computes the expected slots from the automation and compares them with the runs in the ledger. So it finds a
stopped schedule, a throttled function and a lost event in the same way. A slot always has the same run ids, so a late
run and a late event never perform an action twice.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from itertools import batched, chain, takewhile

from aichats.automations.overlap import runs_without_overlap
from aichats.automations.row import AutomationRow
from aichats.automations.run_budgets import add_within_budgets
from aichats.automations.run_factory import RunFactory, slot_of, store_failed
from aichats.automations.sweep_part import CallAll, SweepPart
from aichats.automations.table import AutomationTable
from aichats.aws.observability import Contained, count_now, logger
from aichats.frozen import frozen
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run, slot_text
from aichats.schedules.pauses import Pauses

MAX_RUNS = 1000
"""The maximum number of missed runs that a check of an automation stores, newest first. Others are only counted."""
SCHEDULER_DELAY = timedelta(seconds=10)
"""The time that EventBridge Scheduler may need to learn about a new trigger."""
MISSED = {"type": "Missed", "message": "the schedule did not fire for this slot"}
TOO_SHORT = {"type": "Missed", "message": "the schedule was written less than 10 s before this slot, and did not fire"}


@frozen
class MissedSlot:
    """A slot with runs that are not in the ledger.

    Attributes:
        runs: the missing runs.
        is_certain: whether the schedule should have fired: Scheduler had enough time, or some runs are in the ledger.
        run_late: whether to perform the runs now.
    """

    row: AutomationRow
    slot: datetime
    runs: list[Run]
    is_certain: bool
    run_late: bool = False


@frozen
class _DueSlots:
    """The slots of an automation that must be checked.

    Attributes:
        slots: the slots, oldest first.
        stored_ids: for each slot, the ids of the runs that are in the ledger.
    """

    row: AutomationRow
    slots: list[datetime]
    stored_ids: dict[datetime, set[str]] = field(default_factory=dict)

    @cached_property
    def expected_ids(self) -> dict[datetime, set[str]]:
        """The ids of the runs that each slot should have, given the current targets."""
        name, targets = self.row.name, self.row.automation.targets
        return {slot: {slot_of(slot).run_id(name, target) for target in targets} for slot in self.slots}


@dataclass
class _Batch:
    """Automations whose missing runs are written together. The runs of a whole chunk may not fit into memory."""

    rows: list[AutomationRow] = field(default_factory=list)
    missed: list[MissedSlot] = field(default_factory=list)
    runs: int = 0

    def add(self, row: AutomationRow, missed: Sequence[MissedSlot]) -> None:
        """Add an automation with its missed slots."""
        self.rows.append(row)
        self.missed += missed
        self.runs += sum(len(slot.runs) for slot in missed)


@frozen
class MissedSlots:
    """Finds missed slots, stores their runs, and runs the newest slot late if the automation says so.

    Args:
        grace: the time after a slot within which its event may still arrive.
    """

    store: AutomationTable
    ledger: Ledger
    dispatcher: Dispatcher
    run_factory: RunFactory
    grace: timedelta
    clock: Callable[[], datetime] = utc_now

    def check(self, rows: Iterable[AutomationRow], part: SweepPart) -> int:
        """Check the slots of enabled schedules that have not been checked yet. Return the number of missed runs.

        If an automation has ``missed: run``, its newest missed slot is run late. The runs of all other missed slots are
        only stored. Slots inside a pause of the automation or of the stack are neither.

        Raises:
            UnreadableError: this version of the code can't read the pauses of the stack. No automation was checked.
            ExceptionGroup: some automations could not be checked. All others were checked.
        """
        until = self.clock() - self.grace
        failures: list[Exception] = []
        due: dict[str, AutomationRow] = {}
        for row in rows:
            with Contained("slots not checked", {"automation": row.name}) as attempt:
                if _is_due(row, until):
                    due[row.name] = row
            if attempt.error:
                failures.append(attempt.error)
        count = 0
        # Read after ``until``, because a slot inside a pause is never checked again.
        stack = self.dispatcher.stack_pause.read() if due else Pauses()
        for chunk in part.chunks(due):
            with Contained("slots not checked", {"automations": [row.name for row in chunk]}) as attempt:
                slots = [_DueSlots(row, _newest_slots(row, until, stack)) for row in chunk]
                count += self._check_chunk(slots, until, part.call_all, failures)
            if attempt.error:
                failures.append(attempt.error)
        if failures:
            raise ExceptionGroup("slots could not be checked", failures)
        return count

    def _check_chunk(
        self, due: Sequence[_DueSlots], until: datetime, call_all: CallAll, failures: list[Exception]
    ) -> int:
        self._read(due, call_all)
        count = 0
        batch = _Batch()
        for slots in due:
            with Contained("slots not checked", {"automation": slots.row.name}) as attempt:
                batch.add(slots.row, self._missed(slots))
            if attempt.error:
                failures.append(attempt.error)
            if batch.runs >= MAX_RUNS:
                count += self._store(batch, until, failures)
                batch = _Batch()
        return count + self._store(batch, until, failures)

    def _store(self, batch: _Batch, until: datetime, failures: list[Exception]) -> int:
        """Store the missing runs and mark the automations as checked. Return the number of missed runs."""
        with Contained("slots not checked", {"automations": [row.name for row in batch.rows]}) as attempt:
            self._write(batch.missed)
            # Marked last. If the process dies before this, the next sweep checks the slots again and finds the runs.
            self.store.mark_checked(batch.rows, until)
            return batch.runs
        if attempt.error:
            failures.append(attempt.error)
        return 0

    def _read(self, due: Sequence[_DueSlots], call_all: CallAll) -> None:
        """Read the ids of the stored runs."""
        # Slots are read newest first and written oldest first, because two sweeps may run at once. If one of them finds
        # the runs of the newest slot, it also finds those of all older slots, so it runs no older slot late.
        for age in range(max((len(item.slots) for item in due), default=0)):
            slots = [(item, item.slots[-1 - age]) for item in due if age < len(item.slots)]
            # The run ids depend on the targets, which may have changed since the slot.
            expected = {
                id_ for item, slot in slots if slot > item.row.targets_changed_at for id_ in item.expected_ids[slot]
            }
            stored = set[str]().union(
                *call_all(self.ledger.reads.existing, list(batched(sorted(expected), 100, strict=False)))
            )
            older = [(item, slot) for item, slot in slots if slot <= item.row.targets_changed_at]
            for item, slot in slots:
                item.stored_ids[slot] = item.expected_ids[slot] & stored
            for (item, slot), ids in zip(older, call_all(self._ids_of_slot, older), strict=True):
                item.stored_ids[slot] = ids

    def _ids_of_slot(self, item: tuple[_DueSlots, datetime]) -> set[str]:
        due, slot = item
        return self.ledger.reads.of_slot(due.row.name, slot_text(slot))

    def _missed(self, due: _DueSlots) -> list[MissedSlot]:
        """Return the missed slots, oldest first."""
        missed = [slot for slot in (self._missed_slot(due, slot) for slot in due.slots) if slot.runs]
        run_late = due.row.automation.missed == "run"
        return [*missed[:-1], *(replace(newest, run_late=run_late) for newest in missed[-1:])]

    def _missed_slot(self, due: _DueSlots, slot: datetime) -> MissedSlot:
        """Return a slot with its missing runs. Store runs whose texts cannot be rendered as failed."""
        row, stored_ids = due.row, due.stored_ids[slot]
        if due.expected_ids[slot] <= stored_ids or (stored_ids and slot <= row.targets_changed_at):
            return MissedSlot(row, slot, [], is_certain=True)  # The slot fired for the targets of its time.
        rendered = self.run_factory.runs_for(row.name, row.automation, slot_of(slot))
        store_failed(self.ledger, [(run, error) for run, error in rendered.failed if run.run_id not in stored_ids])
        missing = [run for run in rendered.runs if run.run_id not in stored_ids]
        return MissedSlot(row, slot, missing, is_certain=bool(stored_ids) or _is_certain(row, slot))

    def _write(self, missed: Sequence[MissedSlot]) -> None:
        """Store the runs of missed slots, then enqueue the runs that are to be run late, unless they overlap others."""
        for slot in missed:
            _report(slot)
        for error, is_certain in ((MISSED, True), (TOO_SHORT, False)):
            only_stored = [slot for slot in missed if slot.is_certain is is_certain and not slot.run_late]
            if ended := [(run, error) for slot in only_stored for run in slot.runs]:
                self.ledger.add_ended(ended, "missed")
        late = [slot for slot in missed if slot.run_late]
        runs = [runs_without_overlap(self.ledger, slot.row, slot.slot, slot.runs) for slot in late]
        add = partial(add_within_budgets, self.ledger, [slot.row for slot in late])
        self.dispatcher.enqueue(list(chain.from_iterable(runs)), add=add)


def _is_due(row: AutomationRow, until: datetime) -> bool:
    """Return whether a row has an unchecked slot up to a time."""
    is_enabled = row.schedule is not None and row.schedule.enabled
    slot = row.next_slot(row.checked_until) if is_enabled else None
    return slot is not None and slot <= until


def _newest_slots(row: AutomationRow, until: datetime, stack: Pauses) -> list[datetime]:
    """Return the slots to check, oldest first, without those inside a pause.

    If there are too many, log and count the oldest, and leave them out.
    """
    newest: deque[datetime] = deque(maxlen=max(1, MAX_RUNS // len(row.automation.targets)))
    oldest: datetime | None = None
    left_out = 0
    # A single iteration, because to begin again at each slot takes ten times as long. After days without a sweep, there
    # are thousands of slots.
    for slot in takewhile(lambda slot: slot <= until, stack.skip(row.unpaused_slots, row.checked_until)):
        oldest = oldest or slot
        left_out += len(newest) == newest.maxlen
        newest.append(slot)
    if oldest is not None and left_out:
        logger.error(
            "too many slots to check, the oldest are left out",
            extra={"automation": row.name, "left_out": left_out, "from": slot_text(oldest)},
        )
        count_now("RunsMissed", left_out * len(row.automation.targets))
    return list(newest)


def _report(missed: MissedSlot) -> None:
    """Log a missed slot, and count its runs."""
    log_fields = {
        "automation": missed.row.name,
        "slot": slot_text(missed.slot),
        "runs": len(missed.runs),
        "missed": missed.row.automation.missed,
    }
    if not missed.is_certain:
        logger.warning("slot missed, just after its trigger was written", extra=log_fields)
        return
    # Counted before the runs are stored. If the process dies in between, the alarm goes off twice instead of never.
    count_now("RunsMissed", len(missed.runs))
    logger.error("slot missed", extra=log_fields)


def _is_certain(row: AutomationRow, slot: datetime) -> bool:
    """Return whether Scheduler had enough time to learn about a slot. The only slot of an ``at`` must always fire."""
    trigger = row.schedule
    is_once = trigger is not None and trigger.is_once
    return is_once or not row.trigger_changed_at < slot <= row.trigger_changed_at + SCHEDULER_DELAY
