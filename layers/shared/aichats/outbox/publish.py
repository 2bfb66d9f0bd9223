"""Publishes the changes of the tables as events: stores them, puts them on the bus, and sends them to subscriptions.

Every step may be repeated. DynamoDB keeps a change for 24 hours, and Lambda sends it again until this module has
published it. The id of an event is always the same, so receivers recognize a duplicate.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aichats.aws.errors import AwsError
from aichats.aws.event_bus import EventBridge, put_events
from aichats.aws.observability import count, count_now, logger, measure_seconds
from aichats.aws.writes import is_invalid
from aichats.errors import AichatsError, UnreadableError
from aichats.events.log import Entry, EventLog
from aichats.events.model import SOURCE, SentEvent
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.outbox.reply_watches import ReplyWatches
from aichats.outbox.slot_events import SlotEvents
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.times import utc_now
from aichats.subscriptions.fan_out import FanOut

type Entries = Callable[[ItemChange], list[Entry]]
"""Returns the entries of a change."""


UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UnreadableError)
"""The errors of a change that this version of the code can't read. They are never temporary."""


class NotPublishedError(AichatsError):
    """Some events were not published. Lambda must send their changes again."""


@frozen
class Publisher:
    """Publishes changes.

    Args:
        log: stores the events.
        bus: the name of the event bus.
        client: returns the client of EventBridge.
        sources: the function for each beginning of an item's key. The empty one is for all other items.
        slots: finds finished slots.
        fan_out: queues the deliveries to subscriptions.
        watches: begins the watches of runs that wait for a reply.
        clock: returns the current time.
    """

    log: EventLog
    bus: str
    client: Callable[[], EventBridge]
    sources: Mapping[str, Entries]
    slots: SlotEvents
    fan_out: FanOut
    watches: ReplyWatches
    clock: Callable[[], datetime] = utc_now

    def handle(self, records: Sequence[Json]) -> dict[str, int]:
        """Publish the changes in a batch of records.

        Returns:
            ``{"events": <number>}``.

        Raises:
            NotPublishedError: some events were not published.
            QueueError: SQS did not accept some deliveries, or the messages of some watches.
            AwsError: DynamoDB did not store the events.
        """
        readable = [read for read in map(self._read, records) if read is not None]
        changes = [change for change, _ in readable]
        try:
            entries = self._store(changes, [entry for _, found in readable for entry in found])
        except (*UNREADABLE, AwsError) as error:
            # Lambda halves a batch that fails, until the change that can't be stored is alone. Then the shard goes on.
            if len(records) > 1 or not _is_final(error):
                raise
            _leave_out(records[0], error)
            return {"events": 0}
        events = list({entry.id: entry.event for entry in entries if entry.event}.values())
        try:
            self._publish(events)
        finally:
            # Receivers hear of the events even if the bus doesn't take them.
            self.fan_out.send(events)
        # Last, because each try would begin further watches.
        self.watches.begin(changes)
        self._measure_lag(changes)
        return {"events": len(events)}

    def _read(self, record: Json) -> tuple[ItemChange, list[Entry]] | None:
        """Return the change in a record, with its entries; ``None`` if this version of the code can't read the item."""
        try:
            change = ItemChange.of(record)
            begin = next((begin for begin in self.sources if begin and change.key.startswith(begin)), "")
            return change, self.sources[begin](change)
        except UNREADABLE as error:
            # One item must not stop all others. Any other error may be temporary.
            _leave_out(record, error)
            return None

    def _store(self, changes: Sequence[ItemChange], entries: Sequence[Entry]) -> list[Entry]:
        """Store entries, and those of the slots that the changes have finished. Return all of them."""
        self.slots.note_times(changes)
        self.log.store(entries)
        finished = self.slots.finished(changes)
        self.log.store(finished)
        return [*entries, *finished]

    def _publish(self, events: Sequence[SentEvent]) -> None:
        """Put events on the bus.

        Raises:
            NotPublishedError: EventBridge did not accept some events. All others are on the bus.
        """
        reasons = put_events(self.client, self.bus, [_for_bus(event) for event in events])
        for event, reason in zip(events, reasons, strict=True):
            if reason is None:
                logger.info("event published", extra={"event_id": event.id, "type": event.type, **_subject(event)})
        rejected = [reason for reason in reasons if reason is not None]
        count("EventsPublished", len(reasons) - len(rejected))
        if rejected:
            raise NotPublishedError(f"{len(rejected)} of {len(reasons)} events were not published: {rejected[0]}")

    def _measure_lag(self, changes: Iterable[ItemChange]) -> None:
        """Measure the time from the oldest change to now, when all changes are published."""
        oldest = min((change.changed_at for change in changes if change.changed_at), default=None)
        if oldest is not None:
            measure_seconds("EventLag", max(0.0, (self.clock() - oldest).total_seconds()))


def _is_final(error: Exception) -> bool:
    """Return whether a change can't be stored, however often it comes."""
    return isinstance(error, UNREADABLE) or is_invalid(error)


def _leave_out(record: Json, error: Exception) -> None:
    """Log and count a change without an event."""
    count_now("EventsUnreadable")
    keys = record.get("dynamodb", {}).get("Keys")
    logger.error("change can't be read", extra={"keys": keys, "error": type(error).__name__})


def _for_bus(event: SentEvent) -> dict[str, str]:
    detail = json.dumps(event.envelope, separators=(",", ":"))
    return {"Source": SOURCE, "DetailType": f"{SOURCE}.{event.type}", "Detail": detail}


def _subject(event: SentEvent) -> dict[str, Any]:
    """Return the log fields that say what an event is about."""
    names = ("run_id", "automation", "slot", "connection")
    return {name: event.data[name] for name in names if event.data.get(name)}
