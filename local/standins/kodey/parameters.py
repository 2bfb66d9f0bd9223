"""The bodies of the operations. Unknown fields and wrong types are rejected."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aichats.validation import message_of
from local.standins.kodey.errors import KodeyError


class Parameters(BaseModel):
    """A body that rejects unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CreateChat(Parameters):
    """The body of a create."""

    agent_id: str = Field(alias="agentId")
    user_id: str | None = Field(default=None, alias="userId")
    metadata: dict[str, Any] = {}


class SendMessage(Parameters):
    """The body of a message."""

    content: str
    role: Literal["user"]


def parse_body[P: Parameters](model: type[P], body: bytes) -> P:
    """Return the body as ``model``.

    Raises:
        KodeyError: 400, with the first invalid field.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise KodeyError(400, f"{field}: {message_of(first)}") from error
