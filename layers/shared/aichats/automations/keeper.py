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

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from aichats.automations.model import Automation
from aichats.automations.rows import AutomationRow, Head
from aichats.automations.schedules import MAX_EVENT_AGE, SchedulerError, Schedules
from aichats.automations.store import AutomationStore
from aichats.runs.times import utc_now

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


@dataclass(frozen=True)
class Keeper:
    """Changes automations, and heals what came apart."""

    store: AutomationStore
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

    def heal(self) -> list[Repair]:
        """Repair what came apart and did not change in the last ten minutes; end what fired for the last time.

        Look for missed slots before this: what was not looked for (``checked_until``) never counts as done.

        Returns:
            What was done, in no order. An automation that cannot be repaired does not stop the others.

        Raises:
            SchedulerError: the schedules could not be listed.
        """
        # In this order: a schedule without a row had none after it was listed.
        changed = self.schedules.changed()
        heads = list(self.store.heads())
        rows = {self.schedules.schedule_name(row.name): row for row in heads if isinstance(row, AutomationRow)}
        if changed.keys() - rows.keys():
            # A row that cannot be read keeps its schedule.
            unread = {self.schedules.schedule_name(name) for name in self.store.names()} - rows.keys()
            changed = {schedule: moment for schedule, moment in changed.items() if schedule not in unread}
        unread_deletions = [head for head in heads if head.state == "deleting" and not isinstance(head, AutomationRow)]
        return [
            *self._heal_rows(rows, changed),
            *self._end_deletions(unread_deletions),
            *self._remove_unwanted(rows, changed),
            *(Repair(name, "listed") for name in self.store.listening.heal(heads)),
        ]

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

    def _delete(self, row: Head) -> None:
        self.schedules.remove(self.schedules.schedule_name(row.name))
        if not self.store.end_delete(row):
            # Somebody wrote it anew, and may have made the schedule before we removed it.
            self._follow(row.name, self.store.read(row.name))

    # ------------------------------------------------------------------ all of them

    def _heal_rows(self, rows: Mapping[str, AutomationRow], changed: Mapping[str, datetime]) -> Iterator[Repair]:
        for schedule, row in rows.items():
            if not self._is_settled(row.changed_at, changed.get(schedule)):
                continue
            try:
                deed = self._heal_row(row, is_listed=schedule in changed)
            except SchedulerError as error:
                yield Repair(row.name, "failed", str(error))
                continue
            if deed:
                yield Repair(row.name, deed)

    def _heal_row(self, row: AutomationRow, *, is_listed: bool) -> Deed | None:
        if row.state == "deleting":
            self._delete(row)
            return "deleted"
        if row.schedule is None:
            return None
        if row.fires_after(self.clock()):
            did = (self.schedules.correct(row) if is_listed else None) or self.schedules.ensure(row)
            if did == "unchanged":
                return None
            # It may have been changed since it was read.
            self._follow(row.name, row)
            return did
        return "done" if self._is_over(row) and self.store.finish(row) else None

    def _end_deletions(self, heads: Iterable[Head]) -> Iterator[Repair]:
        """End deletions of rows that cannot be read, also fresh ones: when they began is not known."""
        for head in heads:
            try:
                self._delete(head)
            except SchedulerError as error:
                yield Repair(head.name, "failed", str(error))
            else:
                yield Repair(head.name, "deleted")

    def _is_over(self, row: AutomationRow) -> bool:
        """Whether it fired for the last time, and it was looked whether it did."""
        last = min(row.checked_until, self.clock() - DONE_AFTER)
        return row.schedule is not None and row.schedule.enabled and not row.fires_after(last)

    def _remove_unwanted(self, rows: Mapping[str, AutomationRow], changed: Mapping[str, datetime]) -> Iterator[Repair]:
        for schedule, moment in changed.items():
            row = rows.get(schedule)
            is_wanted = row is not None and (row.schedule is not None or row.state == "deleting")
            if is_wanted or not self._is_settled(moment, row.changed_at if row else None):
                continue
            try:
                if self.schedules.remove(schedule):
                    yield Repair(schedule, "removed")
            except SchedulerError as error:
                yield Repair(schedule, "failed", str(error))

    def _is_settled(self, *changes: datetime | None) -> bool:
        return all(change is None or self.clock() - change > QUIET for change in changes)


def _version(row: AutomationRow | None) -> tuple[str, str] | None:
    return (row.etag, row.state) if row else None
