"""The queues of runs: one message for each run that waits. It holds the id; what is to be done is in the ledger.

Runs whose provider takes minutes have a queue and a function of their own, so that no other waits behind them.

Many runs at once are sent as a few group messages. ``perform_runs`` sends one message for each of their runs, so a
fan-out of 1,000 runs costs its caller one call to SQS.

An event message holds an event of a webhook, with the automations for which the webhook's function had no time.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    TypeAdapter,
    ValidationError,
)

from aichats.aws import sqs
from aichats.aws.sqs import BATCH_MESSAGES, SQS
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run

MAX_DELAY = timedelta(minutes=15)
"""What SQS delays a message at the most."""
EVENT_BYTES = 200_000
"""Of an event in a message. The names of its automations take the rest."""
NAMES = 500
"""Automations of an event message, of at most 67 bytes each."""
GROUP = 100
"""Runs of a group message: as many as ten calls to SQS send singly."""

type RunId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1


class Message(_Form):
    """A run that is to be performed."""

    run_id: RunId


class GroupMessage(_Form):
    """Runs that are to be performed: each gets a message of its own.

    A group that is lost or comes twice does no harm: its runs are open in the ledger, and each is performed once.
    """

    kind: Literal["group"] = "group"
    slow: bool
    """Whether the runs belong to the queue for what takes minutes."""
    sent_at: AwareDatetime
    runs: Annotated[tuple[tuple[RunId, Annotated[int, Field(ge=0)]], ...], Field(min_length=1, max_length=GROUP)]
    """The id of each run, and how many seconds after ``sent_at`` it is due."""


class EventMessage(_Form):
    """Automations that are to be rendered for an event of a webhook, which would not wait for them.

    A message that comes twice does no harm: each run has the same id whoever renders it.
    """

    kind: Literal["event"] = "event"
    webhook_id: str
    event: dict[str, JsonValue]
    automations: Annotated[tuple[str, ...], Field(min_length=1)]


def _kind(body: object) -> str:
    """The form of a message. A message about one run names no form: it is the oldest."""
    return str(body.get("kind", "run")) if isinstance(body, dict) else "run"


type AnyMessage = Annotated[
    Annotated[Message, Tag("run")] | Annotated[GroupMessage, Tag("group")] | Annotated[EventMessage, Tag("event")],
    Discriminator(_kind),
]
_MESSAGE: TypeAdapter[Message | GroupMessage | EventMessage] = TypeAdapter(AnyMessage)


class UnreadableMessageError(Exception):
    """No version of the code can read this message."""


class QueueError(Exception):
    """SQS did not take some messages. Their runs are in the ledger, and ``sweep_runs`` sends them again."""


def read(body: str) -> Message | GroupMessage | EventMessage:
    """Return the message that a body holds.

    Raises:
        UnreadableMessageError: it is not one of ours; says why.
    """
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        why = "; ".join(f"{_place(detail['loc'])}: {detail['msg']}" for detail in details)
        raise UnreadableMessageError(why) from None


def _place(path: Sequence[int | str]) -> str:
    """Return where in a body something is wrong; the first step is the message's form, or nothing."""
    return ".".join(map(str, path[1:])) or "body"


@dataclass(frozen=True)
class Due:
    """A run that a message is needed for.

    Attributes:
        slow: whether it belongs to the queue for what takes minutes.
        delay: how long until it is due. A message that comes early is harmless.
    """

    run_id: str
    slow: bool
    delay: timedelta

    @classmethod
    def of(cls, run: Run, delay: timedelta) -> "Due":
        """A run, due after a delay."""
        return cls(run.run_id, run.slow, delay)


@dataclass(frozen=True)
class Queue:
    """The run queues, and the queue for what nobody can do anything with.

    The client is made when something is sent: a run that goes well sends nothing.
    """

    client: Callable[[], SQS]
    url: str
    slow_url: str
    dead_letter_url: str
    clock: Callable[[], datetime] = utc_now

    def send(self, runs: Sequence[Due]) -> None:
        """Send up to ten runs as one message each, more as groups. What SQS does not take stops nothing behind it.

        Raises:
            QueueError: SQS did not take some, each of which it was offered twice.
        """
        if len(runs) <= BATCH_MESSAGES:
            self.send_singly(runs)
        else:
            self._send_all(self.url, [self._group(part) for part in _groups(runs)])

    def send_singly(self, runs: Sequence[Due]) -> None:
        """Send one message for each run.

        Raises:
            QueueError: SQS did not take some, each of which it was offered twice.
        """
        failures: list[QueueError] = []
        for slow, url in ((False, self.url), (True, self.slow_url)):
            messages = [_message(Message(run_id=run.run_id), run.delay) for run in runs if run.slow == slow]
            try:
                self._send_all(url, messages)
            except QueueError as failure:
                failures.append(failure)
        if failures:
            raise QueueError("; ".join(map(str, failures)))

    def expand(self, group: GroupMessage) -> None:
        """Send one message for each run of a group, each for when it is due.

        Raises:
            QueueError: SQS did not take some.
        """
        elapsed = self.clock() - group.sent_at
        due = [Due(run_id, group.slow, timedelta(seconds=seconds) - elapsed) for run_id, seconds in group.runs]
        self.send_singly(due)

    def send_event(self, message: EventMessage, *, apart: bool = False) -> None:
        """Send automations that are to be rendered for an event: as few messages as they fit into, or one for each.

        Raises:
            QueueError: SQS did not take some.
        """
        parts = batched(message.automations, 1 if apart else NAMES, strict=False)
        each = [message.model_copy(update={"automations": part}) for part in parts]
        self._send_all(self.url, [_message(one, timedelta(0)) for one in each])

    def bury(self, body: str, reason: str) -> None:
        """Put a message that cannot be read to the dead letters, with the reason.

        Raises:
            QueueError: SQS refused it.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": reason[:500]}}
        self._send_all(self.dead_letter_url, [{"MessageBody": body, "MessageAttributes": attributes}])

    def _group(self, runs: Sequence[Due]) -> dict[str, Any]:
        ids = tuple((run.run_id, _seconds(run.delay)) for run in runs)
        group = GroupMessage(slow=runs[0].slow, sent_at=self.clock(), runs=ids)
        # Not before the first of its runs is due, so that their messages need not be put off again.
        return _message(group, min(run.delay for run in runs))

    def _send_all(self, url: str, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send messages, ten at a time.

        Raises:
            QueueError: SQS did not take some; it was offered all.
        """
        refused = sqs.send(self.client(), url, messages) if messages else []
        if refused:
            raise QueueError(f"SQS did not take {len(refused)} of {len(messages)} messages: {refused[0]}")


def fits(event: Mapping[str, Any]) -> bool:
    """Return whether an event of a webhook fits into a message, and can be read there.

    The message adds a level of nesting to the event, and JSON that is nested too deeply is not read.
    """
    if len(_json(event)) > EVENT_BYTES:
        return False
    try:
        read(_json({"kind": "event", "webhook_id": "", "event": event, "automations": [""]}))
    except UnreadableMessageError:
        return False
    return True


def _groups(runs: Sequence[Due]) -> Iterator[Sequence[Due]]:
    """Groups of at most 100 runs, each for one queue."""
    for slow in (False, True):
        yield from batched((run for run in runs if run.slow == slow), GROUP, strict=False)


def _seconds(delay: timedelta) -> int:
    # Rounded up: a message that comes before its run is due is dropped, and the run would wait for the next sweep.
    return max(0, math.ceil(delay.total_seconds()))


def _message(form: BaseModel, delay: timedelta) -> dict[str, Any]:
    return {"MessageBody": _json(form.model_dump(mode="json")), "DelaySeconds": _seconds(min(delay, MAX_DELAY))}


def _json(value: Mapping[str, Any]) -> str:
    """JSON in ASCII: SQS does not take every character."""
    return json.dumps(value, separators=(",", ":"))
