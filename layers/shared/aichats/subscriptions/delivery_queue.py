"""The delivery queues and their messages. Another version of the code may read a message, so each has a version.

A message only asks to look at a delivery. What is done is decided by the stored delivery and by the state of its
receiver. So a duplicate or lost message is harmless: the sweep sends a new one for each delivery that is due.
"""

import json
import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)

from aichats.aws import sqs
from aichats.aws.sqs import SQS
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text
from aichats.runs.queue import MAX_DELAY, QueueError
from aichats.runs.queue_messages import UnreadableMessageError
from aichats.subscriptions.row import identity_of

NO_DELAY = timedelta(0)
MAX_REASON = 500


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    subscription: str
    created_at: AwareDatetime
    """The time at which the subscription was created. A later one of the same name gets none of its deliveries."""

    @property
    def identity(self) -> str:
        """The identity of the subscription."""
        return identity_of(self.subscription, self.created_at)


def _envelope(event: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        SentEvent.from_envelope(event)
    except (KeyError, TypeError, ValueError):
        raise ValueError("is not an event") from None
    return event


class DeliveryMessage(_Message):
    """An event for a subscription."""

    kind: Literal["delivery"] = "delivery"
    event: Annotated[dict[str, JsonValue], AfterValidator(_envelope)]
    redelivery: str | None = None
    """The request to deliver events again to which this message belongs. Later requests have greater ids."""
    early: bool = False
    """True if the delivery is attempted before its next retry is due, because the receiver works again."""
    slow: bool = False
    """True if the message is in the slow queue, which has a longer time limit."""

    @property
    def sent_event(self) -> SentEvent:
        """The event."""
        return SentEvent.from_envelope(self.event)


class ProbeMessage(_Message):
    """A receiver that failed. One of its deliveries shows whether it works again."""

    kind: Literal["probe"] = "probe"


class FlushMessage(_Message):
    """The deliveries that wait for a receiver that works again. Each gets a message."""

    kind: Literal["flush"] = "flush"
    held: bool = True
    """True for deliveries that were held back, false for those that wait for their next retry."""
    until: AwareDatetime
    """Deliveries that are due later are left out."""
    early: bool = False
    started_at: AwareDatetime
    """The time at which the first part was asked for. A later flush replaces an earlier one."""
    part: Annotated[int, Field(ge=0)] = 0
    after: dict[str, str] | None = None
    """The key of the last delivery of the part before this one."""

    @property
    def place(self) -> str:
        """The flush and its part, as a text that sorts like them."""
        return f"{to_text(self.started_at)}#{self.part:06}"


class RedeliveryMessage(_Message):
    """Stored events that are delivered again, or the rest of them."""

    kind: Literal["redelivery"] = "redelivery"
    redelivery: str
    since: AwareDatetime
    until: AwareDatetime
    failed_only: bool = False
    events: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    after: str = ""
    """The sort key of the last event of the part before this one."""


type QueuedMessage = DeliveryMessage | ProbeMessage | FlushMessage | RedeliveryMessage
type _AnyMessage = Annotated[QueuedMessage, Field(discriminator="kind")]
_MESSAGE: TypeAdapter[QueuedMessage] = TypeAdapter(_AnyMessage)


def read_delivery_message(body: str) -> QueuedMessage:
    """Return the message in a body.

    Raises:
        UnreadableMessageError: the body isn't a message of a delivery queue.
    """
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        problems = ", ".join(sorted({".".join(map(str, detail["loc"])) or "body" for detail in error.errors()}))
        raise UnreadableMessageError(f"these fields are missing or invalid: {problems}") from None


@frozen
class DeliveryQueue:
    """The delivery queues, and the queue of unreadable messages.

    ``client`` creates the client when the first message is sent, because most deliveries send none.
    """

    client: Callable[[], SQS]
    url: str
    slow_url: str
    dead_letter_url: str

    def send(self, messages: Sequence[QueuedMessage], delay: timedelta = NO_DELAY) -> None:
        """Send messages. If some fail, send the others.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        reasons: list[str] = []
        for slow, url in ((False, self.url), (True, self.slow_url)):
            entries = [_entry(message, delay) for message in messages if _is_slow(message) == slow]
            reasons += sqs.send(self.client, url, entries) if entries else []
        if reasons:
            raise QueueError(f"SQS did not accept {len(reasons)} of {len(messages)} messages: {reasons[0]}")

    def bury(self, body: str, reason: str) -> None:
        """Move an unreadable message to the dead letters, with the reason.

        Raises:
            QueueError: SQS did not accept the message.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": reason[:MAX_REASON]}}
        entry = {"MessageBody": body, "MessageAttributes": attributes}
        if reasons := sqs.send(self.client, self.dead_letter_url, [entry]):
            raise QueueError(f"SQS did not accept a message: {reasons[0]}")


def _is_slow(message: QueuedMessage) -> bool:
    """Return whether a message belongs to the slow queue. A probe does, because its receiver failed."""
    return message.slow if isinstance(message, DeliveryMessage) else isinstance(message, ProbeMessage)


def _entry(message: BaseModel, delay: timedelta) -> dict[str, Any]:
    # ASCII JSON, because SQS does not accept every character.
    body = json.dumps(message.model_dump(mode="json"), separators=(",", ":"))
    return {"MessageBody": body, "DelaySeconds": max(0, math.ceil(min(delay, MAX_DELAY).total_seconds()))}
