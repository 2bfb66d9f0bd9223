"""The events that aichats sends. An event contains no message text and no title."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, get_args

from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.times import from_text, to_text

type SentEventType = Literal[
    "run.succeeded",
    "run.failed",
    "run.unknown",
    "run.missed",
    "run.skipped",
    "run.cancelled",
    "run.replied",
    "run.reply_overdue",
    "slot.finished",
    "automation.created",
    "automation.changed",
    "automation.paused",
    "automation.resumed",
    "automation.deleted",
    "automation.unreadable",
    "connection.broken",
    "connection.restored",
    "budget.reached",
    "subscription.test",
]
SENT_EVENT_TYPES: tuple[str, ...] = get_args(SentEventType.__value__)
SENT_EVENT_VERSION = 1
"""The version of the schema. It grows if a field changes its meaning or goes away, not if a field is added."""
SOURCE = "aichats"
"""The source of the events on the bus. Their detail type is this name, a period and the type of the event."""


@frozen
class SentEvent:
    """An event.

    Attributes:
        id: the id, which is the same however often the event is sent.
        type: one of :data:`SENT_EVENT_TYPES`.
        time: the time of what happened, not of the sending.
        stack: the name of the stack.
        data: what happened, as JSON values.
    """

    id: str
    type: str
    time: datetime
    stack: str
    data: Mapping[str, Any]

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """The event as receivers get it."""
        return {
            "id": self.id,
            "type": self.type,
            "version": SENT_EVENT_VERSION,
            "timestamp": to_text(self.time),
            "stack": self.stack,
            "data": dict(self.data),
        }

    @classmethod
    def from_envelope(cls, envelope: Json) -> "SentEvent":
        """Return the event that has this envelope."""
        time = from_text(envelope["timestamp"])
        return cls(envelope["id"], envelope["type"], time, envelope["stack"], envelope["data"])


def event_id(*change: str | None) -> str:
    """Return the id of an event: a hash of everything that identifies the change, the name of its table included."""
    unique = json.dumps(change, ensure_ascii=False, separators=(",", ":"))
    digest = base64.b32encode(hashlib.sha256(unique.encode()).digest()[:20]).decode().lower()
    return f"evt_{digest}"
