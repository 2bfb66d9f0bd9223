"""What goes to Kodey and what comes back. Requests forbid unknown fields; replies keep them.

Field names are ours here (``agent_id``). Requests take them so, and go out under Kodey's (``agentId``); replies are
read, and dumped again, under Kodey's.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AliasGenerator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from aichats.http.bodies import compact_json
from aichats.models import MessageText, OrElse, Reply, Request

MAX_METADATA_BYTES = 4096
"""Longest ``metadata`` in bytes of compact JSON in UTF-8."""
MAX_METADATA_DEPTH = 32
"""Parsers have limits, and what was taken must be readable again wherever it is kept."""
ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._:-]{0,199}$"
"""Kodey's ids are opaque. These characters need no care in a path, and no id is ``.`` or ``..``."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be printable")
    return value


def _bounded_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if _depth(metadata) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_METADATA_DEPTH} levels")
    try:
        size = len(compact_json(metadata))
    except ValueError:
        raise ValueError("holds a number or a text that JSON cannot hold") from None
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"is {size} bytes long, the limit is {MAX_METADATA_BYTES}")
    return metadata


def _depth(value: JsonValue) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, dict | list) else 0


type AgentId = Annotated[str, Field(pattern=ID_PATTERN, examples=["agent_xxxxx"]), OrElse("is not an agent's id")]
type KodeyChatId = Annotated[
    str, Field(pattern=ID_PATTERN, examples=["chat_xxxxx"]), OrElse("is not the id of a chat of Kodey")
]
type UserId = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
type AgentType = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
type Metadata = Annotated[dict[str, JsonValue], AfterValidator(_bounded_metadata)]


class _Request(Request):
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class CreateChat(_Request):
    """A chat to be created."""

    agent_id: AgentId
    user_id: UserId | None = None
    metadata: Metadata = Field(default_factory=dict)


class ListChats(_Request):
    """Which chats are listed."""

    user_id: UserId | None = None
    agent_type: AgentType | None = None


class SendMessage(Request):
    """A message to be sent to a chat."""

    content: MessageText


class _Reply(Reply):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Message(_Reply):
    """A message of a chat: the user's, or the assistant's answer."""

    id: str
    content: str
    role: str
    created_at: datetime
    chat_id: str | None = None
    """Absent in lists."""


class Chat(_Reply):
    """A chat as Kodey has it."""

    id: str
    agent_id: str
    created_at: datetime
    team_id: str | None = None
    """Absent in lists."""
    user_id: str | None = None
    """Present in lists alone."""


class ChatWithMessages(Chat):
    """A chat with all its messages."""

    messages: list[Message]


class Agent(_Reply):
    """An agent that chats can be had with."""

    id: str
    name: str
    created_at: datetime
    description: str | None = None


class ChatList(_Reply):
    """All chats that were asked for: Kodey has no pages."""

    chats: list[Chat]


class MessageList(_Reply):
    """All messages of a chat."""

    messages: list[Message]


class AgentList(_Reply):
    """All agents."""

    agents: list[Agent]
