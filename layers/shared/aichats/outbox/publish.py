"""Publishes the changes of the tables as events: stores them, puts them on the bus, and sends them to subscriptions.

Every step may be repeated. DynamoDB keeps a change for 24 hours, and Lambda sends it again until this module has
published it. The id of an event is always the same, so receivers recognize a duplicate.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aichats.aws.event_bus import EventBridge, put_events
from aichats.aws.observability import count, count_now, logger
from aichats.errors import AichatsError
from aichats.events.log import Entry, EventLog
from aichats.events.model import SOURCE, SentEvent
from aichats.models import Json
from aichats.outbox.stream import ItemChange

type Entries = Callable[[ItemChange], list[Entry]]
"""Returns the entries of a change."""


class NotPublishedError(AichatsError):
    """Some events were not published. Lambda must send their changes again."""


@dataclass(frozen=True)
class Publisher:
    """Publishes changes.

    Args:
        log: stores the events.
        bus: the name of the event bus.
        client: returns the client of EventBridge.
        sources: the function for each beginning of an item's key. The empty one is for all other items.
    """

    log: EventLog
    bus: str
    client: Callable[[], EventBridge]
    sources: Mapping[str, Entries]

    def handle(self, records: Sequence[Json]) -> dict[str, int]:
        """Publish the changes in a batch of records.

        Returns:
            ``{"events": <number>}``.

        Raises:
            NotPublishedError: some events were not published.
            ClientError: DynamoDB did not store the events.
        """
        entries = [entry for record in records for entry in self._entries(record)]
        self.log.store(entries)
        events = list({entry.id: entry.event for entry in entries if entry.event}.values())
        reasons = put_events(self.client, self.bus, [_for_bus(event) for event in events])
        for event in events:
            logger.info("event published", extra={"event_id": event.id, "type": event.type, **_subject(event)})
        count("EventsPublished", len(events) - len(reasons))
        if reasons:
            raise NotPublishedError(f"{len(reasons)} of {len(events)} events were not published: {reasons[0]}")
        return {"events": len(events)}

    def _entries(self, record: Json) -> list[Entry]:
        """Return the entries of a record; none if this version of the code can't read its item."""
        change = ItemChange.of(record)
        begin = next((begin for begin in self.sources if begin and change.key.startswith(begin)), "")
        try:
            return self.sources[begin](change)
        except (KeyError, TypeError, ValueError, AichatsError) as error:
            # One item must not stop all others.
            count_now("EventsUnreadable")
            logger.error("change can't be read", extra={"key": change.key, "error": type(error).__name__})
            return []


def _for_bus(event: SentEvent) -> dict[str, str]:
    detail = json.dumps(event.envelope, separators=(",", ":"))
    return {"Source": SOURCE, "DetailType": f"{SOURCE}.{event.type}", "Detail": detail}


def _subject(event: SentEvent) -> dict[str, Any]:
    """Return the log fields that say what an event is about."""
    return {name: event.data[name] for name in ("run_id", "automation", "connection") if event.data.get(name)}
