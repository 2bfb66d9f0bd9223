"""What the operations take: nothing unknown, nothing of a wrong type."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.standins.kodey.errors import KodeyError


class Parameters(BaseModel):
    """Closed: a name that is not known is refused."""

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
    """The body as ``model``.

    Raises:
        KodeyError: 400, naming the first field at fault.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise KodeyError(400, f"{field}: {first['msg']}") from error
