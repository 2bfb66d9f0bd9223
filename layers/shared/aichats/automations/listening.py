"""Which automations listen to an event type.

Beside its row an automation has one small item for each event type that it listens to. The item's key is
``<automation>:<event type>``, and it stands in the index ``by_trigger`` under ``event:<event type>``, so an event that
no automation asks for costs one query without results. Table and row change in one transaction.

Rows of older versions have no items: they stand in the index themselves, under ``webhook``. They are found as well,
and the sweep gives them their items.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from aichats.automations.expressed import NEW, UNCHANGED, DynamoDB, bound, conditional, pages
from aichats.automations.model import WebhookTrigger
from aichats.automations.row import AutomationRow, RowHeader
from aichats.aws.table import decode, encode

INDEX = "by_trigger"
ATTRIBUTE = "webhook"
"""The index's key."""
OLD = "webhook"
"""What rows of older versions have there."""
UPGRADE_SECONDS = 600.0
"""After this process started, another function may still have the older code and write such a row."""
MAX_CHANGES = 99
"""DynamoDB takes 100 writes in a transaction; one of them is the row."""

type Json = dict[str, Any]


def index_key(event_type: str) -> str:
    """Where the items of an event type stand in the index."""
    return f"event:{event_type}"


@dataclass(frozen=True)
class Listening:
    """The items, in the table of automations."""

    client: DynamoDB
    table: str
    _no_old_rows: Event = field(default_factory=Event, repr=False, compare=False)
    """Set once this process saw that no row of an older version listens, and the upgrade is over."""
    _began: float = field(default_factory=time.monotonic, repr=False, compare=False)

    def names(self, event_type: str) -> list[str]:
        """The names of the automations that listen to an event type, and of those that older versions wrote."""
        return list(dict.fromkeys([*self._listed(index_key(event_type)), *self._old_rows()]))

    def corrections(self, heads: Iterable[RowHeader]) -> dict[str, Callable[[], bool]]:
        """Return what corrects the items of each automation whose items are not as its row wants them, by its name.

        Each returns whether it corrected them. It does not if the row changed since it was read.

        Args:
            heads: all rows.
        """
        rows = {head.name: head for head in heads}
        listed: defaultdict[str, set[str]] = defaultdict(set)
        both = {"ProjectionExpression": "#name, #webhook", **bound({}, "#name #webhook")}
        for item in map(decode, pages(self.client.scan, TableName=self.table, IndexName=INDEX, **both)):
            listed[_owner(item)].add(item[ATTRIBUTE])
        found: dict[str, Callable[[], bool]] = {}
        for name in {**rows, **listed}:
            row = rows.get(name)
            if row is not None and not isinstance(row, AutomationRow):
                continue  # It cannot be read.
            wanted, there = set(map(index_key, row.event_types)) if row else set[str](), listed[name]
            if wanted != there:
                found[name] = partial(self._correct, name, row, wanted - there, there - wanted)
        return found

    def _correct(self, name: str, row: AutomationRow | None, missing: set[str], superfluous: set[str]) -> bool:
        """Add and remove items if the row is as it was read. Returns whether it was."""
        key = {"TableName": self.table, "Key": encode({"name": name})}
        also = _corrections(self.table, name, missing, superfluous)
        if row is None:
            # There must still be no row.
            absent = {**key, "ConditionExpression": NEW, **bound({}, NEW)}
            return conditional(self.client, "Delete", absent, also) is None
        change = {"UpdateExpression": "REMOVE #webhook", "ConditionExpression": UNCHANGED}
        values = bound({"etag": row.etag, "state": row.state}, UNCHANGED, "#webhook")
        return conditional(self.client, "Update", {**key, **change, **values}, also) is None

    def _listed(self, value: str) -> list[str]:
        """The names of the automations that stand in the index under a value."""
        condition = "#webhook = :webhook"
        request = {"TableName": self.table, "IndexName": INDEX, "ProjectionExpression": "#name"}
        values = bound({"webhook": value}, condition, "#name")
        items = pages(self.client.query, KeyConditionExpression=condition, **request, **values)
        return [_owner(decode(item)) for item in items]

    def _old_rows(self) -> list[str]:
        if self._no_old_rows.is_set():
            return []
        names = self._listed(OLD)
        if not names and time.monotonic() - self._began >= UPGRADE_SECONDS:
            self._no_old_rows.set()
        return names


def changes(table: str, old: RowHeader | None, new: AutomationRow | None) -> list[Json]:
    """The writes of a transaction that bring the items from a row to the one that follows it.

    If there are too many for a transaction, some that are superfluous stay, and the sweep removes them.
    """
    before = set(_written(old.automation.trigger)) if isinstance(old, AutomationRow) else set[str]()
    after = new.event_types if new else ()
    name = new.name if new else old.name if old else ""
    return _corrections(table, name, map(index_key, after), map(index_key, before.difference(after)))


def _corrections(table: str, name: str, missing: Iterable[str], superfluous: Iterable[str]) -> list[Json]:
    """The writes of a transaction that add and remove an automation's items, each given by its key in the index."""
    puts = [{"Put": {"TableName": table, "Item": encode(_item(name, key))}} for key in missing]
    removed = [key for key in superfluous if key != OLD]
    deletes = [{"Delete": {"TableName": table, "Key": encode({"name": _item(name, key)["name"]})}} for key in removed]
    return [*puts, *deletes][:MAX_CHANGES]


def _owner(item: Mapping[str, Any]) -> str:
    """The name of the automation that an item of the index belongs to."""
    name: str = item["name"]
    return name.partition(":")[0]


def _item(name: str, key: str) -> dict[str, str]:
    return {"name": f"{name}:{key.partition(':')[2]}", ATTRIBUTE: key}


def _written(trigger: object) -> list[str]:
    return trigger.events if isinstance(trigger, WebhookTrigger) else []
