"""The messages of the run queues, as plain data.

Another version of the code may read a message, so each has a version. Messages that this version writes are read
without models, because pydantic slows a cold start. The models in :mod:`aichats.runs.message_models` read all other
messages, and explain why a body isn't a message.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from aichats.errors import AichatsError
from aichats.json_types import CERTAIN_LEVELS
from aichats.runs.queue import GROUP, as_json, is_run_id, run_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class RunMessage(NamedTuple):
    """A run to perform."""

    run_id: str


class GroupMessage(NamedTuple):
    """A group of runs. Each run of the group gets its own message.

    A lost or duplicate group is harmless, because its runs are open in the ledger and each is performed once.

    Attributes:
        slow: True if the runs belong to the slow queue.
        sent_at: the time at which the group was sent.
        runs: the id of each run, and the seconds from ``sent_at`` until the run is due.
    """

    slow: bool
    sent_at: datetime
    runs: Sequence[tuple[str, int]]


class EventMessage(NamedTuple):
    """Automations to render for a webhook event.

    A duplicate message is harmless, because a run has the same id each time it is rendered.
    """

    webhook_id: str
    event: Mapping[str, Any]
    automations: Sequence[str]


class JobMessage(NamedTuple):
    """A part of a job, or the rest of a part whose time ended.

    A duplicate message is harmless, because the job replays or cancels each run once.

    Attributes:
        job_id: the id of the job.
        part: the number of the part.
        handled: the number of runs at the beginning of the part that earlier messages have handled.
        done: the number of these runs that are as the job wants them.
    """

    job_id: str
    part: int
    handled: int = 0
    done: int = 0


class WatchMessage(NamedTuple):
    """A run whose chat aichats looks at, until the agent has replied.

    A duplicate message is harmless, because the first result of a watch is stored, and a watch with a result ends.

    Attributes:
        run_id: the id of the run.
        began_at: the time at which the watch began.
        looks: the number of looks before this one.
    """

    run_id: str
    began_at: datetime
    looks: int = 0


type QueueMessage = RunMessage | GroupMessage | EventMessage | JobMessage | WatchMessage


class UnreadableMessageError(AichatsError):
    """This version of the code can't read a message."""


def body_of(message: QueueMessage) -> str:
    """Return the body of a message: ASCII JSON, because SQS does not accept every character."""
    match message:
        case RunMessage(run_id):
            return as_json({"version": 1, "run_id": run_id})
        case GroupMessage(slow, sent_at, runs):
            return as_json({"version": 1, "kind": "group", "slow": slow, "sent_at": _text(sent_at), "runs": runs})
        case EventMessage():
            return as_json({"version": 1, "kind": "event", **message._asdict()})
        case JobMessage():
            return as_json({"version": 1, "kind": "job", **message._asdict()})
        case WatchMessage(run_id, began_at, looks):
            began = _text(began_at)
            return as_json({"version": 1, "kind": "watch", "run_id": run_id, "looks": looks, "began_at": began})


def read_message(body: str) -> QueueMessage:
    """Return the message in a body.

    Raises:
        UnreadableMessageError: the body isn't a message of aichats. The error names the fields and the reasons.
    """
    if (run_id := run_id_of(body)) is not None:
        return RunMessage(run_id)
    message = _own_message(body)
    if message is not None:
        return message
    from aichats.runs.message_models import read_with_models

    return read_with_models(body)


def _own_message(body: str) -> QueueMessage | None:
    """Return a message whose body is exactly as this version of the code writes it; ``None`` for all other bodies.

    The models also decide about bodies that may have too many levels, and about texts with half of a surrogate pair.
    """
    if body.count("{") + body.count("[") > CERTAIN_LEVELS:
        return None
    try:
        data = json.loads(body)
        if "\\ud" in body:
            json.dumps(data, ensure_ascii=False).encode()
        message = _message_in(data)
    except ValueError:
        return None
    return message if message is not None and body_of(message) == body else None


def _message_in(data: object) -> QueueMessage | None:
    """Return a message whose fields are certainly valid. The data may have more fields.

    Raises:
        ValueError: the data has a time that is certainly invalid.
    """
    match data:
        case {"kind": "group", "slow": bool(slow), "sent_at": str(sent_at), "runs": [*runs]} if _are_delayed(runs):
            return GroupMessage(slow, _time(sent_at), tuple((run_id, seconds) for run_id, seconds in runs))
        case {
            "kind": "event",
            "webhook_id": str(webhook_id),
            "event": dict(event),
            "automations": [str(), *_] as names,
        }:
            if all(isinstance(name, str) for name in names):
                return EventMessage(webhook_id, event, tuple(names))
        case {"kind": "job", "job_id": str(job_id), "part": part, "handled": handled, "done": done}:
            if is_run_id(job_id) and all(map(_is_number, (part, handled, done))):
                return JobMessage(job_id, part, handled, done)
        case {"kind": "watch", "run_id": str(run_id), "looks": looks, "began_at": str(began_at)}:
            if is_run_id(run_id) and _is_number(looks):
                return WatchMessage(run_id, _time(began_at), looks)
    return None


def _are_delayed(runs: list[object]) -> bool:
    return 0 < len(runs) <= GROUP and all(map(_is_delayed_run, runs))


def _is_delayed_run(value: object) -> bool:
    match value:
        case [str(run_id), seconds]:
            return is_run_id(run_id) and _is_number(seconds)
    return False


def _is_number(value: object) -> bool:
    # A Boolean is an int too, but not a number in JSON.
    return type(value) is int and value >= 0


def _time(text: str) -> datetime:
    """Return a text as a time in UTC.

    Raises:
        ValueError: the text isn't a time in UTC.
    """
    if not text.endswith("Z"):
        raise ValueError("is not a time in UTC")
    return datetime.fromisoformat(text)


def _text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
