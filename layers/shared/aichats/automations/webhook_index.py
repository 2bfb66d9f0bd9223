"""The index of the event types that automations listen for, in the table of automations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field
from datetime import timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from aichats.aws.table import TRANSACTION_ITEMS, Table
from aichats.aws.writes import ExtraWrites, succeeds
from aichats.frozen import frozen
from aichats.runs.ledger.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from aichats.automations.row import AutomationRow, RowHeader
    from aichats.aws.table import DynamoDB

WEBHOOK_INDEX = "by_trigger"
WEBHOOK_ATTRIBUTE = "webhook"
"""The index's partition key."""
OLD_VERSIONS = "webhook"
"""The value of the partition key in rows of earlier versions."""
UPGRADE = timedelta(minutes=10)
"""The time after the start of this process in which other functions may still run the code of an earlier version."""
SAME_DEFINITION = "#etag = :read_etag AND #state = :read_state"
"""The condition that the definition and the state of a row have not changed since the row was read."""


@frozen
class WebhookIndex:
    """The index of the event types that automations listen for.

    Besides its row, an automation has one small item in the table for each event type. The item's key is
    ``<automation>:<event type>``, and its key in the index is ``event:<event type>``. So an event without listeners
    costs one query without results. The items and the row change in one transaction.

    Rows of earlier versions have no items. The index contains these rows themselves until the sweep adds their items.
    """

    items: Table
    clock: Callable[[], datetime]
    started_at: datetime
    """The time at which this process began to use the index."""
    _no_old_rows: Event = field(default_factory=Event, repr=False, compare=False)
    """Set after this process found no row of an earlier version in the index although the upgrade was over."""

    def names(self, event_type: str) -> list[str]:
        """Return the names of the automations that listen for an event type, and of all rows of earlier versions."""
        return list(dict.fromkeys([*self._names(_index_key(event_type)), *self._old_names()]))

    def corrections(self, headers: Iterable[RowHeader]) -> dict[str, Callable[[], bool]]:
        """Return a function for each automation whose items don't match its row, by the automation's name.

        The function corrects the items. If the row has changed since it was read, the function changes nothing and
        returns ``False``.

        Args:
            headers: all rows.
        """
        from aichats.automations.row import AutomationRow

        rows = {header.name: header for header in headers}
        keys: defaultdict[str, set[str]] = defaultdict(set)
        for item in self.items.scan(IndexName=WEBHOOK_INDEX, ProjectionExpression=f"#name, #{WEBHOOK_ATTRIBUTE}"):
            keys[_owner(item)].add(item[WEBHOOK_ATTRIBUTE])
        corrections: dict[str, Callable[[], bool]] = {}
        for name in {**rows, **keys}:
            row = rows.get(name)
            if row is not None and not isinstance(row, AutomationRow):
                continue  # This version of the code cannot read the row.
            expected, actual = set(map(_index_key, row.event_types)) if row else set[str](), keys[name]
            if expected != actual:
                extra = _extra_writes(name, sorted(expected - actual), sorted(actual - expected))
                corrections[name] = partial(succeeds, partial(self._correct, name, row, extra))
        return corrections

    def _correct(self, name: str, row: AutomationRow | None, extra: ExtraWrites) -> None:
        """Write and delete items if the row has not changed since it was read.

        Raises:
            ConditionFailedError: the row has changed.
        """
        if row is None:
            # This deletes no row. It checks that there is still no row.
            self.items.delete(name, self.items.is_absent, extra=extra)
        else:
            # The changes contain the ETag and the state, so a row that changed is not mistaken for the result of this
            # write.
            changes = {"etag": row.etag, "state": row.state, WEBHOOK_ATTRIBUTE: None}
            self.items.update(name, changes, SAME_DEFINITION, definition_as_read(row), extra=extra)

    def _names(self, value: str) -> list[str]:
        """Return the names of the automations with this value of the index's key."""
        condition, values = f"#{WEBHOOK_ATTRIBUTE} = :value", {"value": value}
        return [
            _owner(item) for item in self.items.query(WEBHOOK_INDEX, condition, values, ProjectionExpression="#name")
        ]

    def _old_names(self) -> list[str]:
        if self._no_old_rows.is_set():
            return []
        names = self._names(OLD_VERSIONS)
        # If the clock was set back, the upgrade counts as not over.
        if not names and self.clock() - self.started_at >= UPGRADE:
            self._no_old_rows.set()
        return names


def index_of(client: DynamoDB, table: str) -> WebhookIndex:
    """Return the index of a table of automations. This process uses it from now on."""
    return WebhookIndex(Table(client, table, "name"), utc_now, utc_now())


def index_changes(old: RowHeader | None, new: AutomationRow | None) -> ExtraWrites:
    """Return the writes that change the items of an old row's event types to those of the new row."""
    from aichats.automations.model import WebhookTrigger
    from aichats.automations.row import AutomationRow

    trigger = old.automation.trigger if isinstance(old, AutomationRow) else None
    before = trigger.events if isinstance(trigger, WebhookTrigger) else []
    after = new.event_types if new else ()
    name = new.name if new else old.name if old else ""
    superfluous = [event_type for event_type in dict.fromkeys(before) if event_type not in after]
    return _extra_writes(name, list(map(_index_key, after)), list(map(_index_key, superfluous)))


def _extra_writes(name: str, missing: Sequence[str], superfluous: Sequence[str]) -> ExtraWrites:
    """Return the writes that add and delete items of an automation. The arguments are keys of the index.

    If there are too many writes for a transaction, some superfluous items stay, and the sweep deletes them.
    """
    items = [{"name": _item_key(name, key), WEBHOOK_ATTRIBUTE: key} for key in missing]
    deleted = [_item_key(name, key) for key in superfluous if key != OLD_VERSIONS]
    # The transaction also has the row, and up to two notes about the change.
    return ExtraWrites(items, deleted[: TRANSACTION_ITEMS - 3 - len(items)])


def _index_key(event_type: str) -> str:
    return f"event:{event_type}"


def _item_key(name: str, index_key: str) -> str:
    return f"{name}:{index_key.partition(':')[2]}"


def _owner(item: Mapping[str, Any]) -> str:
    """Return the name of the automation that an item of the index belongs to."""
    name: str = item["name"]
    return name.partition(":")[0]


def definition_as_read(row: RowHeader) -> dict[str, str]:
    """Return the values of :data:`SAME_DEFINITION`."""
    return {"read_etag": row.etag, "read_state": row.state}
