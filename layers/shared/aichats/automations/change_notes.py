"""Notes about changes of automations, from which ``publish_events`` makes events.

A note is a small item in the table of automations. It is written in the transaction of the change itself, so there is
no change without its note and no note without its change. The next change overwrites the note, but the stream of the
table has each version. A note has no text of the action and no target.

The keys begin with a colon. No automation has such a name, and no item of the index of event types has such a key.
"""

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from aichats.automations.row import AutomationRow, RowHeader
from aichats.aws.writes import ExtraWrites
from aichats.json_types import Json
from aichats.runs.ledger.times import to_text
from aichats.schedules.pauses import Pauses, PauseWindow

CHANGE_PREFIX = ":change:"
"""The beginning of the key of the note about the last change of an automation. The automation's name follows."""
RESUMED_PREFIX = f"{CHANGE_PREFIX}resumed:"
"""The beginning of the key of the second note about a definition that was put, because it ended a pause."""
UNREADABLE_PREFIX = ":unreadable:"
"""The beginning of the key of the note about a row that this version of the code cannot read."""
KEEP_NOTES = timedelta(days=30)

type NoteKind = Literal["created", "changed", "paused", "resumed", "deleted", "unreadable"]


def put_notes(old: RowHeader | None, row: AutomationRow, now: datetime) -> list[Json]:
    """Return the notes about a definition that was put. ``old`` is the row that it replaces.

    A definition that raises a used-up budget ends a pause, so it has a second note.
    """
    is_new, by = old is None or old.state == "deleting", {"by": row.updated_by}
    notes = [_note(CHANGE_PREFIX, "created" if is_new else "changed", row, now, by)]
    if isinstance(old, AutomationRow) and not is_new:
        going_on = row.pauses.after(now)
        ended = [window for window in old.pauses.after(now) if window not in going_on]
        notes += [_note(RESUMED_PREFIX, "resumed", row, now, {**by, **_fields(window)}) for window in ended[-1:]]
    return notes


def delete_note(row: RowHeader, now: datetime, by: str | None) -> Json:
    """Return the note about a deletion, whether or not the row can be read. ``by`` is the name of the API client."""
    return _note(CHANGE_PREFIX, "deleted", row, now, {"by": by})


def pause_note(row: AutomationRow, pauses: Pauses, now: datetime, by: str | None) -> Json:
    """Return the note about changed pauses of an automation: ``paused`` if there is a new pause, otherwise ``resumed``.

    The note has the pause that was added or that has ended. Of several, it has the one that ends last.

    Args:
        row: the automation with its old pauses.
        pauses: the new pauses.
        now: the time of the change.
        by: the name of the API client.
    """
    added = [window for window in pauses.windows if window not in row.pauses.windows and window.resumed_by is None]
    ended = [window for window in row.pauses.after(now) if window not in pauses.windows]
    window = max(added or ended, key=lambda window: window.end, default=None)
    return _note(CHANGE_PREFIX, "paused" if added else "resumed", row, now, {"by": by, **_fields(window)})


def unreadable_note(header: RowHeader, now: datetime) -> Json:
    """Return the note about a row that this version of the code cannot read."""
    return _note(UNREADABLE_PREFIX, "unreadable", header, now, {})


def with_notes(extra: ExtraWrites, notes: Sequence[Json]) -> ExtraWrites:
    """Return extra writes that also write notes."""
    return replace(extra, put=[*extra.put, *notes])


def _note(prefix: str, kind: NoteKind, row: RowHeader, now: datetime, details: Mapping[str, Any]) -> Json:
    item = {
        "name": f"{prefix}{row.name}",
        "kind": kind,
        "automation": row.name,
        "version": row.version,
        "etag": row.etag,
        "at": to_text(now),
        "ttl": int((now + KEEP_NOTES).timestamp()),
        **(_definition(row) if isinstance(row, AutomationRow) else {}),
        **details,
    }
    return {name: value for name, value in item.items() if value is not None}


def _definition(row: AutomationRow) -> Json:
    return {"enabled": row.automation.trigger.enabled, "labels": row.automation.labels}


def _fields(window: PauseWindow | None) -> Json:
    if window is None:
        return {}
    return {
        "from": to_text(window.begins),
        "until": to_text(window.until) if window.until else None,
        "reason": window.reason,
    }
