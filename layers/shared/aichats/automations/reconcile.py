"""Keeps table and scheduler together.

The table says what should be, the scheduler follows: the row is written first, then the schedule; a deletion marks the
row, removes the schedule, then the row. Nothing is undone. Where a process dies or a call fails in between:

=========================== =============================== ====================================================
it stopped                  what stands                     what the same request does again, and what the sweep does
=========================== =============================== ====================================================
before the row is written   all as it was                   begins anew; nothing to heal
row written, no schedule    an automation that does not     finds its definition, and creates the schedule; created
                            fire
row changed, schedule old   it fires at the old times, and  finds its definition, and updates the schedule; updated
                            does what the new row says
trigger is a webhook now,   the schedule fires, and finds   removes the schedule; removed
the schedule is there       no schedule trigger
row marked ``deleting``     for its owner it is gone; the   removes schedule and row; deleted
                            schedule may fire, and finds
                            nothing
schedule removed, row       for its owner it is gone        removes the row; deleted
in ``deleting``
=========================== =============================== ====================================================

Two that change one automation at once agree in the table, where one comes last; each then makes the schedule as the
row is, and looks again whether the row is still that one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from aichats.automations.model import Automation
from aichats.automations.row import AutomationRow, RowHeader
from aichats.automations.scheduler import MAX_EVENT_AGE, SchedulerError, Schedules
from aichats.automations.table import AutomationTable, Contents
from aichats.automations.turns import Attempt, Turn
from aichats.aws.observability import logger
from aichats.runs.ledger.times import utc_now

QUIET = timedelta(minutes=10)
"""What changed within it is left alone by the sweep: somebody is at work there."""
DONE_AFTER = 2 * MAX_EVENT_AGE + QUIET
"""After the last slot: until then Scheduler may hand its event over for an hour, and Lambda try it for another one."""
LOOKS = 3
"""So often is a row that keeps changing followed; what is left then is the sweep's."""

type Deed = Literal["created", "updated", "removed", "deleted", "done", "listed", "failed"]


@dataclass(frozen=True)
class Repair:
    """What the sweep did.

    ``created`` and ``updated``: the schedule of an automation. ``removed``: a schedule that no automation wants.
    ``deleted``: a deletion was ended. ``done``: it fired for the last time. ``listed``: the items that say which events
    it listens to were corrected. ``failed``: it could not be repaired.
    """

    name: str
    """Of the automation; of the schedule, where it was removed."""
    deed: Deed
    reason: str = ""
    """Of a failure, for people."""


type _Aligned = tuple[AutomationRow, str]
"""A row whose schedule was found as it wants it, and the state of the schedule."""
type _Act = Callable[[], Deed | _Aligned | None]


@dataclass(frozen=True)
class _Job:
    """What may need a repair. ``name`` is that of the :class:`Repair`."""

    name: str
    act: _Act


@dataclass(frozen=True)
class AutomationService:
    """Changes automations, and heals what came apart."""

    store: AutomationTable
    schedules: Schedules
    clock: Callable[[], datetime] = utc_now

    def put(
        self, name: str, automation: Automation, if_match: str | None = None, if_none_match: str | None = None
    ) -> tuple[AutomationRow, bool]:
        """Create or replace an automation, and its schedule. The same again changes nothing, but heals.

        Returns:
            The row, and whether it is a new one.

        Raises:
            InputError: the definition is too large, or its trigger's last moment passed since it was checked.
            StaleError: a condition of the request does not hold; nothing was changed.
            SchedulerError: the automation is written; its schedule follows, when this is repeated or by the sweep.
        """
        row, created = self.store.put(name, automation, if_match, if_none_match)
        self._follow(name, row)
        return row, created

    def delete(self, name: str, if_match: str | None = None) -> bool:
        """Delete an automation with its schedule. Whether there was one.

        Raises:
            StaleError: ``If-Match`` does not hold; nothing was changed.
            SchedulerError: it counts as deleted; the rest follows, when this is repeated or by the sweep.
        """
        row = self.store.begin_delete(name, if_match)
        if row is None:
            return False
        self._delete(row)
        return True

    def reconcile(self, contents: Contents, turn: Turn) -> list[Repair]:
        """Repair what came apart and did not change in the last ten minutes; end what fired for the last time.

        A schedule is read only if it changed since it was last found as its row wants it.

        Args:
            contents: the table. What changed since it was read is left alone, or followed.
            turn: the time for it.

        Returns:
            What was done, in no order. An automation that cannot be repaired does not stop the others.

        Raises:
            SchedulerError: the schedules could not be listed.
        """
        repairs: list[Repair] = []
        for chunk in turn.chunks(self._jobs(contents, self.schedules.changed())):
            results = turn.call_all(_do, chunk)
            repairs += [result for result in results if isinstance(result, Repair)]
            self.store.mark_aligned(result for result in results if isinstance(result, tuple))
        return repairs

    # ------------------------------------------------------------------ one automation

    def _follow(self, name: str, row: AutomationRow | None) -> None:
        """Make the schedule as the row is, until it is still the same afterwards."""
        for _ in range(LOOKS):
            self._align(name, row)
            before, row = row, self.store.read(name)
            if _version(row) == _version(before):
                return

    def _align(self, name: str, row: AutomationRow | None) -> None:
        if row is None or row.schedule is None:
            self.schedules.remove(self.schedules.schedule_name(name))
        elif row.fires_after(self.clock()):
            self.schedules.ensure(row)

    def _delete(self, row: RowHeader) -> None:
        self.schedules.remove(self.schedules.schedule_name(row.name))
        if not self.store.end_delete(row):
            # Somebody wrote it anew, and may have made the schedule before we removed it.
            self._follow(row.name, self.store.read(row.name))

    # ------------------------------------------------------------------ all of them

    def _jobs(self, contents: Contents, listed: Mapping[str, datetime]) -> dict[str, _Job]:
        """Return what may need a repair, by the name of the schedule."""
        heads = {self.schedules.schedule_name(head.name): head for head in contents.headers}
        jobs = {
            schedule: _Job(head.name, act)
            for schedule, head in heads.items()
            if (act := self._act(head, listed.get(schedule)))
        }
        # A row that cannot be read keeps its schedule.
        for schedule in listed.keys() - {self.schedules.schedule_name(name) for name in contents.names - _read(heads)}:
            if act := self._stray_act(schedule, heads.get(schedule), listed[schedule]):
                jobs[schedule] = _Job(schedule, act)
        for name, correct in self.store.webhook_index.corrections(contents.headers).items():
            jobs[f"{name}:"] = _Job(name, partial(_if_done, "listed", correct))
        return jobs

    def _act(self, head: RowHeader, changed: datetime | None) -> _Act | None:
        """Return what is to be done for a row whose schedule changed then, if there is one."""
        if not isinstance(head, AutomationRow):
            # When its deletion began is not known, so it is ended even if it is fresh.
            return partial(self._end_deletion, head) if head.state == "deleting" else None
        if not self._is_settled(head.changed_at, changed):
            return None
        if head.state == "deleting":
            return partial(self._end_deletion, head)
        return self._schedule_act(head, changed) if head.schedule is not None else None

    def _schedule_act(self, row: AutomationRow, changed: datetime | None) -> _Act | None:
        if not row.fires_after(self.clock()):
            return partial(_if_done, "done", partial(self.store.finish, row)) if self._is_over(row) else None
        if changed is not None and row.aligned == self.schedules.state(row, changed):
            return None
        return partial(self._correct, row, changed)

    def _stray_act(self, schedule: str, head: RowHeader | None, changed: datetime) -> _Act | None:
        """Return what is to be done about a schedule that its row does not want, or that has none."""
        row = head if isinstance(head, AutomationRow) else None
        is_wanted = head is not None and (row is None or row.schedule is not None or row.state == "deleting")
        if is_wanted or not self._is_settled(changed, row.changed_at if row else None):
            return None
        return partial(self._remove_stray, schedule)

    def _correct(self, row: AutomationRow, changed: datetime | None) -> Deed | _Aligned | None:
        did = (self.schedules.correct(row) if changed else None) or self.schedules.ensure(row)
        if did == "unchanged":
            return (row, self.schedules.state(row, changed)) if changed else None
        # It may have been changed since it was read.
        self._follow(row.name, row)
        return did

    def _end_deletion(self, head: RowHeader) -> Deed:
        self._delete(head)
        return "deleted"

    def _remove_stray(self, schedule: str) -> Deed | None:
        name = self.schedules.owner(schedule)
        row = self.store.read(name) if name else None
        if row is not None and row.schedule is not None:
            return None  # It was written since the table was read.
        return "removed" if self.schedules.remove(schedule) else None

    def _is_over(self, row: AutomationRow) -> bool:
        """Return whether it fired for the last time, its events had their time, and all its slots were looked for."""
        if row.schedule is None or not row.schedule.enabled or row.fires_after(row.checked_until):
            return False
        return next(row.possible_slots(self.clock() - DONE_AFTER), None) is None

    def _is_settled(self, *changes: datetime | None) -> bool:
        return all(change is None or self.clock() - change > QUIET for change in changes)


def _do(job: _Job) -> Repair | _Aligned | None:
    """Do a job; what goes wrong with it is a repair that failed."""
    result = None
    with Attempt() as attempt:
        result = job.act()
    if attempt.error is None:
        return Repair(job.name, result) if isinstance(result, str) else result
    if isinstance(attempt.error, SchedulerError):
        return Repair(job.name, "failed", str(attempt.error))
    logger.error("automation not repaired", extra={"automation": job.name}, exc_info=attempt.error)
    return Repair(job.name, "failed", f"{type(attempt.error).__name__}: {attempt.error}")


def _if_done(deed: Deed, act: Callable[[], bool]) -> Deed | None:
    return deed if act() else None


def _read(heads: Mapping[str, RowHeader]) -> set[str]:
    """Return the names of the rows that can be read."""
    return {head.name for head in heads.values() if isinstance(head, AutomationRow)}


def _version(row: AutomationRow | None) -> tuple[str, str] | None:
    return (row.etag, row.state) if row else None
