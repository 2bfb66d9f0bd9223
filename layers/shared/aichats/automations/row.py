"""An automation as its table knows it, and its versions."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter

from aichats.automations.model import Automation, ScheduleTrigger, WebhookTrigger, canonical, first_slot, schedule_times
from aichats.errors import AichatsError, InputError, UnreadableError
from aichats.runs.ledger.times import from_text, to_text
from aichats.validation import read_stored

SECOND = timedelta(seconds=1)
"""The unit of the times of a trigger."""

_ELEMENT = re.compile(r'[ \t]*(?:((?:W/)?"[^"\x00-\x20\x7f]*")[ \t]*)?(?:,|\Z)')
"""An element of a list of ETags, which may be empty, and the comma after it."""

type State = Literal["active", "done", "deleting"]


class StaleError(AichatsError):
    """The automation is not as ``If-Match`` or ``If-None-Match`` wants it; nothing was changed."""

    def __init__(self, name: str, etag: str | None) -> None:
        stands = f"its ETag is {etag} now: get it, and change that" if etag else "it does not exist"
        super().__init__(f"automation {name} is not as the request's condition wants it; {stands}")


class Former(BaseModel):
    """A trigger that was replaced before anybody looked which of its slots fired.

    They are those later than ``checked_until``, up to ``replaced_at``.
    """

    model_config = ConfigDict(frozen=True)

    trigger: ScheduleTrigger
    rate_start: AwareDatetime | None
    trigger_at: AwareDatetime
    checked_until: AwareDatetime
    replaced_at: AwareDatetime


_FORMER: TypeAdapter[tuple[Former, ...]] = TypeAdapter(tuple[Former, ...])
_STATES: TypeAdapter[dict[str, State]] = TypeAdapter(dict[str, State])
_MOMENTS: TypeAdapter[dict[str, AwareDatetime]] = TypeAdapter(dict[str, AwareDatetime])


@dataclass(frozen=True)
class RowHeader:
    """What every version of the code can read of a row."""

    name: str
    version: int
    etag: str
    """Strong, with its quotes: it stands for definition and version."""
    state: State


@dataclass(frozen=True)
class AutomationRow(RowHeader):
    """An automation as the table knows it."""

    automation: Automation
    created_at: datetime
    changed_at: datetime
    """When its definition or its state changed last."""
    checked_until: datetime
    """Up to here it was looked which slots fired. Never before the trigger was written."""
    targets_changed_at: datetime
    """When its targets changed last."""
    trigger_changed_at: datetime
    """When its trigger changed last."""
    rate_start: datetime | None = None
    """From when a ``rate`` is counted: kept as long as expression, zone and start stay as they are."""
    replaced: str | None = None
    """The ETag of the version before."""
    aligned: str | None = None
    """What the sweep wrote when it found the schedule as this version of the row wants it."""
    former: tuple[Former, ...] = ()
    """Triggers whose slots are still to be looked at, oldest first."""

    @property
    def schedule(self) -> ScheduleTrigger | None:
        """Its trigger, if the row is active and that is a schedule."""
        trigger = self.automation.trigger
        return trigger if self.state == "active" and isinstance(trigger, ScheduleTrigger) else None

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that it listens to: none unless the row is active and its trigger enabled."""
        trigger = self.automation.trigger
        if self.state != "active" or not isinstance(trigger, WebhookTrigger) or not trigger.enabled:
            return ()
        return tuple(dict.fromkeys(trigger.events))

    def fires_after(self, moment: datetime) -> bool:
        """Whether its schedule has a slot later than that, enabled or not."""
        return self.schedule is not None and self.next_slot(moment) is not None

    def next_slot(self, after: datetime) -> datetime | None:
        """The first slot later than that; ``None`` if there is none, or no schedule."""
        return next(self.slots(after), None)

    def slots(self, after: datetime) -> Iterator[datetime]:
        """Return the slots later than that, oldest first; none if there is no schedule."""
        trigger = self.automation.trigger
        if not isinstance(trigger, ScheduleTrigger):
            return iter(())
        return schedule_times(trigger, self.rate_start, after)

    def possible_slots(self, after: datetime) -> Iterator[datetime]:
        """Return the slots later than that at which Scheduler may fire, one exactly at the trigger's ``end`` included.

        AWS says that a schedule fires before its end, so no slot is expected there. If its event comes, it is taken.
        """
        trigger = self.automation.trigger
        if not isinstance(trigger, ScheduleTrigger):
            return iter(())
        end = trigger.end + SECOND if trigger.end else None
        return schedule_times(trigger.model_copy(update={"end": end}), self.rate_start, after)

    def under(self, former: Former) -> "AutomationRow":
        """Itself, if the former trigger were still its trigger."""
        return replace(
            self,
            automation=self.automation.model_copy(update={"trigger": former.trigger}),
            rate_start=former.rate_start,
            trigger_changed_at=former.trigger_at,
            checked_until=former.checked_until,
        )


def next_row(name: str, automation: Automation, old: RowHeader | None, now: datetime) -> AutomationRow:
    """The row that follows a row, or none.

    What follows a deletion that is not finished begins anew, and so does what follows a row that cannot be read.

    Raises:
        InputError: its trigger never fires from now on.
    """
    now = from_text(to_text(now))
    stands = old is not None and old.state != "deleting"
    live = old if stands and isinstance(old, AutomationRow) else None
    fires_as_before = live is not None and _fires_as_before(live, automation, now)
    version = old.version + 1 if old else 1
    row = AutomationRow(
        name=name,
        automation=automation,
        version=version,
        etag=_etag(automation, version),
        state="active",
        created_at=live.created_at if live else now,
        changed_at=now,
        checked_until=live.checked_until if live and fires_as_before else now,
        targets_changed_at=live.targets_changed_at if live and live.automation.targets == automation.targets else now,
        trigger_changed_at=live.trigger_changed_at if live and live.automation.trigger == automation.trigger else now,
        rate_start=_rate_start(automation, live, now),
        replaced=old.etag if old and stands else None,
        former=_former(live, now, fires_as_before=fires_as_before) if live else (),
    )
    if row.schedule and not row.fires_after(now):
        # It was checked a moment ago, and the slot passed since: nobody would look for it.
        passed = f"{row.schedule.expression} never fires from now on: it is {now.isoformat(timespec='seconds')}"
        raise InputError([("trigger.expression", passed)])
    return row


def item_of(row: AutomationRow) -> dict[str, Any]:
    """The attributes of a row."""
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
        "former": _former_text(row.former) if row.former else None,
    }
    return {name: value for name, value in item.items() if value is not None}


def row_of(item: Mapping[str, Any]) -> AutomationRow:
    """The row that attributes make up.

    Raises:
        UnreadableError: this version of the code cannot read it. It shows no value.
    """
    return _read(_row_of, item)


def header_of(item: Mapping[str, Any]) -> RowHeader:
    """The row that attributes make up; of one that this version of the code cannot read, what it takes to change it.

    Raises:
        UnreadableError: not even that can be read.
    """
    try:
        return row_of(item)
    except UnreadableError:
        return _read(_head_of, item)


def _read[T](read: Callable[[Mapping[str, Any], str], T], item: Mapping[str, Any]) -> T:
    what = f"automation {item['name']}"
    try:
        return read(item, what)
    except (KeyError, TypeError, ValueError):
        # What went wrong may quote the row.
        raise UnreadableError(f"{what} cannot be read: an attribute is missing or malformed") from None


def _row_of(item: Mapping[str, Any], what: str) -> AutomationRow:
    moments = ("created_at", "changed_at", "checked_until", "targets_at", "trigger_at", "rate_start")
    texts = {name: item[name] for name in moments if name in item}
    known: dict[str, Any] = dict(read_stored(_MOMENTS.validate_strings, texts, what))
    # A row that was written before this was kept has none.
    trigger_changed_at = known.pop("trigger_at", known["changed_at"])
    read_stored(_STATES.validate_python, {"state": item["state"]}, what)
    return AutomationRow(
        **vars(_head_of(item, what)),
        automation=read_stored(Automation.model_validate, json.loads(item["definition"]), what),
        replaced=item.get("replaced"),
        aligned=item.get("aligned"),
        former=read_stored(_FORMER.validate_json, item.get("former", "[]"), what),
        trigger_changed_at=trigger_changed_at,
        targets_changed_at=known.pop("targets_at"),
        **known,
    )


def _head_of(item: Mapping[str, Any], _what: str) -> RowHeader:
    return RowHeader(name=item["name"], version=item["version"], etag=item["etag"], state=item["state"])


def checked(row: AutomationRow, until: datetime) -> dict[str, Any]:
    """The attributes that change when every slot up to ``until`` was looked for."""
    # A trigger that was written after ``until`` has nothing to be looked at before it was written.
    changes = {"checked_until": to_text(max(until, row.checked_until))}
    left = [former for former in row.former if former.replaced_at > until]
    return changes | ({"former": _former_text(left)} if row.former else {})


def _former_text(former: Sequence[Former]) -> str:
    return _FORMER.dump_json(tuple(former)).decode()


def check_conditions(name: str, row: RowHeader | None, if_match: str | None, if_none_match: str | None) -> None:
    """Hold a request's conditions against the automation as it is; ``None`` where there is none.

    Raises:
        StaleError: one does not hold.
    """
    etag = row.etag if row else None
    if not conditions_hold(etag, if_match, if_none_match):
        raise StaleError(name, etag)


def conditions_hold(etag: str | None, if_match: str | None, if_none_match: str | None) -> bool:
    """Whether a request's conditions hold for this ETag; ``None``: there is no automation, or no such condition."""
    return (if_match is None or _is_named(etag, if_match)) and (if_none_match is None or _is_other(etag, if_none_match))


def _is_named(etag: str | None, if_match: str) -> bool:
    """Return whether an ``If-Match`` names this ETag. ``*`` names any. A weak one (``W/``) names none."""
    return etag is not None and (if_match.strip() == "*" or etag in _tags(if_match))


def _is_other(etag: str | None, if_none_match: str) -> bool:
    """Return whether an ``If-None-Match`` names ETags, and not this one. A header without any ETag never holds."""
    if if_none_match.strip() == "*":
        return etag is None
    tags = [tag.removeprefix("W/") for tag in _tags(if_none_match)]
    return bool(tags) and etag not in tags


def _tags(header: str) -> list[str]:
    """Return the ETags of a condition, as RFC 9110 writes them. A malformed header, such as an empty one, has none."""
    tags: list[str] = []
    position = 0
    while position < len(header):
        element = _ELEMENT.match(header, position)
        if element is None:
            return []
        tags += [element[1]] if element[1] else []
        position = element.end()
    return tags


def _etag(automation: Automation, version: int) -> str:
    unique = f"{version} {canonical(automation)}"
    return f'"{hashlib.sha256(unique.encode()).hexdigest()[:32]}"'


def _rate_start(automation: Automation, old: AutomationRow | None, now: datetime) -> datetime | None:
    trigger = automation.trigger
    if not isinstance(trigger, ScheduleTrigger):
        return None
    before = old.automation.trigger if old else None
    if old and isinstance(before, ScheduleTrigger) and _clockwork(before) == _clockwork(trigger):
        return old.rate_start
    return first_slot(trigger, now)


def _fires_as_before(old: AutomationRow, automation: Automation, now: datetime) -> bool:
    """Whether the slots up to now are those of the version before: those of a trigger that is gone are not looked for.

    An end that is over by now may be moved, and then slots are due for which nobody waited.
    """
    before, after = old.automation.trigger, automation.trigger
    if before == after or not isinstance(before, ScheduleTrigger) or not isinstance(after, ScheduleTrigger):
        return before == after
    same = (_clockwork(before), before.enabled) == (_clockwork(after), after.enabled)
    return same and (before.end is None or before.end > now)


def _former(old: AutomationRow, now: datetime, *, fires_as_before: bool) -> tuple[Former, ...]:
    """The former triggers of the row that follows: of this one's only if a slot of it is still to be looked at."""
    trigger = old.schedule
    if fires_as_before or trigger is None or not trigger.enabled:
        return old.former
    slot = old.next_slot(old.checked_until)
    if slot is None or slot > now:
        return old.former
    former = Former(
        trigger=trigger,
        rate_start=old.rate_start,
        trigger_at=old.trigger_changed_at,
        checked_until=old.checked_until,
        replaced_at=now,
    )
    return (*old.former, former)


def _clockwork(trigger: ScheduleTrigger) -> tuple[str, str, datetime | None]:
    return trigger.expression, trigger.timezone, trigger.start
