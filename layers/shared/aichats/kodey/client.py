"""A client of Kodey's chats API: six operations on chats and messages."""

import re

from aichats.http import BaseTransport
from aichats.http.answers import read_answer
from aichats.http.bodies import json_object
from aichats.http.client import HttpClient
from aichats.http.paths import segment
from aichats.http.tokens import Token
from aichats.http.transport import DeadlineTransport
from aichats.kodey.errors import KODEY_STYLE
from aichats.kodey.models import (
    ID_PATTERN,
    Chat,
    ChatList,
    ChatWithMessages,
    ListChats,
    Message,
    MessageList,
    NewKodeyChat,
)
from aichats.validation import parse

KODEY_BASE_URL = "https://pooled.api.kodey.ai"
MESSAGE_SECONDS = 240.0
"""The limit of a call that sends a message. The call ends when the assistant has answered."""


class KodeyClient:
    """Chats with one key.

    Args:
        token: a key, or a function that returns one. It is called with ``None`` before each call, and with the rejected
            key after a 401 or a 403. If it then returns another key, the call is retried once.
        timeout: seconds for one whole call, its retries and waits included.
        answer_timeout: seconds for :meth:`send_message`, which waits for the assistant's answer.
        transport: the transport; by default a connection pool of the client's own.
    """

    def __init__(
        self,
        token: Token,
        base_url: str = KODEY_BASE_URL,
        timeout: float = 20.0,
        answer_timeout: float = MESSAGE_SECONDS,
        transport: BaseTransport | None = None,
    ) -> None:
        self._answer_timeout = answer_timeout
        self._http = HttpClient(KODEY_STYLE, base_url, token, timeout, transport or DeadlineTransport())

    def create_chat(self, chat: NewKodeyChat) -> Chat:
        """Create a chat. It is only retried if Kodey surely did not create it, because Kodey has no idempotency keys.

        Raises:
            OutcomeUnknownError: Kodey may have created the chat. You can find it by a ``user_id`` of its own.
            ProtocolError: the chat exists, but the answer can't be read; ``chat_id`` is its id, if that can be read.
            ProviderError: Kodey rejected the call or was not reached; there is no chat.
        """
        unset = {"user_id"} if chat.user_id is None else None
        body = chat.model_dump(mode="json", by_alias=True, exclude=unset)
        answer = self._http.call("POST", "/chat", body=body)
        return read_answer(Chat, answer, chat_id=_created_id(answer.content))

    def list_chats(self, *, user_id: str | None = None, agent_type: str | None = None) -> list[Chat]:
        """Return all chats that the key may read, or those of one user or one type of agent, in any order.

        Raises:
            InputError: an argument is too long or empty; nothing was sent.
            ProviderError: the failure.
        """
        query = parse(ListChats, {"user_id": user_id, "agent_type": agent_type})
        params = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        return read_answer(ChatList, self._http.call("GET", "/chat", params=params)).chats

    def retrieve_chat(self, chat_id: str) -> ChatWithMessages:
        """Return one chat, with its messages.

        Raises:
            NotFoundError: there is no such chat, or the key may not read it.
            ProviderError: any other failure.
        """
        return read_answer(ChatWithMessages, self._http.call("GET", _path(chat_id)), chat_id=chat_id)

    def delete_chat(self, chat_id: str) -> None:
        """Delete a chat.

        Raises:
            ProviderError: the failure.
        """
        self._http.call("DELETE", _path(chat_id))

    def send_message(self, chat_id: str, content: str) -> Message:
        """Send a message, and return the assistant's answer. It is only retried if it surely was not sent.

        Raises:
            OutcomeUnknownError: Kodey may have received the message; the chat's messages show it.
            ProtocolError: the message was sent, but the answer can't be read.
            NotFoundError: there is no such chat, or the key may not read it.
            ProviderError: Kodey rejected the message or was not reached; nothing was sent.
        """
        body = {"content": content, "role": "user"}
        answer = self._http.call("POST", _messages_path(chat_id), body=body, timeout=self._answer_timeout)
        return read_answer(Message, answer, chat_id=chat_id)

    def list_messages(self, chat_id: str) -> list[Message]:
        """Return all messages of a chat.

        Raises:
            NotFoundError: there is no such chat, or the key may not read it.
            ProviderError: any other failure.
        """
        return read_answer(MessageList, self._http.call("GET", _messages_path(chat_id)), chat_id=chat_id).messages


def _created_id(content: bytes) -> str | None:
    """Return the id of a chat from an answer that can't be read. Only the outermost ``id`` counts."""
    chat_id = json_object(content).get("id")
    return chat_id if isinstance(chat_id, str) and re.fullmatch(ID_PATTERN, chat_id) else None


def _path(chat_id: str) -> str:
    return f"/chat/{segment(chat_id, problem='is not the id of a chat')}"


def _messages_path(chat_id: str) -> str:
    return f"{_path(chat_id)}/message"
