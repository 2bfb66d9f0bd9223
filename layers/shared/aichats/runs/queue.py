"""The run queues. Each waiting run has a message with the run's id; the ledger has everything else.

Runs whose provider takes minutes have their own queue and function, so that no other run waits behind them.

Many runs are sent as a few group messages, so 1,000 runs cost the sender one call to SQS. ``perform_runs`` then sends a
message for each run of a group.

An event message contains a webhook event, and the automations that ``receive_webhook`` had no time to render.

A job message names a part of a job, which replays or cancels many runs.

A watch message names a run whose chat waits for the agent's reply.
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any, NamedTuple

from aichats.aws import sqs
from aichats.aws.sqs import BATCH_MESSAGES
from aichats.errors import AichatsError
from aichats.runs.ledger.times import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from aichats.aws.sqs import SQS
    from aichats.runs.model import Run
    from aichats.runs.queue_messages import EventMessage, GroupMessage, JobMessage, QueueMessage, WatchMessage

MAX_DELAY = timedelta(minutes=15)
"""The maximum delay of a message in SQS."""
EVENT_BYTES = 200_000
"""The maximum size of an event in a message. The names of the automations take the remaining space."""
NAMES = 500
"""The maximum number of automations in an event message. A name has at most 67 bytes."""
GROUP = 100
"""The maximum number of runs in a group message. To send their messages takes ten calls to SQS."""
RUN_ID_LENGTH = 32
RUN_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
BEFORE_RUN_ID, AFTER_RUN_ID = '{"version":1,"run_id":"', '"}'
"""The parts of the body of a message for one run."""


class QueueError(AichatsError):
    """SQS did not accept some messages. Their runs are in the ledger, and ``sweep_runs`` sends new messages."""


def is_run_id(text: str) -> bool:
    """Return whether a text is the id of a run."""
    return len(text) == RUN_ID_LENGTH and RUN_ID_CHARACTERS.issuperset(text)


def run_id_of(body: str) -> str | None:
    """Return the id of the run in the body of a message, as :class:`Queue` writes it; ``None`` for any other body.

    Most messages are for one run. With this function, performing them needs none of the modules that read messages.
    """
    run_id = body.removeprefix(BEFORE_RUN_ID).removesuffix(AFTER_RUN_ID)
    return run_id if is_run_id(run_id) and body == f"{BEFORE_RUN_ID}{run_id}{AFTER_RUN_ID}" else None


class Due(NamedTuple):
    """A run that needs a message.

    Attributes:
        slow: whether the message belongs to the slow queue.
        delay: the time until the run is due. A message that arrives early is harmless.
    """

    run_id: str
    slow: bool
    delay: timedelta

    @classmethod
    def of(cls, run: Run, delay: timedelta) -> Due:
        """Return a run that is due after a delay."""
        return cls(run.run_id, run.slow, delay)


class Queue:
    """The run queues, and the queue of unreadable messages."""

    def __init__(
        self,
        client: Callable[[], SQS],
        url: str,
        slow_url: str,
        dead_letter_url: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Return the queues.

        Args:
            client: creates the client when the first message is sent, because a run that succeeds sends no message.
            url: the queue of most runs.
            slow_url: the queue of the runs whose provider takes minutes.
            dead_letter_url: the queue of unreadable messages.
            clock: returns the current time.
        """
        self.client, self.clock = client, clock
        self.url, self.slow_url, self.dead_letter_url = url, slow_url, dead_letter_url

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
            [_entry(f"{BEFORE_RUN_ID}{run.run_id}{AFTER_RUN_ID}", run.delay) for run in runs if run.slow == slow]
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
        self._send_all({self.url: [_message(message._replace(automations=part), timedelta(0)) for part in parts]})

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
        from aichats.runs.queue_messages import GroupMessage

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
    from aichats.runs.queue_messages import EventMessage, UnreadableMessageError, body_of, read_message

    if len(as_json(event)) > EVENT_BYTES:
        return False
    try:
        read_message(body_of(EventMessage(webhook_id="", event=event, automations=[""])))
    except UnreadableMessageError:
        return False
    return True


def as_json(value: Mapping[str, Any]) -> str:
    """Return ASCII JSON, because SQS does not accept every character."""
    return json.dumps(value, separators=(",", ":"))


def _groups(runs: Sequence[Due]) -> Iterator[Sequence[Due]]:
    """Yield groups of at most 100 runs, each for one queue."""
    for slow in (False, True):
        yield from batched((run for run in runs if run.slow == slow), GROUP, strict=False)


def _seconds(delay: timedelta) -> int:
    # Rounded up, because a message that arrives before its run is due only causes another message.
    return max(0, math.ceil(delay.total_seconds()))


def _message(message: QueueMessage, delay: timedelta) -> dict[str, Any]:
    from aichats.runs.queue_messages import body_of

    return _entry(body_of(message), delay)


def _entry(body: str, delay: timedelta) -> dict[str, Any]:
    return {"MessageBody": body, "DelaySeconds": _seconds(min(delay, MAX_DELAY))}
