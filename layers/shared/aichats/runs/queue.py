"""The queues of runs: one message for each waiting run. The message contains the run's id; the ledger has the rest.

Runs whose provider takes minutes have their own queue and function, so that no other run waits behind them.

Many runs at once are sent as a few group messages. ``perform_runs`` then sends one message for each of their runs, so
1,000 runs cost the sender one call to SQS.

An event message contains an event of a webhook, and the automations for which the webhook's function had no time.
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

MAX_DELAY = timedelta(minutes=15)
"""The longest delay of a message in SQS."""
EVENT_BYTES = 200_000
"""The limit of an event in a message. The names of its automations take the rest."""
NAMES = 500
"""The limit of automations in an event message. A name has at most 67 bytes."""
GROUP = 100
"""The limit of runs in a group message: as many as ten calls to SQS send one by one."""

type RunId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1


class RunMessage(_Form):
    """A run to perform."""

    run_id: RunId


class GroupMessage(_Form):
    """Runs to perform, each of which gets its own message.

    A lost or duplicate group is harmless: its runs are open in the ledger, and each is performed once.
    """

    kind: Literal["group"] = "group"
    slow: bool
    """True if the runs belong to the slow queue."""
    sent_at: AwareDatetime
    runs: Annotated[tuple[tuple[RunId, Annotated[int, Field(ge=0)]], ...], Field(min_length=1, max_length=GROUP)]
    """The id of each run, and the seconds after ``sent_at`` at which it is due."""


class EventMessage(_Form):
    """Automations to render for an event of a webhook.

    A duplicate message is harmless: a run has the same id each time it is rendered.
    """

    kind: Literal["event"] = "event"
    webhook_id: str
    event: dict[str, JsonValue]
    automations: Annotated[tuple[str, ...], Field(min_length=1)]


def _kind(body: object) -> str:
    """Return the kind of a message. A message for one run, which is the oldest kind, does not name it."""
    return str(body.get("kind", "run")) if isinstance(body, dict) else "run"


type AnyMessage = Annotated[
    Annotated[RunMessage, Tag("run")] | Annotated[GroupMessage, Tag("group")] | Annotated[EventMessage, Tag("event")],
    Discriminator(_kind),
]
_MESSAGE: TypeAdapter[RunMessage | GroupMessage | EventMessage] = TypeAdapter(AnyMessage)


class UnreadableMessageError(AichatsError):
    """A message can't be read by this version of the code."""


class QueueError(AichatsError):
    """SQS did not accept some messages. Their runs are in the ledger, and ``sweep_runs`` sends them."""


def read_message(body: str) -> RunMessage | GroupMessage | EventMessage:
    """Return the message in a body.

    Raises:
        UnreadableMessageError: the body is no message of aichats; names the fields and the reasons.
    """
    try:
        return _MESSAGE.validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        problems = "; ".join(f"{_place(detail['loc'])}: {detail['msg']}" for detail in details)
        raise UnreadableMessageError(problems) from None


def _place(path: Sequence[int | str]) -> str:
    """Return the path of an invalid field. The first step is the message's kind, or nothing."""
    return ".".join(map(str, path[1:])) or "body"


@dataclass(frozen=True)
class Due:
    """A run that needs a message.

    Attributes:
        slow: whether it belongs to the slow queue.
        delay: the time until it is due. A message that comes early is harmless.
    """

    run_id: str
    slow: bool
    delay: timedelta

    @classmethod
    def of(cls, run: Run, delay: timedelta) -> "Due":
        """Return a run as due after a delay."""
        return cls(run.run_id, run.slow, delay)


@dataclass(frozen=True)
class Queue:
    """The run queues, and the queue of unreadable messages.

    The client is created when the first message is sent, because a run that succeeds sends none.
    """

    client: Callable[[], SQS]
    url: str
    slow_url: str
    dead_letter_url: str
    clock: Callable[[], datetime] = utc_now

    def send(self, runs: Sequence[Due]) -> None:
        """Send up to ten runs as one message each, and more runs as groups. All messages are tried even if some fail.

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
        """Send one message for each run of a group, for the time at which it is due.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        elapsed = self.clock() - group.sent_at
        due = [Due(run_id, group.slow, timedelta(seconds=seconds) - elapsed) for run_id, seconds in group.runs]
        self.send_singly(due)

    def send_event(self, message: EventMessage, *, apart: bool = False) -> None:
        """Send the automations to render for an event, in as few messages as possible or in one message for each.

        Raises:
            QueueError: SQS did not accept some messages.
        """
        parts = batched(message.automations, 1 if apart else NAMES, strict=False)
        each = [message.model_copy(update={"automations": part}) for part in parts]
        self._send_all({self.url: [_message(one, timedelta(0)) for one in each]})

    def bury(self, body: str, reason: str) -> None:
        """Move an unreadable message to the dead letters, with the reason.

        Raises:
            QueueError: SQS did not accept it.
        """
        attributes = {"reason": {"DataType": "String", "StringValue": reason[:500]}}
        self._send_all({self.dead_letter_url: [{"MessageBody": body, "MessageAttributes": attributes}]})

    def _group(self, runs: Sequence[Due]) -> dict[str, Any]:
        ids = tuple((run.run_id, _seconds(run.delay)) for run in runs)
        group = GroupMessage(slow=runs[0].slow, sent_at=self.clock(), runs=ids)
        # Not before the first of its runs is due, so that no message must be delayed again.
        return _message(group, min(run.delay for run in runs))

    def _send_all(self, messages_of: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Send the messages of each queue.

        Raises:
            QueueError: SQS did not accept some messages. All were tried.
        """
        number = sum(map(len, messages_of.values()))
        sent = [sqs.send(self.client, url, messages) for url, messages in messages_of.items() if messages]
        if reasons := [reason for failed in sent for reason in failed]:
            raise QueueError(f"SQS did not accept {len(reasons)} of {number} messages: {reasons[0]}")


def fits(event: Mapping[str, Any]) -> bool:
    """Return whether an event of a webhook fits into a message and can be read from it.

    The message adds a level of nesting to the event, and JSON with too many levels can't be read.
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
    # Rounded up: a message that comes before its run is due is dropped, and the run would wait for the next sweep.
    return max(0, math.ceil(delay.total_seconds()))


def _message(form: BaseModel, delay: timedelta) -> dict[str, Any]:
    return {"MessageBody": _json(form.model_dump(mode="json")), "DelaySeconds": _seconds(min(delay, MAX_DELAY))}


def _json(value: Mapping[str, Any]) -> str:
    """Return JSON in ASCII, because SQS does not accept every character."""
    return json.dumps(value, separators=(",", ":"))
