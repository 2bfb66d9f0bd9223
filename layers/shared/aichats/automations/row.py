"""An automation as the table stores it: the definition, its version and its state."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import replace
from dataclasses import field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice, takewhile
from typing import Any, Literal

from aichats.automations.model import (
    Automation,
    ScheduleTrigger,
    WebhookTrigger,
    canonical,
    first_slot,
    never_fires,
    quick_definition,
    schedule_times,
)
from aichats.errors import InputError, UnreadableError
from aichats.frozen import frozen
from aichats.json_types import JsonObject
from aichats.runs.ledger.times import from_text, to_text
from aichats.schedules.pauses import BY_BUDGET, Pauses

SECOND = timedelta(seconds=1)
"""The unit of the times of a trigger."""
MAX_UNCONFIRMED_SLOTS = 5
"""The maximum number of slots in the warning about a changed trigger."""

type StoredState = Literal["active", "done", "deleting"]

_STATES = ("active", "done", "deleting")


@frozen
class RowHeader:
    """The part of a row that every version of the code can read."""

    name: str
    version: int
    etag: str
    """A strong ETag, with its quotes. It identifies the definition and the version."""
    state: StoredState
    pauses_text: str | None = field(default=None, kw_only=True)
    """The pauses as the table stores them; ``None`` if there has never been one."""


@frozen
class AutomationRow(RowHeader):
    """A row of the table of automations."""

    automation: Automation
    created_at: datetime
    changed_at: datetime
    """The time of the last change of the definition or the state."""
    checked_until: datetime
    """The time up to which all slots have been checked. It is never before the trigger was written."""
    targets_changed_at: datetime
    """The time of the last change of the targets."""
    trigger_changed_at: datetime
    """The time of the last change of the trigger."""
    rate_start: datetime | None = None
    """The first slot of a ``rate``. It stays the same until the expression, the time zone or the start changes."""
    replaced: str | None = None
    """The ETag of the previous version."""
    created_by: str | None = None
    """The API client that created the automation; ``None`` if an earlier version of the code stored it."""
    updated_by: str | None = None
    """The API client that wrote the current definition; ``None`` if an earlier version of the code stored it."""
    aligned: str | None = None
    """The state of the schedule when the sweep last found the schedule as this version of the row requires."""
    unconfirmed_slots: tuple[datetime, ...] = field(default=(), compare=False)
    """The first few past slots of a replaced trigger that were not checked.

    Only the row from :func:`next_row` has these slots; the table does not store them.
    """

    @cached_property
    def pauses(self) -> Pauses:
        """The pauses. They are no part of the definition, so a PUT keeps them."""
        return Pauses.from_text(self.pauses_text)

    @property
    def schedule(self) -> ScheduleTrigger | None:
        """The trigger if the row is active and the trigger is a schedule; otherwise ``None``."""
        trigger = self.automation.trigger
        return trigger if self.state == "active" and isinstance(trigger, ScheduleTrigger) else None

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that the automation listens for; none unless the row is active and the trigger is enabled."""
        trigger = self.automation.trigger
        if self.state != "active" or not isinstance(trigger, WebhookTrigger) or not trigger.enabled:
            return ()
        return tuple(dict.fromkeys(trigger.events))

    @property
    def written(self) -> JsonObject:
        """The definition without the fields that the API client left out."""
        definition = self.automation.definition
        for path in self.automation.defaults:
            parent, _, name = path.rpartition(".")
            (definition[parent] if parent else definition).pop(name, None)
        return definition

    def fires_after(self, time: datetime) -> bool:
        """Return whether the schedule, enabled or not, has a slot later than a time."""
        return self.schedule is not None and self.next_slot(time) is not None

    def next_slot(self, after: datetime) -> datetime | None:
        """Return the first slot later than a time; ``None`` if there is no such slot or no schedule."""
        return next(self.slots(after), None)

    def slots(self, after: datetime) -> Iterator[datetime]:
        """Return the slots later than a time, oldest first; none if there is no schedule."""
        trigger = self.automation.trigger
        if not isinstance(trigger, ScheduleTrigger):
            return iter(())
        return schedule_times(trigger, self.rate_start, after)

    def unpaused_slots(self, after: datetime) -> Iterator[datetime]:
        """Return the slots later than a time that are in no pause, oldest first."""
        return self.pauses.skip(self.slots, after)

    def possible_slots(self, after: datetime) -> Iterator[datetime]:
        """Return the slots later than a time, including a slot exactly at the trigger's end.

        AWS says that a schedule fires only before its end, so aichats expects no slot at the end. But if the event of
        such a slot arrives, aichats accepts the event.
        """
        trigger = self.automation.trigger
        if not isinstance(trigger, ScheduleTrigger):
            return iter(())
        end = trigger.end + SECOND if trigger.end else None
        return schedule_times(replace(trigger, end=end), self.rate_start, after)


def next_row(
    name: str, automation: Automation, old: RowHeader | None, now: datetime, by: str | None = None
) -> AutomationRow:
    """Return the row that replaces the ``old`` row, or the first row of an automation.

    If the old row is being deleted or cannot be read, the new row takes over only its version. ``by`` is the name of
    the API client.

    Raises:
        InputError: the trigger never fires after ``now``.
    """
    now = from_text(to_text(now))
    exists = old is not None and old.state != "deleting"
    previous = old if exists and isinstance(old, AutomationRow) else None
    fires_as_before = previous is not None and _fires_as_before(previous, automation, now)
    version = old.version + 1 if old else 1
    same_targets = previous and previous.automation.targets == automation.targets
    same_trigger = previous and previous.automation.trigger == automation.trigger
    row = AutomationRow(
        name=name,
        automation=automation,
        version=version,
        etag=_etag(automation, version),
        state="active",
        created_at=previous.created_at if previous else now,
        changed_at=now,
        checked_until=previous.checked_until if previous and fires_as_before else now,
        targets_changed_at=previous.targets_changed_at if previous and same_targets else now,
        trigger_changed_at=previous.trigger_changed_at if previous and same_trigger else now,
        rate_start=_rate_start(automation, previous, now),
        replaced=old.etag if old and exists else None,
        pauses_text=_kept_pauses(old, automation, now) if old and exists else None,
        created_by=previous.created_by if previous else by,
        updated_by=by,
        unconfirmed_slots=_unconfirmed_slots(previous, now) if previous and not fires_as_before else (),
    )
    if row.schedule and not row.fires_after(now):
        # The last slot has passed since the request was checked, and aichats would never check this slot.
        raise InputError([("trigger.expression", never_fires(row.schedule, now))])
    return row


def item_from_row(row: AutomationRow) -> dict[str, Any]:
    """Return the attributes of a row."""
    item = {
        "name": row.name,
        "definition": canonical(row.automation),
        "version": row.version,
        "etag": row.etag,
        "state": row.state,
        "created_at": to_text(row.created_at),
        "changed_at": to_text(row.changed_at),
        "checked_until": to_text(row.checked_until),
        "targets_at": to_text(row.targets_changed_at),
        "trigger_at": to_text(row.trigger_changed_at),
        "rate_start": to_text(row.rate_start) if row.rate_start else None,
        "replaced": row.replaced,
        "pauses": row.pauses_text,
        "defaults": list(row.automation.defaults),
        "created_by": row.created_by,
        "updated_by": row.updated_by,
    }
    return {name: value for name, value in item.items() if value is not None}


def row_from_item(item: Mapping[str, Any]) -> AutomationRow:
    """Return the row that has these attributes.

    Raises:
        UnreadableError: this version of the code cannot read the row. The message shows no value.
    """
    with _reading(item):
        # Rows of older versions have further attributes, such as ``former``, which are ignored.
        names = ("created_at", "changed_at", "checked_until", "targets_at", "trigger_at", "rate_start")
        times: dict[str, Any] = {name: _time(item[name]) for name in names if name in item}
        # Rows of older versions do not have the attribute ``trigger_at``.
        trigger_changed_at = times.pop("trigger_at", times["changed_at"])
        if item["state"] not in _STATES:
            raise UnreadableError(f"{_what(item)} cannot be read by this version of the code: state")
        Pauses.from_text(item.get("pauses"))
        return AutomationRow(
            **vars(_header(item)),
            automation=replace(_definition(item), defaults=tuple(item.get("defaults", ()))),
            replaced=item.get("replaced"),
            created_by=item.get("created_by"),
            updated_by=item.get("updated_by"),
            aligned=item.get("aligned"),
            trigger_changed_at=trigger_changed_at,
            targets_changed_at=times.pop("targets_at"),
            **times,
        )


def header_from_item(item: Mapping[str, Any]) -> RowHeader:
    """Return the row that has these attributes. If this version of the code cannot read the row, return its header.

    Raises:
        UnreadableError: this version of the code cannot read the header either.
    """
    try:
        return row_from_item(item)
    except UnreadableError:
        with _reading(item):
            return _header(item)


@contextmanager
def _reading(item: Mapping[str, Any]) -> Iterator[None]:
    """Raise UnreadableError for an attribute that is missing or malformed."""
    try:
        yield
    except (KeyError, TypeError, ValueError):
        # The original error is not shown, because it may quote the row.
        raise UnreadableError(f"{_what(item)} cannot be read: an attribute is missing or malformed") from None


def _definition(item: Mapping[str, Any]) -> Automation:
    data = json.loads(item["definition"])
    automation = quick_definition(data)
    if automation is not None:
        return automation
    from aichats.automations.definition_models import read_stored_definition

    return read_stored_definition(data, _what(item))


def _time(text: str) -> datetime:
    """Return a text as a time.

    Raises:
        ValueError: it has no time zone.
    """
    time = from_text(text)
    if time.tzinfo is None:
        raise ValueError("the time has no time zone")
    return time


def _what(item: Mapping[str, Any]) -> str:
    return f"automation {item['name']}"


def _header(item: Mapping[str, Any]) -> RowHeader:
    names = ("name", "version", "etag", "state")
    return RowHeader(**{name: item[name] for name in names}, pauses_text=item.get("pauses"))


def _kept_pauses(row: RowHeader, automation: Automation, now: datetime) -> str | None:
    """Return the pauses of a replaced row as a text; ``None`` if they are malformed and would stay so.

    A pause by a budget ends if the new definition raises the budget.
    """
    try:
        pauses = Pauses.from_text(row.pauses_text)
    except ValueError:
        return None
    budget = row.automation.budget if isinstance(row, AutomationRow) else None
    if budget is not None and budget.is_raised_to(automation.budget):
        ended = pauses.ended_by(BY_BUDGET, now)
        return row.pauses_text if ended == pauses else ended.to_text()
    return row.pauses_text


def _etag(automation: Automation, version: int) -> str:
    unique = f"{version} {canonical(automation)}"
    return f'"{hashlib.sha256(unique.encode()).hexdigest()[:32]}"'


def _rate_start(automation: Automation, previous: AutomationRow | None, now: datetime) -> datetime | None:
    trigger = automation.trigger
    if not isinstance(trigger, ScheduleTrigger):
        return None
    before = previous.automation.trigger if previous else None
    if previous and isinstance(before, ScheduleTrigger) and _timing(before) == _timing(trigger):
        return previous.rate_start
    return first_slot(trigger, now)


def _fires_as_before(previous: AutomationRow, automation: Automation, now: datetime) -> bool:
    """Return whether a definition keeps the past slots of the previous version, so that they are still checked.

    If an end that has passed is moved, slots between the two ends were never expected.
    """
    before, after = previous.automation.trigger, automation.trigger
    if before == after or not isinstance(before, ScheduleTrigger) or not isinstance(after, ScheduleTrigger):
        return before == after
    same = (_timing(before), before.enabled) == (_timing(after), after.enabled)
    return same and (before.end is None or before.end > now)


def _unconfirmed_slots(previous: AutomationRow, now: datetime) -> tuple[datetime, ...]:
    """Return the first past slots that were not checked before the trigger changed."""
    if previous.schedule is None or not previous.schedule.enabled:
        return ()
    past = takewhile(lambda slot: slot <= now, previous.unpaused_slots(previous.checked_until))
    return tuple(islice(past, MAX_UNCONFIRMED_SLOTS))


def _timing(trigger: ScheduleTrigger) -> tuple[str, str, datetime | None]:
    return trigger.expression, trigger.timezone, trigger.start
