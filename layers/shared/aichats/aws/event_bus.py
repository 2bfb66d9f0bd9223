"""EventBridge: events for a bus, sent in batches."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from aichats.aws import writes
from aichats.aws.batches import in_batches
from aichats.aws.errors import AwsError
from aichats.http.deadline import remaining

BATCH_EVENTS = 10
"""The maximum number of events in one call to EventBridge."""
BATCH_EVENT_BYTES = 240_000
"""The maximum size of all events in one call. EventBridge's limit is 256 KB."""
ENTRY_BYTES = 200
"""The size of the other fields of an event."""
EVENT_OFFERS = 3
"""The maximum number of times that an event is sent if EventBridge rejects it."""

BATCH_SECONDS = 30.0
"""The time that must remain to send another batch. If EventBridge does not answer, a batch takes 20 seconds, and the
rest is for the deliveries to subscriptions."""


class EventBridge(Protocol):
    """The method of the client that this module uses."""

    def put_events(self, *args: Any, **request: Any) -> Any:
        """Send up to ten events."""


def put_events(client: Callable[[], EventBridge], bus: str, entries: Sequence[Mapping[str, str]]) -> list[str | None]:
    """Send events to a bus, ten at a time. A batch that fails does not stop the next one, unless little time remains.

    Args:
        client: returns the client. It may create the client.
        bus: the name of the bus.
        entries: the events, with ``Source``, ``DetailType`` and ``Detail``.

    Returns:
        For each event, the reason why EventBridge did not accept it; ``None`` if the event is on the bus.
    """
    batches = in_batches(
        [{**entry, "EventBusName": bus} for entry in entries],
        lambda entry: ENTRY_BYTES + len(json.dumps(entry["Detail"])),
        max_count=BATCH_EVENTS,
        max_size=BATCH_EVENT_BYTES,
    )
    reasons: list[str | None] = []
    for batch in batches:
        if reasons and remaining(default=math.inf) < BATCH_SECONDS:
            reasons += ["no time remained"] * len(batch)
        else:
            reasons += _put_batch(client, batch)
    return reasons


def _put_batch(client: Callable[[], EventBridge], entries: Sequence[Mapping[str, str]]) -> list[str | None]:
    reasons: dict[int, str] = {}
    left = dict(enumerate(entries))
    try:
        for offer in range(EVENT_OFFERS):
            if offer:
                writes.pause()
            results = client().put_events(Entries=list(left.values()))["Entries"]
            rejected = {place: each for place, each in zip(left, results, strict=True) if "ErrorCode" in each}
            left = {place: left[place] for place in rejected}
            reasons = {place: f"{each['ErrorCode']}: {each.get('ErrorMessage')}" for place, each in rejected.items()}
            if not left:
                break
    except AwsError as error:
        # The client has already retried the call.
        reasons = dict.fromkeys(left, str(error))
    return [reasons.get(place) for place in range(len(entries))]
