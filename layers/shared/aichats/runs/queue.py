"""The run queues. Each waiting run has a message with the run's id; the ledger has everything else.

Runs whose provider takes minutes have their own queue and function, so that no other run waits behind them.

Many runs are sent as a few group messages, so 1,000 runs cost the sender one call to SQS. ``perform_runs`` then sends a
message for each run of a group.

An event message contains a webhook event, and the automations that ``receive_webhook`` had no time to render.

A job message names a part of a job, which replays or cancels many runs.

A watch message names a run whose chat waits for the agent's reply.
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
from aichats.errors import AichatsError
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run
from aichats.validation import message_of

MAX_DELAY = timedelta(minutes=15)
"""The maximum delay of a message in SQS."""
EVENT_BYTES = 200_000
"""The maximum size of an event in a message. The names of the automations take the remaining space."""
NAMES = 500
"""The maximum number of automations in an event message. A name has at most 67 bytes."""
GROUP = 100
"""The maximum number of runs in a group message. To send their messages takes ten calls to SQS."""

type RunId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1


class RunMessage(_Form):
    """A run to perform."""

    run_id: RunId


class GroupMessage(_Form):
    """A group of runs. Each run of the group gets its own message.

    A lost or duplicate group is harmless, because its runs are open in the ledger and each is performed once.
    """

    kind: Literal["group"] = "group"
    slow: bool
    """True if the runs belong to the slow queue."""
    sent_at: AwareDatetime
    runs: Annotated[tuple[tuple[RunId, Annotated[int, Field(ge=0)]], ...], Field(min_length=1, max_length=GROUP)]
    """The id of each run, and the seconds from ``sent_at`` until the run is due."""


class EventMessage(_Form):
    """Automations to render for a webhook event.

    A duplicate message is harmless, because a run has the same id each time it is rendered.
    """

    kind: Literal["event"] = "event"
    webhook_id: str
    event: dict[str, JsonValue]
    automations: Annotated[tuple[str, ...], Field(min_length=1)]


class JobMessage(_Form):
    """A part of a job, or the rest of a part whose time ended.

    A duplicate message is harmless, because the job replays or cancels each run once.
    """

    kind: Literal["job"] = "job"
    job_id: RunId
    part: Annotated[int, Field(ge=0)]
    handled: Annotated[int, Field(ge=0)] = 0
    """The number of runs at the beginning of the part that earlier messages have handled."""
    done: Annotated[int, Field(ge=0)] = 0
    """The number of these runs that are as the job wants them."""


class WatchMessage(_Form):
    """A run whose chat aichats looks at, until the agent has replied.

    A duplicate message is harmless, because the first result of a watch is stored, and a watch with a result ends.
    """

    kind: Literal["watch"] = "watch"
    run_id: RunId
    looks: Annotated[int, Field(ge=0)] = 0
    """The number of looks before this one."""
    began_at: AwareDatetime


def _kind(body: object) -> str:
    """Return the kind of a message. A message for one run does not contain its kind."""
    return str(body.get("kind", "run")) if isinstance(body, dict) else "run"


type AnyMessage = Annotated[
    Annotated[RunMessage, Tag("run")]
    | Annotated[GroupMessage, Tag("group")]
    | Annotated[EventMessage, Tag("event")]
    | Annotated[JobMessage, Tag("job")]
    | Annotated[WatchMessage, Tag("watch")],
    Discriminator(_kind),
]
_MESSAGE: TypeAdapter[RunMessage | GroupMessage | EventMessage | JobMessage | WatchMessage] = TypeAdapter(AnyMessage)


class UnreadableMessageError(AichatsError):
    """This version of the code can't read a message."""


class QueueError(AichatsError):
    """SQS did not accept some messages. Their runs are in the ledger, and ``sweep_runs`` sends new messages."""


def read_message(body: str) -> RunMessage | GroupMessage | EventMessage | JobMessage | WatchMessage:
    """Return the message in a body.

    Raises:
        UnreadableMessageError: the body isn't a message of aichats. The error names the fields and the reasons.
    """
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = "; ".join(f"{_place(detail['loc'])}: {message_of(detail)}" for detail in details)
        raise UnreadableMessageError(problems) from None


def _place(path: Sequence[int | str]) -> str:
    """Return the path of an invalid field, without its first step, which is the message's kind."""
    return ".".join(map(str, path[1:])) or "body"


@dataclass(frozen=True)
class Due:
    """A run that needs a message.

    Attributes:
        slow: whether the message belongs to the slow queue.
        delay: the time until the run is due. A message that arrives early is harmless.
    """

    run_id: str
    slow: bool
    delay: timedelta

    @classmethod
    def of(cls, run: Run, delay: timedelta) -> "Due":
        """Return a run that is due after a delay."""
        return cls(run.run_id, run.slow, delay)


@dataclass(frozen=True)
class Queue:
    """The run queues, and the queue of unreadable messages.

    ``client`` creates the client when the first message is sent, because a run that succeeds sends no message.
    """

    client: Callable[[], SQS]
    url: str
    slow_url: str
    dead_letter_url: str
    clock: Callable[[], datetime] = utc_now

    def send(self, runs: Sequence[Due]) -> None:
        """Send a message for each of up to ten runs, and groups for more runs. If some messages fail, send the others.

        Raises:
            QueueError: SQS did not accept some messages in two attempts.
        """
        if len(runs) <= BATCH_MESSAGES:
            self.send_singly(runs)
        else:
            self._send_all({self.url: [self._group(part) for part in _groups(runs)]})

    def send_singly(self, runs: Sequence[Due]) -> None:
        """Send one message for each run.

        Raises:
            QueueError: SQS did not accept some messages in two attempts.
        """
        fast, slow = [
            [_message(RunMessage(run_id=run.run_id), run.delay) for run in runs if run.slow == slow]
            for slow in (False, True)
        ]
        self._send_all({self.url: fast, self.slow_url: slow})

    def expand(self, group: GroupMessage) -> None:
        """Send a message for each run of a group. The message arrives when the run is due.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        elapsed = self.clock() - group.sent_at
        due = [Due(run_id, group.slow, timedelta(seconds=seconds) - elapsed) for run_id, seconds in group.runs]
        self.send_singly(due)

    def send_event(self, message: EventMessage, *, apart: bool = False) -> None:
        """Send the automations to render for an event: in as few messages as possible, or ``apart``, one in a message.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        parts = batched(message.automations, 1 if apart else NAMES, strict=False)
        messages = [message.model_copy(update={"automations": part}) for part in parts]
        self._send_all({self.url: [_message(part, timedelta(0)) for part in messages]})

    def send_job(self, *messages: JobMessage) -> None:
        """Send messages for parts of jobs.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        self._send_all({self.url: [_message(message, timedelta(0)) for message in messages]})

    def send_watch(self, message: WatchMessage, delay: timedelta) -> None:
        """Send a message for the next look at a chat. It arrives after the delay, at the latest after 15 minutes.

        Raises:
            QueueError: SQS did not accept the message.
        """
        self.send_watches([message], delay)

    def send_watches(self, messages: Sequence[WatchMessage], delay: timedelta) -> None:
        """Send messages for the next looks at several chats. See :meth:`send_watch`."""
        self._send_all({self.url: [_message(message, delay) for message in messages]})

    def bury(self, body: str, reason: str) -> None:
        """Move an unreadable message to the dead letters, with the reason.

        Raises:
            QueueError: SQS did not accept the message.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": reason[:500]}}
        self._send_all({self.dead_letter_url: [{"MessageBody": body, "MessageAttributes": attributes}]})

    def _group(self, runs: Sequence[Due]) -> dict[str, Any]:
        ids = tuple((run.run_id, _seconds(run.delay)) for run in runs)
        group = GroupMessage(slow=runs[0].slow, sent_at=self.clock(), runs=ids)
        # The group arrives when its first run is due, so that no message must be delayed again.
        return _message(group, min(run.delay for run in runs))

    def _send_all(self, messages_of: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Send the messages of each queue.

        Raises:
            QueueError: SQS did not accept some messages. All other messages were sent.
        """
        number = sum(map(len, messages_of.values()))
        sent = [sqs.send(self.client, url, messages) for url, messages in messages_of.items() if messages]
        if reasons := [reason for failed in sent for reason in failed]:
            raise QueueError(f"SQS did not accept {len(reasons)} of {number} messages: {reasons[0]}")


def fits(event: Mapping[str, Any]) -> bool:
    """Return whether a webhook event fits into a message and can be read again.

    The message adds a level to the event's JSON, and JSON with too many levels can't be read.
    """
    if len(_json(event)) > EVENT_BYTES:
        return False
    try:
        read_message(_json({"kind": "event", "webhook_id": "", "event": event, "automations": [""]}))
    except UnreadableMessageError:
        return False
    return True


def _groups(runs: Sequence[Due]) -> Iterator[Sequence[Due]]:
    """Yield groups of at most 100 runs, each for one queue."""
    for slow in (False, True):
        yield from batched((run for run in runs if run.slow == slow), GROUP, strict=False)


def _seconds(delay: timedelta) -> int:
    # Rounded up, because a message that arrives before its run is due only causes another message.
    return max(0, math.ceil(delay.total_seconds()))


def _message(form: BaseModel, delay: timedelta) -> dict[str, Any]:
    return {"MessageBody": _json(form.model_dump(mode="json")), "DelaySeconds": _seconds(min(delay, MAX_DELAY))}


def _json(value: Mapping[str, Any]) -> str:
    """Return ASCII JSON, because SQS does not accept every character."""
    return json.dumps(value, separators=(",", ":"))
