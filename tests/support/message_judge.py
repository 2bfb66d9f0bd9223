"""The judge of the messages of the run queues: pydantic models of the whole format, as in earlier versions."""

import json
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

from aichats.runs import queue_messages
from aichats.runs.queue_messages import QueueMessage
from aichats.validation import message_of

type Id = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


class Form(BaseModel):
    """The fields of every message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1


class RunMessage(Form):
    """A run."""

    run_id: Id


class GroupMessage(Form):
    """A group of runs."""

    kind: Literal["group"] = "group"
    slow: bool
    sent_at: AwareDatetime
    runs: Annotated[tuple[tuple[Id, Annotated[int, Field(ge=0)]], ...], Field(min_length=1, max_length=100)]


class EventMessage(Form):
    """A webhook event."""

    kind: Literal["event"] = "event"
    webhook_id: str
    event: dict[str, JsonValue]
    automations: Annotated[tuple[str, ...], Field(min_length=1)]


class JobMessage(Form):
    """A part of a job."""

    kind: Literal["job"] = "job"
    job_id: Id
    part: Annotated[int, Field(ge=0)]
    handled: Annotated[int, Field(ge=0)] = 0
    done: Annotated[int, Field(ge=0)] = 0


class WatchMessage(Form):
    """A look at a chat."""

    kind: Literal["watch"] = "watch"
    run_id: Id
    looks: Annotated[int, Field(ge=0)] = 0
    began_at: AwareDatetime


def _kind(body: object) -> str:
    return str(body.get("kind", "run")) if isinstance(body, dict) else "run"


type AnyForm = Annotated[
    Annotated[RunMessage, Tag("run")]
    | Annotated[GroupMessage, Tag("group")]
    | Annotated[EventMessage, Tag("event")]
    | Annotated[JobMessage, Tag("job")]
    | Annotated[WatchMessage, Tag("watch")],
    Discriminator(_kind),
]
_FORM: TypeAdapter[Form] = TypeAdapter(AnyForm)


def judged(body: str) -> tuple[str, dict[str, Any]] | str:
    """Return the name of a message's class and its fields; the text of the error if a body is not a message."""
    try:
        form = _FORM.validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False)
        places = [(".".join(map(str, detail["loc"][1:])) or "body", message_of(detail)) for detail in details]
        return "; ".join(f"{place}: {problem}" for place, problem in places)
    names = [name for name in type(form).model_fields if name not in ("version", "kind")]
    return type(form).__name__, {name: getattr(form, name) for name in names}


def written(message: QueueMessage) -> str:
    """Return the body of a message as earlier versions wrote it."""
    form = globals()[type(message).__name__](**message._asdict())
    return json.dumps(form.model_dump(mode="json"), separators=(",", ":"))


def read(body: str) -> tuple[str, dict[str, Any]] | str:
    """Return what the code reads in a body, in the same form as :func:`judged`."""
    try:
        message = queue_messages.read_message(body)
    except queue_messages.UnreadableMessageError as error:
        return str(error)
    return type(message).__name__, message._asdict()
