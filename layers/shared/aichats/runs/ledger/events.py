"""The kept parts of webhook events, from which runs can be rendered again.

An event is an item of its own. All runs that failed for the same part of an event share the item.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cached_property

from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.texts import TextExpiredError, Texts

MAX_EVENT_BYTES = 32 * 1024
"""The maximum size of the kept part of an event."""


@frozen
class KeptEvent:
    """A part of a webhook event.

    Attributes:
        webhook_id: the id of the event, which is the same on each delivery.
        event: the part, in the form of the event.
        fields: the paths of everything that is kept. A field that the event does not have is kept as missing.
    """

    webhook_id: str
    event: Json
    fields: tuple[tuple[str, ...], ...]

    @cached_property
    def text(self) -> str:
        """The part of the event as ASCII JSON, because DynamoDB does not accept every character."""
        return json.dumps(self.event, separators=(",", ":"))

    @property
    def is_too_large(self) -> bool:
        """True if the part is too large to be kept."""
        return len(self.text) > MAX_EVENT_BYTES

    @property
    def key(self) -> str:
        """The key of the item. It depends on the whole content, so no item is ever replaced by another event."""
        unique = json.dumps([self.webhook_id, self.text, self.fields])
        return f"event:{hashlib.sha256(unique.encode()).hexdigest()[:40]}"


@frozen
class KeptEvents:
    """The kept events of a table of runs, which are kept as long as the texts of runs."""

    texts: Texts
    clock: Callable[[], datetime]

    def keep(self, events: Iterable[KeptEvent]) -> None:
        """Store events. Call this before you write the rows that name them."""
        expires_at = self.texts.expires_at(self.clock())
        items = {
            event.key: {
                "run_id": event.key,
                "webhook_id": event.webhook_id,
                "event": event.text,
                "fields": json.dumps(event.fields),
                "ttl": expires_at,
            }
            for event in events
        }
        self.texts.items.overwrite(list(items.values()))

    def get(self, key: str) -> KeptEvent:
        """Return an event.

        Raises:
            TextExpiredError: the event has expired.
            UnreadableError: this version of the code cannot read the event.
        """
        item = self.texts.items.get(key)
        if item is None:
            raise TextExpiredError(f"{key} has expired")
        try:
            fields = tuple(tuple(path) for path in json.loads(item["fields"]))
            return KeptEvent(item["webhook_id"], json.loads(item["event"]), fields)
        except (KeyError, TypeError, ValueError):
            raise UnreadableError(f"{key} cannot be read by this version of the code") from None
