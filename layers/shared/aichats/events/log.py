"""The stored events, and the counters that each event changes.

An event and its additions to counters are written in one transaction, whose condition is that the event is new. So a
change that is published again counts once.

The key of an event begins with its time. An event that is stored late has a copy, whose key begins with the time at
which it was stored. So a reader that has passed the event's time finds it too (``aichats.events.feed``).
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, timedelta

from aichats.aws.table import Table
from aichats.aws.transactions import Addition, Insertion, insert_once
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import from_text, to_text, utc_now

KEEP_EVENTS = timedelta(days=30)
LATE_AFTER = timedelta(seconds=15)
"""An event that is stored longer after its time than this is late. Usually, it is stored within a second."""
BY_TIME, BY_ARRIVAL = "events", "late"
"""The two orders of stored events: by the time of the event, and late ones by the time at which they were stored."""
NEWEST_PAGE = 25
"""The number of items that are read at a time to find the newest event. Items that only count have no event."""


@frozen
class Entry:
    """A change to store.

    Attributes:
        id: the id of the change. It is the event's id if there is an event.
        time: the time of the change.
        event: the event; ``None`` if the change only changes counters.
        additions: the additions to counters.
    """

    id: str
    time: datetime
    event: SentEvent | None = None
    additions: Sequence[Addition] = field(default_factory=tuple)

    @classmethod
    def of(cls, event: SentEvent, additions: Sequence[Addition] = ()) -> "Entry":
        """Return the entry of an event."""
        return cls(event.id, event.time, event, additions)


@frozen
class EventLog:
    """The stored events. Safe to share between threads."""

    items: Table
    clock: Callable[[], datetime] = utc_now

    def store(self, entries: Sequence[Entry]) -> list[bool]:
        """Store entries that are new, with their additions. Return whether each entry was new.

        Raises:
            AwsError: DynamoDB rejected a write. Other entries may have been stored.
        """
        unique, now = {entry.id: entry for entry in entries}, self.clock()
        insertions = [
            Insertion(self.items, _item(entry), [*entry.additions, *self._late(entry, now)])
            for entry in unique.values()
        ]
        existing = dict(zip(unique, insert_once(insertions), strict=True))
        return [existing[entry.id] is None for entry in entries]

    def _late(self, entry: Entry, now: datetime) -> Iterator[Addition]:
        """Yield the copy of an event that is late."""
        if entry.event is not None and now - entry.time > LATE_AFTER:
            time = to_text(now)
            copy = {"body": _body(entry.event), "ttl": int((now + KEEP_EVENTS).timestamp())}
            yield Addition(self.items, (_day_key(time, BY_ARRIVAL), f"{time}#{entry.id}"), {}, copy)

    def after(self, order: str, key: str, until: str) -> Iterator[tuple[str, SentEvent]]:
        """Yield the events after a sort key up to a time, with their keys. The reads are consistent."""
        condition = "#pk = :pk AND #sk > :key"
        for day in self._days(key, until):
            for item in self.items.query(None, condition, {"pk": f"{order}#{day}", "key": key}, ConsistentRead=True):
                if item["sk"].partition("#")[0] > until:
                    return
                if "body" in item:
                    yield item["sk"], SentEvent.from_envelope(json.loads(item["body"]))

    def keys(self, order: str, after: str, last: str) -> Iterator[str]:
        """Yield the sort keys of the events after one key up to another. The reads are consistent."""
        condition = "#pk = :pk AND #sk BETWEEN :after AND :last"
        options = {"FilterExpression": "attribute_exists(#body)", "ProjectionExpression": "#sk", "ConsistentRead": True}
        for day in self._days(after, last):
            values = {"pk": f"{order}#{day}", "after": after, "last": last}
            yield from (
                item["sk"] for item in self.items.query(None, condition, values, **options) if item["sk"] > after
            )

    def _days(self, first: str, last: str) -> Iterator[date]:
        """Yield the UTC days from a text that begins with a day up to another, as far as there can be events."""
        today = self.clock().astimezone(UTC).date()
        day, end = max(date.fromisoformat(first[:10]), today - KEEP_EVENTS), date.fromisoformat(last[:10])
        end = min(end, today + timedelta(days=1))
        while day <= end:
            yield day
            day += timedelta(days=1)

    def newest(self, since: datetime) -> datetime | None:
        """Return the time of the newest event; ``None`` if there is none on the UTC day of ``since`` or later."""
        today = self.clock().astimezone(UTC).date()
        first = max(since.astimezone(UTC).date(), today - KEEP_EVENTS)
        condition = "#pk = :pk"
        options = {"FilterExpression": "attribute_exists(#body)", "ProjectionExpression": "#sk", "Limit": NEWEST_PAGE}
        for age in range((today - first).days + 1):
            values = {"pk": f"events#{today - timedelta(days=age)}"}
            for item in self.items.query(None, condition, values, ScanIndexForward=False, **options):
                return from_text(item["sk"].partition("#")[0])
        return None

    def find(self, places: Sequence[str]) -> dict[str, SentEvent]:
        """Return stored events by their sort keys. An event that is no longer stored is left out."""
        keys = [(_day_key(place), place) for place in dict.fromkeys(places)]
        items = [item for item in self.items.get_all(keys, singly=False) if "body" in item]
        return {item["sk"]: SentEvent.from_envelope(json.loads(item["body"])) for item in items}


def sort_key(event: SentEvent) -> str:
    """Return the sort key of an event: its time and its id."""
    return f"{to_text(event.time)}#{event.id}"


def _item(entry: Entry) -> dict[str, str | int]:
    time = to_text(entry.time)
    item: dict[str, str | int] = {"pk": _day_key(time), "sk": f"{time}#{entry.id}"}
    item["ttl"] = int((entry.time + KEEP_EVENTS).timestamp())
    if entry.event is not None:
        item["body"] = _body(entry.event)
    return item


def _body(event: SentEvent) -> str:
    return json.dumps(event.envelope, ensure_ascii=False, separators=(",", ":"))


def _day_key(place: str, order: str = BY_TIME) -> str:
    """Return the partition key of a day's events in an order, from a text that begins with the day."""
    return f"{order}#{place[:10]}"
