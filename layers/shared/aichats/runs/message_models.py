"""The models of the messages of the run queues: they define the fields, and explain why a body isn't a message.

Import this module only for a body that :func:`aichats.runs.queue_messages.read_message` can't read on its own, because
pydantic slows a cold start.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

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

from aichats.models import RunId
from aichats.runs.queue import GROUP
from aichats.runs.queue_messages import (
    EventMessage,
    GroupMessage,
    JobMessage,
    QueueMessage,
    RunMessage,
    UnreadableMessageError,
    WatchMessage,
)
from aichats.validation import message_of

type _Number = Annotated[int, Field(ge=0)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1


class _Run(_Form):
    run_id: RunId

    def message(self) -> RunMessage:
        return RunMessage(self.run_id)


class _Group(_Form):
    kind: Literal["group"] = "group"
    slow: bool
    sent_at: AwareDatetime
    runs: Annotated[tuple[tuple[RunId, _Number], ...], Field(min_length=1, max_length=GROUP)]

    def message(self) -> GroupMessage:
        return GroupMessage(self.slow, self.sent_at, self.runs)


class _Event(_Form):
    kind: Literal["event"] = "event"
    webhook_id: str
    event: dict[str, JsonValue]
    automations: Annotated[tuple[str, ...], Field(min_length=1)]

    def message(self) -> EventMessage:
        return EventMessage(self.webhook_id, self.event, self.automations)


class _Job(_Form):
    kind: Literal["job"] = "job"
    job_id: RunId
    part: _Number
    handled: _Number = 0
    done: _Number = 0

    def message(self) -> JobMessage:
        return JobMessage(self.job_id, self.part, self.handled, self.done)


class _Watch(_Form):
    kind: Literal["watch"] = "watch"
    run_id: RunId
    looks: _Number = 0
    began_at: AwareDatetime

    def message(self) -> WatchMessage:
        return WatchMessage(self.run_id, self.began_at, self.looks)


def _kind(body: object) -> str:
    """Return the kind of a message. A message for one run does not contain its kind."""
    return str(body.get("kind", "run")) if isinstance(body, dict) else "run"


type _AnyForm = Annotated[
    Annotated[_Run, Tag("run")]
    | Annotated[_Group, Tag("group")]
    | Annotated[_Event, Tag("event")]
    | Annotated[_Job, Tag("job")]
    | Annotated[_Watch, Tag("watch")],
    Discriminator(_kind),
]
MESSAGE: TypeAdapter[_Run | _Group | _Event | _Job | _Watch] = TypeAdapter(_AnyForm)


def read_with_models(body: str) -> QueueMessage:
    """Return the message in a body.

    Raises:
        UnreadableMessageError: the body isn't a message of aichats. The error names the fields and the reasons.
    """
    try:
        return MESSAGE.validate_json(body).message()
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = "; ".join(f"{_place(detail['loc'])}: {message_of(detail)}" for detail in details)
        raise UnreadableMessageError(problems) from None


def _place(path: Sequence[int | str]) -> str:
    """Return the path of an invalid field, without its first step, which is the message's kind."""
    return ".".join(map(str, path[1:])) or "body"
