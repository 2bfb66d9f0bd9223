"""Requests to Kodey, which reject unknown fields, and Kodey's replies, which keep them.

The models have aichats' own field names (``agent_id``). Requests are sent with Kodey's names (``agentId``). Replies are
read and dumped with Kodey's names.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AliasGenerator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from aichats.http.bodies import compact_json
from aichats.kodey.kinds import ID_PATTERN, MAX_USER_ID_CHARACTERS
from aichats.models import MessageText, OrElse, ProviderReply, Request

MAX_METADATA_BYTES = 4096
"""The maximum size of ``metadata`` in bytes of compact UTF-8 JSON."""
MAX_METADATA_DEPTH = 32
"""The maximum number of nested levels. Every parser that reads the metadata accepts it."""


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must contain only printable characters")
    return value


def _bounded_metadata(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if _depth(metadata) > MAX_METADATA_DEPTH:
        raise ValueError(f"has more than {MAX_METADATA_DEPTH} nested levels")
    try:
        size = len(compact_json(metadata))
    except ValueError:
        raise ValueError("contains a number or a text that JSON can't express") from None
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
type UserId = Annotated[str, Field(min_length=1, max_length=MAX_USER_ID_CHARACTERS), AfterValidator(_printable)]
type AgentType = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
type Metadata = Annotated[dict[str, JsonValue], AfterValidator(_bounded_metadata)]


class _Request(Request):
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=to_camel))


class NewKodeyChat(_Request):
    """A request to create a chat."""

    agent_id: AgentId
    user_id: UserId | None = None
    metadata: Metadata = Field(default_factory=dict)


class ListChats(_Request):
    """A filter for the list of chats."""

    user_id: UserId | None = None
    agent_type: AgentType | None = None


class SendMessage(Request):
    """A request to send a message to a chat."""

    content: MessageText


class _Reply(ProviderReply):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Message(_Reply):
    """A message of a chat, from the user or from the assistant."""

    id: str
    content: str
    role: str
    created_at: datetime
    chat_id: str | None = None
    """Missing in lists."""


class Chat(_Reply):
    """A chat of Kodey."""

    id: str
    agent_id: str
    created_at: datetime
    team_id: str | None = None
    """Missing in lists."""
    user_id: str | None = None
    """Only present in lists."""


class ChatWithMessages(Chat):
    """A chat with all its messages."""

    messages: list[Message]


class ChatList(_Reply):
    """A list of chats. Kodey has no pages."""

    chats: list[Chat]


class MessageList(_Reply):
    """The list of all messages of a chat."""

    messages: list[Message]
