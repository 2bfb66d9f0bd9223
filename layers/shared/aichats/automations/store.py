"""The table of automations: one row each.

::

    (no row) ──put──> active ──it fired for the last time──> done
                       │  ^                                  │  │
                       │  └───────────────put────────────────┘  │
                       └──────delete──> deleting <──delete──────┘
                                           └──its schedule is gone──> (no row)

A row in ``deleting`` counts as gone for everybody but the one who ends the deletion. Every change is one write under
the condition that the row is as it was read, so of two that change it at once one is refused, or begins again.
"""

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import ClientError

from aichats.automations.expressed import bound, refused_item
from aichats.automations.model import Automation, canonical
from aichats.automations.rows import (
    WEBHOOK,
    AutomationRow,
    Head,
    State,
    check_conditions,
    checked,
    head_of,
    hold,
    item_of,
    next_row,
    row_of,
)
from aichats.errors import InputError, UnreadableError
from aichats.observability import count_now, logger
from aichats.runs.items import Call
from aichats.runs.rows import decode, encode
from aichats.runs.times import to_text, utc_now

MAX_BYTES = 350_000
"""Of a definition as JSON. DynamoDB takes 400 KB for a row."""
KEEP_DONE = timedelta(days=7)
"""How long the row of a one-off stays after it fired."""
NEW = "attribute_not_exists(#name)"
UNCHANGED = "#etag = :etag AND #state = :state"


class DynamoDB(Protocol):
    """The part of boto3's client that is used here."""

    @property
    def get_item(self) -> Call:
        """Read one item."""

    @property
    def put_item(self) -> Call:
        """Write one item."""

    @property
    def update_item(self) -> Call:
        """Change one item."""

    @property
    def delete_item(self) -> Call:
        """Remove one item."""

    @property
    def scan(self) -> Call:
        """Read a page of all items."""

    @property
    def query(self) -> Call:
        """Read a page of an index."""


@dataclass(frozen=True)
class AutomationStore:
    """The table; its key is ``name``. Safe to share between threads."""

    client: DynamoDB
    table: str
    clock: Callable[[], datetime] = utc_now

    # ------------------------------------------------------------------ written by the owner

    def put(
        self, name: str, automation: Automation, if_match: str | None = None, if_none_match: str | None = None
    ) -> tuple[AutomationRow, bool]:
        """Create or replace an automation. The definition that stands already changes nothing.

        A request that is sent again with the ``If-Match`` or ``If-None-Match`` of the first time is done already, and
        no error. A row that cannot be read is replaced.

        Args:
            name: of the automation.
            automation: what it becomes.
            if_match: the header: ``*``, or ETags of which one must be the present one.
            if_none_match: the header: ``*`` only creates.

        Returns:
            The row, and whether it is a new one.

        Raises:
            InputError: the definition is too large, or its trigger's last moment passed since it was checked.
            StaleError: a condition of the request does not hold.
        """
        definition = canonical(automation)
        if (size := len(definition.encode())) > MAX_BYTES:
            raise InputError([("body", f"is {size} bytes long, the limit is {MAX_BYTES}: name fewer targets")])
        while True:
            old = self._head(name)
            live = None if old is None or old.state == "deleting" else old
            if isinstance(live, AutomationRow) and canonical(live.automation) == definition:
                if not hold(live.replaced, if_match, if_none_match):
                    check_conditions(name, live, if_match, if_none_match)
                return live, False
            check_conditions(name, live, if_match, if_none_match)
            row = next_row(name, automation, old, self.clock())
            if self._replace(old, row):
                return row, live is None

    def begin_delete(self, name: str, if_match: str | None = None) -> Head | None:
        """Mark an automation as ``deleting``, whether or not it can be read; one that is already is told as it is.

        Returns:
            The row in ``deleting``; ``None`` if there is none.

        Raises:
            StaleError: ``If-Match`` does not hold.
        """
        while True:
            row = self._head(name)
            check_conditions(name, row, if_match, None)
            if row is None or row.state == "deleting":
                return row
            if self._set_state(row, "deleting", remove=("webhook", "ttl")):
                return replace(row, state="deleting")

    def end_delete(self, row: Head) -> bool:
        """Remove the row, if it is as it was read. Whether there is none now."""
        try:
            self.client.delete_item(
                TableName=self.table,
                Key={"name": {"S": row.name}},
                ConditionExpression=UNCHANGED,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **bound({"etag": row.etag, "state": row.state}, UNCHANGED),
            )
        except ClientError as error:
            return not refused_item(error)
        return True

    # ------------------------------------------------------------------ written by the sweep

    def finish(self, row: AutomationRow) -> bool:
        """Mark as ``done`` what fired for the last time. The row of an ``at`` is removed in 7 days.

        Returns:
            Whether it was as it was read, and is done now.
        """
        once = row.schedule is not None and row.schedule.expression.startswith("at(")
        kept_until = int((self.clock() + KEEP_DONE).timestamp())
        return self._set_state(row, "done", {"ttl": kept_until} if once else {})

    def mark_checked(self, row: AutomationRow, until: datetime) -> bool:
        """Note that every slot up to ``until`` was looked for, those of former triggers that ended by then included.

        Returns:
            Whether the row was as it was read.
        """
        return self._update(row, checked(row, until))

    # ------------------------------------------------------------------ read

    def get(self, name: str) -> AutomationRow | None:
        """An automation as of now; ``None`` if there is none, or it is being deleted."""
        item = self._item(name)
        # One that is being deleted is gone, also if it cannot be read.
        return row_of(item) if item and item.get("state") != "deleting" else None

    def read(self, name: str) -> AutomationRow | None:
        """A row as of now, in whatever state."""
        item = self._item(name)
        return row_of(item) if item else None

    def list(self) -> builtins.list[AutomationRow]:
        """All automations that are not being deleted, by name."""
        return sorted((row for row in self.rows() if row.state != "deleting"), key=lambda row: row.name)

    def rows(self) -> Iterator[AutomationRow]:
        """All rows as of now, in whatever state, in no order."""
        return _readable(self.heads())

    def heads(self) -> Iterator[Head]:
        """All rows as of now, as :meth:`rows`; of one that cannot be read what it takes to delete it, if that can."""
        return _heads(self._items(self.client.scan, ConsistentRead=True))

    def names(self) -> set[str]:
        """The names of all rows as of now, also of those that cannot be read."""
        items = self._items(self.client.scan, ConsistentRead=True, ProjectionExpression="#name", **bound({}, "#name"))
        return {item["name"]["S"] for item in items}

    def webhook_automations(self) -> Iterator[AutomationRow]:
        """The automations that listen to events: active and enabled. A change shows here after a moment."""
        condition = "#webhook = :webhook"
        equal = bound({"webhook": WEBHOOK}, condition)
        items = self._items(self.client.query, IndexName="by_trigger", KeyConditionExpression=condition, **equal)
        return _readable(_heads(items))

    # ------------------------------------------------------------------ inside

    def _item(self, name: str) -> dict[str, Any] | None:
        answer = self.client.get_item(TableName=self.table, Key={"name": {"S": name}}, ConsistentRead=True)
        return decode(answer["Item"]) if "Item" in answer else None

    def _head(self, name: str) -> Head | None:
        """A row as of now; of one that this version of the code cannot read, what it takes to replace it."""
        item = self._item(name)
        return head_of(item) if item else None

    def _replace(self, old: Head | None, row: AutomationRow) -> bool:
        condition = UNCHANGED if old else NEW
        item = item_of(row)
        try:
            self.client.put_item(
                TableName=self.table,
                Item=encode(item),
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **bound({"etag": old.etag, "state": old.state} if old else {}, condition),
            )
        except ClientError as error:
            # It may be what we wrote: boto3 repeats a write whose answer got lost.
            return refused_item(error) == item
        return True

    def _set_state(
        self, row: Head, state: State, also: Mapping[str, Any] | None = None, remove: tuple[str, ...] = ()
    ) -> bool:
        return self._update(row, {"state": state, "changed_at": to_text(self.clock()), **(also or {})}, remove)

    def _update(self, row: Head, changes: Mapping[str, Any], remove: tuple[str, ...] = ()) -> bool:
        expression = f"SET {', '.join(f'#{name} = :new_{name}' for name in changes)}"
        expression += f" REMOVE {', '.join(f'#{name}' for name in remove)}" if remove else ""
        new = {f"new_{name}": value for name, value in changes.items()}
        try:
            self.client.update_item(
                TableName=self.table,
                Key={"name": {"S": row.name}},
                UpdateExpression=expression,
                ConditionExpression=UNCHANGED,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **bound({"etag": row.etag, "state": row.state, **new}, expression, UNCHANGED),
            )
        except ClientError as error:
            # It may be what we wrote: boto3 repeats a write whose answer got lost.
            stands = refused_item(error)
            return all(stands.get(key) == value for key, value in {"etag": row.etag, **changes}.items())
        return True

    def _items(self, call: Call, **request: Any) -> Iterator[Mapping[str, Any]]:
        more: dict[str, Any] = {}
        while True:
            answer: Mapping[str, Any] = call(TableName=self.table, **request, **more)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _readable(heads: Iterable[Head]) -> Iterator[AutomationRow]:
    return (head for head in heads if isinstance(head, AutomationRow))


def _heads(items: Iterable[Mapping[str, Any]]) -> Iterator[Head]:
    """The rows, as far as this version of the code can read them: one that it cannot must not stop all others."""
    for item in map(decode, items):
        try:
            yield row_of(item)
        except UnreadableError as error:
            count_now("AutomationsUnreadable")
            logger.error("automation left out", extra={"automation": item["name"], "error": str(error)})
            with suppress(UnreadableError):
                yield head_of(item)
