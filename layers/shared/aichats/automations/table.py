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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError

from aichats.automations.expressed import NEW, UNCHANGED, DynamoDB, bound, conditional, pages
from aichats.automations.listening import Listening, changes
from aichats.automations.model import Automation, canonical
from aichats.automations.row import (
    AutomationRow,
    RowHeader,
    State,
    check_conditions,
    checked,
    conditions_hold,
    header_of,
    item_of,
    next_row,
    row_of,
)
from aichats.aws.observability import count_now, logger
from aichats.aws.table import decode, encode
from aichats.errors import InputError, UnreadableError
from aichats.runs.ledger.times import to_text, utc_now

MAX_BYTES = 350_000
"""Of a definition as JSON. DynamoDB takes 400 KB for a row."""
KEEP_DONE = timedelta(days=7)
"""How long the row of a one-off stays after it fired."""
BATCH = 100
"""Items that DynamoDB reads or writes at once."""
REJECTED = {"TransactionCanceledException", "ValidationException"}


@dataclass(frozen=True)
class Contents:
    """The whole table.

    Attributes:
        heads: the rows; of one that cannot be read what it takes to delete it, unless that cannot be read either.
        names: of all rows, even of those that cannot be read.
    """

    heads: builtins.list[RowHeader]
    names: set[str]

    @property
    def rows(self) -> Iterator[AutomationRow]:
        """The rows that can be read."""
        return _readable(self.heads)


@dataclass(frozen=True)
class AutomationTable:
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
                if not conditions_hold(live.replaced, if_match, if_none_match):
                    check_conditions(name, live, if_match, if_none_match)
                return live, False
            check_conditions(name, live, if_match, if_none_match)
            row = next_row(name, automation, old, self.clock())
            if self._replace(old, row):
                return row, live is None

    def begin_delete(self, name: str, if_match: str | None = None) -> RowHeader | None:
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

    def end_delete(self, row: RowHeader) -> bool:
        """Remove the row, if it is as it was read. Whether there is none now."""
        delete = {
            "TableName": self.table,
            "Key": {"name": {"S": row.name}},
            "ConditionExpression": UNCHANGED,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **bound({"etag": row.etag, "state": row.state}, UNCHANGED),
        }
        stands = conditional(self.client, "Delete", delete, changes(self.table, row, None))
        return not stands

    # ------------------------------------------------------------------ written by the sweep

    def finish(self, row: AutomationRow) -> bool:
        """Mark as ``done`` what fired for the last time. The row of an ``at`` is removed in 7 days.

        Returns:
            Whether it was as it was read, and is done now.
        """
        once = row.schedule is not None and row.schedule.expression.startswith("at(")
        kept_until = int((self.clock() + KEEP_DONE).timestamp())
        return self._set_state(row, "done", {"ttl": kept_until} if once else {})

    def mark_checked(self, rows: Iterable[AutomationRow], until: datetime) -> None:
        """Note that every slot up to ``until`` was looked for, those of former triggers that ended by then included.

        A row that changed since it was read stays as it is.
        """
        self._mark([(row, checked(row, until)) for row in rows])

    def mark_aligned(self, rows: Iterable[tuple[AutomationRow, str]]) -> None:
        """Note that schedules were found as the rows want them. A row that changed since it was read stays as it is.

        Args:
            rows: each row, with what tells the state of its schedule from any other.
        """
        self._mark([(row, {"aligned": state}) for row, state in rows])

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
        return _readable(_heads(map(decode, self._rows())))

    def contents(self) -> Contents:
        """Return the whole table as of now."""
        items = list(map(decode, self._rows()))
        return Contents(list(_heads(items)), {item["name"] for item in items})

    def listeners(self, event_type: str) -> Iterator[AutomationRow]:
        """The automations that listen to an event type, as of now. One that is new shows here after a moment."""
        names = self.listening.names(event_type)
        return (row for row in _readable(_heads(map(decode, self._named(names)))) if event_type in row.event_types)

    @cached_property
    def listening(self) -> Listening:
        """Which automations listen to what."""
        return Listening(self.client, self.table)

    # ------------------------------------------------------------------ inside

    def _item(self, name: str) -> dict[str, Any] | None:
        answer = self.client.get_item(TableName=self.table, Key={"name": {"S": name}}, ConsistentRead=True)
        return decode(answer["Item"]) if "Item" in answer else None

    def _head(self, name: str) -> RowHeader | None:
        """A row as of now; of one that this version of the code cannot read, what it takes to replace it."""
        item = self._item(name)
        return header_of(item) if item else None

    def _replace(self, old: RowHeader | None, row: AutomationRow) -> bool:
        condition = UNCHANGED if old else NEW
        item = item_of(row)
        put = {
            "TableName": self.table,
            "Item": encode(item),
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **bound({"etag": old.etag, "state": old.state} if old else {}, condition),
        }
        stands = conditional(self.client, "Put", put, changes(self.table, old, row))
        # It may be what we wrote: boto3 repeats a write whose answer got lost.
        return stands in (None, item)

    def _set_state(
        self, row: RowHeader, state: State, also: Mapping[str, Any] | None = None, remove: tuple[str, ...] = ()
    ) -> bool:
        return self._update(row, {"state": state, "changed_at": to_text(self.clock()), **(also or {})}, remove)

    def _mark(self, marks: Sequence[tuple[RowHeader, Mapping[str, Any]]]) -> None:
        """Change attributes of rows, many in a transaction. A row that changed since it was read stays as it is.

        A transaction that DynamoDB rejects is made again in two halves, down to single rows: because a row changed, or
        because the rows are too large together.
        """
        for part in batched(marks, BATCH, strict=False):
            if len(part) == 1:
                self._update(*part[0])
                continue
            try:
                self.client.transact_write_items(TransactItems=[{"Update": self._change(*mark)} for mark in part])
            except ClientError as error:
                if error.response["Error"]["Code"] not in REJECTED:
                    raise
                half = len(part) // 2
                self._mark(part[:half])
                self._mark(part[half:])

    def _update(self, row: RowHeader, changes: Mapping[str, Any], remove: tuple[str, ...] = ()) -> bool:
        stands = conditional(self.client, "Update", self._change(row, changes, remove), [])
        # It may be what we wrote: boto3 repeats a write whose answer got lost.
        ours = {"etag": row.etag, **changes}
        return stands is None or all(stands.get(key) == value for key, value in ours.items())

    def _change(self, row: RowHeader, changes: Mapping[str, Any], remove: tuple[str, ...] = ()) -> dict[str, Any]:
        """The request that changes a row if it is as it was read."""
        expression = f"SET {', '.join(f'#{name} = :new_{name}' for name in changes)}"
        expression += f" REMOVE {', '.join(f'#{name}' for name in remove)}" if remove else ""
        new = {f"new_{name}": value for name, value in changes.items()}
        return {
            "TableName": self.table,
            "Key": {"name": {"S": row.name}},
            "UpdateExpression": expression,
            "ConditionExpression": UNCHANGED,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **bound({"etag": row.etag, "state": row.state, **new}, expression, UNCHANGED),
        }

    def _rows(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        """The items that are rows, which have no colon in their name."""
        rows = {"FilterExpression": "NOT contains(#name, :colon)", **bound({"colon": ":"}, "#name")}
        return pages(self.client.scan, TableName=self.table, ConsistentRead=True, **rows, **request)

    def _named(self, names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The rows of these names, as far as there are any."""
        for part in batched(dict.fromkeys(names), BATCH, strict=False):
            wanted: Mapping[str, Any] = {
                self.table: {"Keys": [{"name": {"S": name}} for name in part], "ConsistentRead": True}
            }
            while wanted:
                answer = self.client.batch_get_item(RequestItems=wanted)
                yield from answer["Responses"].get(self.table, [])
                wanted = answer.get("UnprocessedKeys", {})


def _readable(heads: Iterable[RowHeader]) -> Iterator[AutomationRow]:
    return (head for head in heads if isinstance(head, AutomationRow))


def _heads(items: Iterable[Mapping[str, Any]]) -> Iterator[RowHeader]:
    """The rows, as far as this version of the code can read them: one that it cannot must not stop all others."""
    for item in items:
        try:
            yield row_of(item)
        except UnreadableError as error:
            count_now("AutomationsUnreadable")
            logger.error("automation left out", extra={"automation": item["name"], "error": str(error)})
            with suppress(UnreadableError):
                yield header_of(item)
