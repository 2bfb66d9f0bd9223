"""The table of automations: their rows, and the index of the event types that they listen for.

::

    (no row) ──put──> active ──its last slot has fired──> done
                       │  ^                               │  │
                       │  └──────────────put──────────────┘  │
                       └─────delete──> deleting <──delete────┘
                                          └──its schedule is deleted──> (no row)

Only the deletion sees a row in ``deleting``. Every change is one conditional write, whose condition is that the row has
not changed since it was read. If two writers change a row at once, one of them is rejected or starts again.
"""

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from aichats.automations.change_notes import delete_note, pause_note, put_notes, unreadable_note, with_notes
from aichats.automations.conditions import check_conditions, conditions_hold
from aichats.automations.model import Automation, canonical
from aichats.automations.row import (
    AutomationRow,
    RowHeader,
    header_from_item,
    item_from_row,
    next_row,
    row_from_item,
)
from aichats.automations.webhook_index import SAME_DEFINITION, WebhookIndex, definition_as_read, index_changes
from aichats.aws.observability import count_now, logger
from aichats.aws.table import NO_EXTRA_WRITES, DynamoDB, Table
from aichats.aws.writes import ExtraWrites, Update, succeeds
from aichats.errors import InputError, UnreadableError
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text, utc_now
from aichats.schedules.pauses import Pauses

MAX_DEFINITION_BYTES = 350_000
"""The maximum size of a definition as JSON. DynamoDB's limit for a row is 400 KB."""
KEEP_DONE = timedelta(days=7)
"""The retention time of a one-off automation after it fired."""

type Guard = Callable[[RowHeader], None]
"""A function that raises an error if a request may not change a row."""


def no_guard(_row: RowHeader) -> None:
    """Let a request change every row."""


@frozen
class Contents:
    """The content of the whole table.

    Attributes:
        headers: the rows, and the headers of the rows that this version of the code cannot read.
        names: the names of all rows, including those whose headers cannot be read.
    """

    headers: builtins.list[RowHeader]
    names: set[str]

    @property
    def rows(self) -> Iterator[AutomationRow]:
        """The rows that this version of the code can read."""
        return _readable(self.headers)


@frozen
class AutomationTable:
    """The table of automations. Safe to share between threads."""

    client: DynamoDB
    table: str
    clock: Callable[[], datetime] = utc_now

    # ------------------------------------------------------------------ changes by users

    def put(
        self,
        name: str,
        automation: Automation,
        if_match: str | None = None,
        if_none_match: str | None = None,
        guard: Guard = no_guard,
        *,
        by: str | None = None,
    ) -> tuple[AutomationRow, bool]:
        """Create or replace an automation. Putting the same definition again only notes which fields were left out.

        A retry with the same ``If-Match`` or ``If-None-Match`` succeeds unless the automation was changed in between. A
        row that cannot be read is replaced.

        Args:
            name: the automation's name.
            automation: the new definition.
            if_match: the header ``If-Match``: ``*``, or ETags. One of them must be the current ETag.
            if_none_match: the header ``If-None-Match``. With ``*``, the automation must be new.
            guard: called first, with the row that would be replaced. It raises an error if the row must stay.
            by: the name of the API client.

        Returns:
            The row, and whether the automation is new.

        Raises:
            InputError: the definition is too large, or the trigger's last slot has passed since the check.
            StaleError: a condition of the request failed.
        """
        while True:
            old, row = self.plan(name, automation, if_match, if_none_match, guard, by=by)
            if row == old or self._store(old, row):
                return row, old is None or old.state == "deleting"

    def plan(
        self,
        name: str,
        automation: Automation,
        if_match: str | None = None,
        if_none_match: str | None = None,
        guard: Guard = no_guard,
        *,
        by: str | None = None,
    ) -> tuple[RowHeader | None, AutomationRow]:
        """Return what :meth:`put` would replace and write now, equal rows if nothing changes. Write nothing.

        The arguments and the errors are those of :meth:`put`.
        """
        definition = canonical(automation)
        if (size := len(definition.encode())) > MAX_DEFINITION_BYTES:
            raise InputError([("body", f"has {size} bytes, the limit is {MAX_DEFINITION_BYTES}. Use fewer targets")])
        old = self._header(name)
        current = None if old is None or old.state == "deleting" else old
        if current is not None:
            guard(current)
        if isinstance(current, AutomationRow) and canonical(current.automation) == definition:
            if not conditions_hold(current.replaced, if_match, if_none_match):
                check_conditions(name, current.etag, if_match, if_none_match)
            return old, replace(current, automation=automation)
        check_conditions(name, current.etag if current else None, if_match, if_none_match)
        return old, next_row(name, automation, old, self.clock(), by)

    def begin_delete(
        self, name: str, if_match: str | None = None, guard: Guard = no_guard, *, by: str | None = None
    ) -> RowHeader | None:
        """Mark an automation as ``deleting``, whether or not its row can be read.

        ``guard`` and ``by`` are those of :meth:`put`.

        Returns:
            The row in ``deleting``, even if it was marked earlier; ``None`` if there is no row.

        Raises:
            StaleError: ``If-Match`` failed.
        """
        while True:
            row = self._header(name)
            if row is not None:
                guard(row)
            check_conditions(name, row.etag if row else None, if_match, None)
            if row is None or row.state == "deleting":
                return row
            now = self.clock()
            changes = {"state": "deleting", "changed_at": to_text(now), "webhook": None, "ttl": None}
            if self._change(row, changes, ExtraWrites([delete_note(row, now, by)])):
                return replace(row, state="deleting")

    def change_pauses(
        self, name: str, change: Callable[[AutomationRow], Pauses], *, by: str | None = None
    ) -> AutomationRow | None:
        """Change the pauses of an automation, but not its ETag.

        Args:
            name: the automation's name.
            change: returns the new pauses for a row. It is called again if another request changes the row meanwhile,
                and it may raise an error to stop the change.
            by: the name of the API client.

        Returns:
            The row as it is now; ``None`` if the automation does not exist.

        Raises:
            UnreadableError: this version of the code cannot read the row.
        """
        while (row := self.get(name)) is not None:
            pauses = change(row)
            text = row.pauses_text if pauses == row.pauses else pauses.to_text()
            note = pause_note(row, pauses, self.clock(), by)
            if text == row.pauses_text or self._change(row, {"pauses": text}, ExtraWrites([note])):
                return replace(row, pauses_text=text)
        return None

    def end_delete(self, row: RowHeader) -> bool:
        """Delete a row if it has not changed since it was read. Return whether the row is gone now."""
        return succeeds(partial(self._items.delete, row.name, *_as_read(row), index_changes(row, None)))

    # ------------------------------------------------------------------ changes by the sweep

    def finish(self, row: AutomationRow) -> bool:
        """Mark an automation as ``done`` after its last slot. The row of an ``at`` expires in 7 days.

        Returns:
            ``False`` if the row has changed since it was read, and was not marked.
        """
        is_one_off = row.schedule is not None and row.schedule.is_once
        expires_at = int((self.clock() + KEEP_DONE).timestamp())
        changes = {"state": "done", "changed_at": to_text(self.clock())}
        return self._change(row, changes | ({"ttl": expires_at} if is_one_off else {}))

    def mark_checked(self, rows: Iterable[AutomationRow], until: datetime) -> None:
        """Store that all slots up to ``until`` are checked. A row that changed since it was read stays as it is."""
        # If the trigger was written later, it has no slot before that.
        self._mark((row, {"checked_until": to_text(max(until, row.checked_until))}) for row in rows)

    def mark_aligned(self, rows: Iterable[tuple[AutomationRow, str]]) -> None:
        """Store that schedules are as their rows require. A row that changed since it was read stays as it is.

        Args:
            rows: each row, with a text that identifies the state of its schedule.
        """
        self._mark((row, {"aligned": state}) for row, state in rows)

    def note_unreadable(self, header: RowHeader) -> bool:
        """Note that this version of the code cannot read a row, once for each version of the row.

        Returns:
            ``False`` if there is such a note already.
        """
        note = unreadable_note(header, self.clock())
        condition = f"{self._items.is_absent} OR #etag <> :noted"
        return succeeds(partial(self._items.put, note, condition, {"noted": header.etag}))

    # ------------------------------------------------------------------ reads

    def get(self, name: str) -> AutomationRow | None:
        """Return an automation as it is now; ``None`` if it does not exist or is in ``deleting``."""
        item = self._items.get(name)
        # The state is read first, because a row in ``deleting`` does not exist, even if it is unreadable.
        return row_from_item(item) if item and item.get("state") != "deleting" else None

    def read(self, name: str) -> AutomationRow | None:
        """Return a row as it is now, in any state; ``None`` if it does not exist."""
        item = self._items.get(name)
        return row_from_item(item) if item else None

    def list(self) -> builtins.list[AutomationRow]:
        """Return all automations that are not in ``deleting``, sorted by name."""
        return sorted((row for row in self.rows() if row.state != "deleting"), key=lambda row: row.name)

    def rows(self) -> Iterator[AutomationRow]:
        """Yield all rows as they are now, in any state and in any order."""
        return _readable(_headers(self._rows()))

    def contents(self) -> Contents:
        """Return the content of the table as it is now."""
        items = list(self._rows())
        return Contents(list(_headers(items)), {item["name"] for item in items})

    def listeners(self, event_type: str, names: Sequence[str] | None = None) -> Iterator[AutomationRow]:
        """Yield the automations that listen for an event type. A new automation is found after about a second.

        Args:
            event_type: the type.
            names: the result of :meth:`WebhookIndex.names`, if it is known already.
        """
        found = self.webhook_index.names(event_type) if names is None else names
        # The role of ``receive_webhook`` does not allow GetItem.
        items = self._items.get_all(found, singly=False)
        return (row for row in _readable(_headers(items)) if event_type in row.event_types)

    @cached_property
    def webhook_index(self) -> "WebhookIndex":
        """The index of the event types that automations listen for."""
        return WebhookIndex(self._items, self.clock, self.clock())

    # ------------------------------------------------------------------ inside

    @cached_property
    def _items(self) -> Table:
        return Table(self.client, self.table, "name")

    def _header(self, name: str) -> RowHeader | None:
        """Return a row as it is now. If this version of the code cannot read the row, return its header."""
        item = self._items.get(name)
        return header_from_item(item) if item else None

    def _store(self, old: RowHeader | None, row: AutomationRow) -> bool:
        """Write a row that replaces the ``old`` row. Of the same version, only the list of left-out fields changes."""
        if old is not None and old.etag == row.etag:
            return self._change(row, {"defaults": list(row.automation.defaults)})
        return self._replace(old, row)

    def _replace(self, old: RowHeader | None, row: AutomationRow) -> bool:
        condition, values = _as_read(old) if old else (self._items.is_absent, {})
        extra = with_notes(index_changes(old, row), put_notes(old, row, self.clock()))
        return succeeds(partial(self._items.put, item_from_row(row), condition, values, extra))

    def _change(self, row: RowHeader, changes: Mapping[str, Any], extra: ExtraWrites = NO_EXTRA_WRITES) -> bool:
        changes = {"etag": row.etag, "state": row.state, **changes}
        return succeeds(partial(self._items.update, row.name, changes, *_as_read(row), extra=extra))

    def _mark(self, marks: Iterable[tuple[RowHeader, Mapping[str, Any]]]) -> None:
        self._items.update_all([Update(row.name, changes, *_as_read(row)) for row, changes in marks])

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield the items that are rows. Their names have no colon."""
        return self._items.scan({"colon": ":"}, FilterExpression="NOT contains(#name, :colon)", ConsistentRead=True)


def _as_read(row: RowHeader) -> tuple[str, dict[str, str]]:
    """Return the condition that a row has not changed since it was read, and the values of the condition.

    A change of the pauses changes no ETag, so the condition compares the pauses too.
    """
    values = definition_as_read(row)
    if row.pauses_text is None:
        return f"{SAME_DEFINITION} AND attribute_not_exists(#pauses)", values
    return f"{SAME_DEFINITION} AND #pauses = :read_pauses", {**values, "read_pauses": row.pauses_text}


def _readable(headers: Iterable[RowHeader]) -> Iterator[AutomationRow]:
    return (header for header in headers if isinstance(header, AutomationRow))


def _headers(items: Iterable[Mapping[str, Any]]) -> Iterator[RowHeader]:
    """Yield rows. Log and count each row that this version of the code cannot read, and yield its header."""
    for item in items:
        try:
            yield row_from_item(item)
        except UnreadableError as error:
            count_now("AutomationsUnreadable")
            logger.error("automation left out", extra={"automation": item["name"], "error": str(error)})
            with suppress(UnreadableError):
                yield header_from_item(item)
