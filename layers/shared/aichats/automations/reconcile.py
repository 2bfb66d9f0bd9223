"""Changes automations, and reconciles the table with EventBridge Scheduler.

The table is the source of truth, and the schedules follow it. A put writes the row, then the schedule. A deletion marks
the row, removes the schedule, then removes the row. Nothing is undone. If a process dies or a call fails in between, a
retry of the request completes the change. Without a retry, the sweep completes it:

=========================== =============================== ====================================================
the last completed step     the state after it              a retry; the sweep's change
=========================== =============================== ====================================================
none                        nothing changed                 begins again; no change
row written, no schedule    the automation does not fire    finds its definition and creates the schedule;
                                                            ``created``
row changed, schedule old   it fires at the old times with  finds its definition and updates the schedule;
                            the new definition              ``updated``
trigger is a webhook now,   the schedule fires, and its     removes the schedule; ``removed``
the schedule still exists   event does nothing
row marked ``deleting``     API clients don't see the       removes the schedule and the row; ``deleted``
                            automation; the schedule may
                            fire, its event does nothing
schedule removed, row       API clients don't see the       removes the row; ``deleted``
in ``deleting``             automation
=========================== =============================== ====================================================

When two requests change one automation at once, the later write to the table wins. Each request makes the schedule as
the row requires, and then checks that the row is still the same.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from aichats.automations.model import Automation
from aichats.automations.row import AutomationRow, RowHeader
from aichats.automations.scheduler import MAX_EVENT_AGE, SchedulerError, Schedules
from aichats.automations.sweep_part import SweepPart
from aichats.automations.table import AutomationTable, Contents, Guard, no_guard
from aichats.aws.observability import Contained
from aichats.frozen import frozen
from aichats.runs.ledger.times import utc_now

SETTLE_TIME = timedelta(minutes=10)
"""The age up to which the sweep ignores a change, because the request that made it may still be running."""
DONE_AFTER = 2 * MAX_EVENT_AGE + SETTLE_TIME
"""The time after which the event of a slot cannot come any more. Scheduler retries for an hour, then Lambda does."""
MAX_FOLLOW_UPS = 3
"""The number of times that a request follows a row that keeps changing. Then the sweep takes over."""

type ChangeKind = Literal["created", "updated", "removed", "deleted", "done", "listed", "failed"]


@frozen
class PutResult:
    """The result of a put.

    Attributes:
        row: the row as it is now.
        created: whether the automation is new.
    """

    row: AutomationRow
    created: bool


@frozen
class Change:
    """A change that the sweep made.

    Attributes:
        name: the automation's name; for ``removed``, the schedule's name.
        kind: ``created`` and ``updated``: the schedule of an automation. ``removed``: a schedule that no automation
            needs. ``deleted``: a deletion was completed. ``done``: the automation has fired for the last time.
            ``listed``: the index of its event types was corrected. ``failed``: the repair failed.
        reason: the reason of a failure, for people.
    """

    name: str
    kind: ChangeKind
    reason: str = ""


type _Aligned = tuple[AutomationRow, str]
"""A row whose schedule is as the row requires, and the state of the schedule."""
type _Action = Callable[[], ChangeKind | _Aligned | None]


@frozen
class _Check:
    """A check of one automation or schedule, with its repair. The :class:`Change` has the same name."""

    name: str
    act: _Action


@frozen
class AutomationService:
    """Changes automations, and repairs them and their schedules."""

    store: AutomationTable
    schedules: Schedules
    clock: Callable[[], datetime] = utc_now

    def put(
        self,
        name: str,
        automation: Automation,
        if_match: str | None = None,
        if_none_match: str | None = None,
        guard: Guard = no_guard,
        *,
        by: str | None = None,
    ) -> PutResult:
        """Create or replace an automation and its schedule. Putting the same definition again repairs the schedule.

        ``guard`` raises an error if the automation that would be replaced must stay. ``by`` is the name of the API
        client.

        Raises:
            InputError: the definition is too large, or the trigger's last slot has passed since the check.
            StaleError: a condition of the request failed. Nothing was changed.
            SchedulerError: the automation is written, but its schedule may not be. A retry or the sweep writes it.
        """
        row, created = self.store.put(name, automation, if_match, if_none_match, guard, by=by)
        self._follow(name, row)
        return PutResult(row, created)

    def delete(self, name: str, if_match: str | None = None, guard: Guard = no_guard, *, by: str | None = None) -> bool:
        """Delete an automation and its schedule. Return whether there was one.

        ``guard`` and ``by`` are those of :meth:`put`.

        Raises:
            StaleError: ``If-Match`` failed. Nothing was changed.
            SchedulerError: the automation counts as deleted. A retry or the sweep completes the deletion.
        """
        row = self.store.begin_delete(name, if_match, guard, by=by)
        if row is None:
            return False
        self._delete(row)
        return True

    def reconcile(self, contents: Contents, part: SweepPart) -> list[Change]:
        """Repair automations and schedules that have not changed for ten minutes. Complete automations that are over.

        A schedule is read only if it has changed since a sweep last found it as its row requires.

        Args:
            contents: the whole table, as it was read.
            part: the part of the sweep.

        Returns:
            The changes, in any order. An automation that cannot be repaired does not stop the others.

        Raises:
            SchedulerError: the schedules could not be listed.
        """
        changes: list[Change] = []
        for chunk in part.chunks(self._checks(contents, self.schedules.changed())):
            results = part.call_all(_perform, chunk)
            changes += [result for result in results if isinstance(result, Change)]
            self.store.mark_aligned(result for result in results if isinstance(result, tuple))
        return changes

    # ------------------------------------------------------------------ one automation

    def _follow(self, name: str, row: AutomationRow | None) -> None:
        """Make the schedule as the row requires. Repeat this if the row has changed meanwhile."""
        for _ in range(MAX_FOLLOW_UPS):
            self._align(name, row)
            previous, row = row, self.store.read(name)
            if _version(row) == _version(previous):
                return

    def _align(self, name: str, row: AutomationRow | None) -> None:
        if row is None or row.schedule is None:
            self.schedules.remove(self.schedules.schedule_name(name))
        elif row.fires_after(self.clock()):
            self.schedules.ensure(row)

    def _delete(self, row: RowHeader) -> None:
        self.schedules.remove(self.schedules.schedule_name(row.name))
        if not self.store.end_delete(row):
            # Another request put the automation again. It may have created the schedule before this request removed it.
            self._follow(row.name, self.store.read(row.name))

    # ------------------------------------------------------------------ all automations

    def _checks(self, contents: Contents, changed: Mapping[str, datetime]) -> dict[str, _Check]:
        """Return the checks to make, by the names of the schedules.

        Args:
            contents: the table.
            changed: the time of the last change of each schedule, by its name.
        """
        headers = {self.schedules.schedule_name(header.name): header for header in contents.headers}
        checks = {
            schedule: _Check(header.name, act)
            for schedule, header in headers.items()
            if (act := self._row_action(header, changed.get(schedule)))
        }
        # A row that cannot be read keeps its schedule.
        unreadable = contents.names - {row.name for row in contents.rows}
        for schedule in changed.keys() - {self.schedules.schedule_name(name) for name in unreadable}:
            if act := self._stray_action(schedule, headers.get(schedule), changed[schedule]):
                checks[schedule] = _Check(schedule, act)
        for name, correct in self.store.webhook_index.corrections(contents.headers).items():
            checks[f"{name}:"] = _Check(name, partial(_if_true, "listed", correct))
        return checks

    def _row_action(self, header: RowHeader, changed: datetime | None) -> _Action | None:
        """Return the action for a row. ``changed`` is the time of its schedule's last change, if there is one."""
        if not isinstance(header, AutomationRow):
            # The row does not say when its deletion began, so even a recent deletion is completed.
            return partial(self._end_deletion, header) if header.state == "deleting" else None
        if not self._is_settled(header.changed_at, changed):
            return None
        if header.state == "deleting":
            return partial(self._end_deletion, header)
        return self._schedule_action(header, changed) if header.schedule is not None else None

    def _schedule_action(self, row: AutomationRow, changed: datetime | None) -> _Action | None:
        if not row.fires_after(self.clock()):
            return partial(_if_true, "done", partial(self.store.finish, row)) if self._is_over(row) else None
        if changed is not None and row.aligned == self.schedules.state(row, changed):
            return None
        return partial(self._correct, row, changed)

    def _stray_action(self, schedule: str, header: RowHeader | None, changed: datetime) -> _Action | None:
        """Return the action for a schedule that has no row, or whose row does not need it."""
        row = header if isinstance(header, AutomationRow) else None
        is_needed = header is not None and (row is None or row.schedule is not None or row.state == "deleting")
        if is_needed or not self._is_settled(changed, row.changed_at if row else None):
            return None
        return partial(self._remove_stray, schedule)

    def _correct(self, row: AutomationRow, changed: datetime | None) -> ChangeKind | _Aligned | None:
        result = (self.schedules.correct(row) if changed else None) or self.schedules.ensure(row)
        if result == "unchanged":
            return (row, self.schedules.state(row, changed)) if changed else None
        # The row may have changed since it was read.
        self._follow(row.name, row)
        return result

    def _end_deletion(self, header: RowHeader) -> ChangeKind:
        self._delete(header)
        return "deleted"

    def _remove_stray(self, schedule: str) -> ChangeKind | None:
        name = self.schedules.owner(schedule)
        row = self.store.read(name) if name else None
        if row is not None and row.schedule is not None:
            return None  # The row was written after the table was read.
        return "removed" if self.schedules.remove(schedule) else None

    def _is_over(self, row: AutomationRow) -> bool:
        """Return whether the last slot has passed and was checked, and the slot's event cannot come any more."""
        if row.schedule is None or not row.schedule.enabled or row.fires_after(row.checked_until):
            return False
        return next(row.possible_slots(self.clock() - DONE_AFTER), None) is None

    def _is_settled(self, *changes: datetime | None) -> bool:
        return all(change is None or self.clock() - change > SETTLE_TIME for change in changes)


def _perform(check: _Check) -> Change | _Aligned | None:
    """Perform the action of a check. Return an error as a change of the kind ``failed``."""
    result = None
    with Contained("automation not repaired", {"automation": check.name}) as attempt:
        try:
            result = check.act()
        except SchedulerError as error:
            return Change(check.name, "failed", str(error))
    if attempt.error is not None:
        return Change(check.name, "failed", f"{type(attempt.error).__name__}: {attempt.error}")
    return Change(check.name, result) if isinstance(result, str) else result


def _if_true(kind: ChangeKind, act: Callable[[], bool]) -> ChangeKind | None:
    return kind if act() else None


def _version(row: AutomationRow | None) -> tuple[str, str] | None:
    return (row.etag, row.state) if row else None
