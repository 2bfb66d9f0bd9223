"""The stored events, and the counters that each event changes.

An event and its additions to counters are written in one transaction, whose condition is that the event is new. So a
change that is published again counts once.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aichats.aws.table import Table
from aichats.aws.transactions import Addition, Insertion, insert_once
from aichats.events.model import SentEvent
from aichats.runs.ledger.times import from_text, to_text, utc_now

KEEP_EVENTS = timedelta(days=30)
NEWEST_PAGE = 25
"""The number of items that are read at a time to find the newest event. Items that only count have no event."""


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class EventLog:
    """The stored events. Safe to share between threads."""

    items: Table
    clock: Callable[[], datetime] = utc_now

    def store(self, entries: Sequence[Entry]) -> list[bool]:
        """Store entries that are new, with their additions. Return whether each entry was new.

        Raises:
            ClientError: DynamoDB rejected a write. Other entries may have been stored.
        """
        unique = {entry.id: entry for entry in entries}
        insertions = [Insertion(self.items, _item(entry), entry.additions) for entry in unique.values()]
        existing = dict(zip(unique, insert_once(insertions), strict=True))
        return [existing[entry.id] is None for entry in entries]

    def since(self, day: str, after: str = "", *, newest_first: bool = False) -> Iterator[SentEvent]:
        """Yield the events of a UTC day, such as ``2026-11-30``, whose sort key is greater than ``after``."""
        condition, values = "#pk = :pk AND #sk > :after", {"pk": f"events#{day}", "after": after or "0"}
        for item in self.items.query(None, condition, values, ScanIndexForward=not newest_first):
            if "body" in item:
                yield SentEvent.from_envelope(json.loads(item["body"]))

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
        item["body"] = json.dumps(entry.event.envelope, ensure_ascii=False, separators=(",", ":"))
    return item


def _day_key(place: str) -> str:
    """Return the partition key of the events of a day, from a text that begins with the day."""
    return f"events#{place[:10]}"
