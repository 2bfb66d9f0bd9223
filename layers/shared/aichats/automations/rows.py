"""An automation as its table knows it, and its versions."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from aichats.automations.model import Automation, ScheduleTrigger, WebhookTrigger, canonical, first_slot, schedule_times
from aichats.errors import AichatsError
from aichats.runs.times import from_text, to_text
from aichats.validation import read_stored

WEBHOOK = "webhook"
"""Name and only value of the attribute that the index of listening automations has for its key."""

type State = Literal["active", "done", "deleting"]


class StaleError(AichatsError):
    """The automation is not as ``If-Match`` or ``If-None-Match`` wants it; nothing was changed."""

    def __init__(self, name: str, etag: str | None) -> None:
        stands = f"its ETag is {etag} now: get it, and change that" if etag else "it does not exist"
        super().__init__(f"automation {name} is not as the request's condition wants it; {stands}")


@dataclass(frozen=True)
class AutomationRow:
    """An automation as the table knows it."""

    name: str
    automation: Automation
    version: int
    etag: str
    """Strong, with its quotes: it stands for definition and version."""
    state: State
    created_at: datetime
    changed_at: datetime
    """When its definition or its state changed last."""
    checked_until: datetime
    """Up to here it was looked which slots fired. Never before the trigger was written."""
    targets_at: datetime
    """When its targets changed last."""
    rate_start: datetime | None = None
    """From when a ``rate`` is counted: kept as long as expression, zone and start stay as they are."""
    replaced: str | None = None
    """The ETag of the version before."""

    @property
    def schedule(self) -> ScheduleTrigger | None:
        """Its trigger, if the row is active and that is a schedule."""
        trigger = self.automation.trigger
        return trigger if self.state == "active" and isinstance(trigger, ScheduleTrigger) else None

    def fires_after(self, moment: datetime) -> bool:
        """Whether its schedule has a slot later than that, enabled or not."""
        return self.schedule is not None and self.next_slot(moment) is not None

    def next_slot(self, after: datetime) -> datetime | None:
        """The first slot later than that; ``None`` if there is none, or no schedule."""
        trigger = self.automation.trigger
        if not isinstance(trigger, ScheduleTrigger):
            return None
        return next(schedule_times(trigger, self.rate_start, after), None)


def next_row(name: str, automation: Automation, old: AutomationRow | None, now: datetime) -> AutomationRow:
    """The row that follows a row, or none. What follows a deletion that is not finished begins anew."""
    now = from_text(to_text(now))
    live = old if old and old.state != "deleting" else None
    version = old.version + 1 if old else 1
    return AutomationRow(
        name=name,
        automation=automation,
        version=version,
        etag=_etag(automation, version),
        state="active",
        created_at=live.created_at if live else now,
        changed_at=now,
        checked_until=live.checked_until if live and _fires_as_before(live, automation, now) else now,
        targets_at=live.targets_at if live and live.automation.targets == automation.targets else now,
        rate_start=_rate_start(automation, live, now),
        replaced=live.etag if live else None,
    )


def item_of(row: AutomationRow) -> dict[str, Any]:
    """The attributes of a row."""
    trigger = row.automation.trigger
    item = {
        "name": row.name,
        "definition": canonical(row.automation),
        "version": row.version,
        "etag": row.etag,
        "state": row.state,
        "created_at": to_text(row.created_at),
        "changed_at": to_text(row.changed_at),
        "checked_until": to_text(row.checked_until),
        "targets_at": to_text(row.targets_at),
        "rate_start": to_text(row.rate_start) if row.rate_start else None,
        "replaced": row.replaced,
        "webhook": WEBHOOK if isinstance(trigger, WebhookTrigger) and trigger.enabled else None,
    }
    return {name: value for name, value in item.items() if value is not None}


def row_of(item: Mapping[str, Any]) -> AutomationRow:
    """The row that attributes make up.

    Raises:
        UnreadableError: this version of the code cannot read it.
    """
    moments = ("created_at", "changed_at", "checked_until", "targets_at", "rate_start")
    known: dict[str, Any] = {name: from_text(item[name]) for name in moments if name in item}
    return AutomationRow(
        name=item["name"],
        automation=read_stored(Automation.model_validate, json.loads(item["definition"]), f"automation {item['name']}"),
        version=item["version"],
        etag=item["etag"],
        state=item["state"],
        replaced=item.get("replaced"),
        **known,
    )


def check_conditions(name: str, row: AutomationRow | None, if_match: str | None, if_none_match: str | None) -> None:
    """Hold a request's conditions against the automation as it is; ``None`` where there is none.

    Raises:
        StaleError: one does not hold.
    """
    etag = row.etag if row else None
    if (if_match and not matches(if_match, etag)) or (if_none_match and matches(if_none_match, etag)):
        raise StaleError(name, etag)


def matches(header: str | None, etag: str | None) -> bool:
    """Whether an ``If-Match`` or ``If-None-Match`` names this ETag. ``*`` names any; a weak one (``W/``) names none."""
    if not header or etag is None:
        return False
    return header.strip() == "*" or etag in (given.strip() for given in header.split(","))


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
    return same and all(end is None or end > now for end in (before.end, after.end))


def _clockwork(trigger: ScheduleTrigger) -> tuple[str, str, datetime | None]:
    return trigger.expression, trigger.timezone, trigger.start
