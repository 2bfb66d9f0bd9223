"""Kodey's chats and messages as the answers to calls show them. They are read without a model if possible."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aichats.http.answers import ProviderAnswer, known_fields, read_answer
from aichats.http.bodies import json_object
from aichats.http.plain_answers import (
    PlainAnswer,
    list_of,
    object_with,
    plain_text,
    plain_text_or_none,
    read_plainly,
    time_text,
)
from aichats.kodey.kinds import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from aichats.http.plain_answers import FieldReader

# In the order of the fields of the models Chat and Message.
_CHAT = {"id": plain_text, "agentId": plain_text, "createdAt": time_text}
_OPTIONAL_OF_CHAT = {"teamId": plain_text_or_none, "userId": plain_text_or_none}
_MESSAGE = {"id": plain_text, "content": plain_text, "role": plain_text, "createdAt": time_text}
_OPTIONAL_OF_MESSAGE = {"chatId": plain_text_or_none}


class _Dated(PlainAnswer):
    @property
    def created_at(self) -> datetime:
        """The time of the creation."""
        return datetime.fromisoformat(self.fields["createdAt"])


class KodeyChat(_Dated):
    """A chat of Kodey. ``Chat`` in :mod:`aichats.kodey.models` describes its fields."""

    @property
    def agent_id(self) -> str:
        """The id of the chat's agent."""
        return str(self.fields["agentId"])

    @property
    def user_id(self) -> str | None:
        """The chat's user; ``None`` outside of lists."""
        return self.fields.get("userId")


class KodeyMessage(_Dated):
    """A message of a chat. ``Message`` in :mod:`aichats.kodey.models` describes its fields."""

    @property
    def content(self) -> str:
        """The text of the message."""
        return str(self.fields["content"])

    @property
    def role(self) -> str:
        """The author of the message, such as ``user`` or ``assistant``."""
        return str(self.fields["role"])


def read_created_chat(answer: ProviderAnswer) -> KodeyChat:
    """Return a new chat.

    Raises:
        ProtocolError: the answer can't be read. The error has the ``chat_id`` if possible.
    """

    def by_model() -> KodeyChat:
        from aichats.kodey.models import Chat

        chat = read_answer(Chat, answer, chat_id=_created_id(answer.content))
        return KodeyChat(known_fields(chat, Chat), _whole(chat))

    return read_plainly(answer, _chat, by_model)


def read_retrieved_chat(answer: ProviderAnswer, chat_id: str) -> KodeyChat:
    """Return a chat with its messages, which are only part of ``whole``.

    Raises:
        ProtocolError: the answer can't be read.
    """

    def plain(body: Any) -> KodeyChat:
        chat = _chat(body)
        _messages(body)
        return chat

    def by_model() -> KodeyChat:
        from aichats.kodey.models import Chat, ChatWithMessages

        chat = read_answer(ChatWithMessages, answer, chat_id=chat_id)
        return KodeyChat(known_fields(chat, Chat), _whole(chat))

    return read_plainly(answer, plain, by_model)


def read_chats(answer: ProviderAnswer) -> list[KodeyChat]:
    """Return the chats of a list.

    Raises:
        ProtocolError: the answer can't be read.
    """

    def plain(body: Any) -> list[KodeyChat]:
        return [_chat(chat) for chat in object_with(body, {"chats": list_of})["chats"]]

    def by_model() -> list[KodeyChat]:
        from aichats.kodey.models import Chat, ChatList

        chats = read_answer(ChatList, answer).chats
        return [KodeyChat(known_fields(chat, Chat), _whole(chat)) for chat in chats]

    return read_plainly(answer, plain, by_model)


def read_one_message(answer: ProviderAnswer, chat_id: str) -> KodeyMessage:
    """Return a message.

    Raises:
        ProtocolError: the answer can't be read.
    """

    def by_model() -> KodeyMessage:
        from aichats.kodey.models import Message

        message = read_answer(Message, answer, chat_id=chat_id)
        return KodeyMessage(known_fields(message, Message), _whole(message))

    return read_plainly(answer, _message, by_model)


def read_messages(answer: ProviderAnswer, chat_id: str) -> list[KodeyMessage]:
    """Return the messages of a chat.

    Raises:
        ProtocolError: the answer can't be read.
    """

    def by_model() -> list[KodeyMessage]:
        from aichats.kodey.models import Message, MessageList

        messages = read_answer(MessageList, answer, chat_id=chat_id).messages
        return [KodeyMessage(known_fields(message, Message), _whole(message)) for message in messages]

    return read_plainly(answer, _messages, by_model)


def _chat(body: Any) -> KodeyChat:
    return KodeyChat(_known(body, _CHAT, _OPTIONAL_OF_CHAT), body)


def _message(body: Any) -> KodeyMessage:
    return KodeyMessage(_known(body, _MESSAGE, _OPTIONAL_OF_MESSAGE), body)


def _messages(body: Any) -> list[KodeyMessage]:
    return [_message(message) for message in object_with(body, {"messages": list_of})["messages"]]


def _known(body: Any, required: Mapping[str, FieldReader], optional: Mapping[str, FieldReader]) -> dict[str, Any]:
    fields = object_with(body, required, optional)
    # The models also accept aichats' own names, such as agent_id.
    if any("_" in name for name in body):
        raise ValueError("a field may have aichats' own name")
    return fields


def _whole(reply: BaseModel) -> dict[str, Any]:
    return reply.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _created_id(content: bytes) -> str | None:
    """Return the ``id`` at the top level of an answer that may otherwise be unreadable; ``None`` if it is missing."""
    chat_id = json_object(content).get("id")
    return chat_id if isinstance(chat_id, str) and re.fullmatch(ID_PATTERN, chat_id) else None
