"""A client of Kodey's chats API with six operations on chats and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats.http import BaseTransport
from aichats.http.client import HttpClient
from aichats.http.paths import segment
from aichats.http.tokens import Token
from aichats.http.transport import DeadlineTransport
from aichats.kodey.chats import (
    KodeyChat,
    KodeyMessage,
    read_chats,
    read_created_chat,
    read_messages,
    read_one_message,
    read_retrieved_chat,
)
from aichats.kodey.errors import KODEY_STYLE

if TYPE_CHECKING:
    from aichats.json_types import Json

KODEY_BASE_URL = "https://pooled.api.kodey.ai"
MESSAGE_SECONDS = 240.0
"""The time limit of a call that sends a message. The call ends when the assistant has answered."""


class KodeyClient:
    """Chats with one key.

    Args:
        token: a key, or a function that returns one. The function is called with ``None`` before each call, and with
            the rejected key after a 401 or a 403. If it then returns another key, the call is retried once.
        timeout: the time limit of a whole call in seconds, with its retries and waits.
        answer_timeout: the time limit of :meth:`send_message`, which waits for the assistant's answer.
        transport: the transport; by default, the client has its own connection pool.
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

    def create_chat(self, agent_id: str, user_id: str | None = None, metadata: Json | None = None) -> KodeyChat:
        """Create a chat. The call is only retried if Kodey certainly did not create the chat.

        The arguments are the fields of :class:`~aichats.kodey.models.NewKodeyChat`, which are not checked again.

        Raises:
            OutcomeUnknownError: Kodey may have created the chat. A unique ``user_id`` finds it.
            ProtocolError: the chat exists, but the answer can't be read. The error has the ``chat_id`` if possible.
            ProviderError: Kodey rejected the call or was not reached. The chat does not exist.
        """
        owner = {} if user_id is None else {"userId": user_id}
        body = {"agentId": agent_id, **owner, "metadata": metadata or {}}
        return read_created_chat(self._http.call("POST", "/chat", body=body))

    def list_chats(self, *, user_id: str | None = None, agent_type: str | None = None) -> list[KodeyChat]:
        """Return all chats that the key may read, or only those of a user or a type of agent, in any order.

        Raises:
            InputError: an argument is too long or empty. Nothing was sent.
            ProviderError: the call failed.
        """
        from aichats.kodey.models import ListChats
        from aichats.validation import parse

        query = parse(ListChats, {"user_id": user_id, "agent_type": agent_type})
        params = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        return read_chats(self._http.call("GET", "/chat", params=params))

    def retrieve_chat(self, chat_id: str) -> KodeyChat:
        """Return one chat. Its ``whole`` has the messages.

        Raises:
            NotFoundError: the chat does not exist, or the key may not read it.
            ProviderError: any other failure.
        """
        return read_retrieved_chat(self._http.call("GET", _path(chat_id)), chat_id)

    def delete_chat(self, chat_id: str) -> None:
        """Delete a chat.

        Raises:
            ProviderError: the call failed.
        """
        self._http.call("DELETE", _path(chat_id))

    def send_message(self, chat_id: str, content: str) -> KodeyMessage:
        """Send a message and return the assistant's answer. The call is only retried if nothing was sent.

        Raises:
            OutcomeUnknownError: Kodey may have received the message. The chat's messages show whether it did.
            ProtocolError: the message was sent, but the answer can't be read.
            NotFoundError: the chat does not exist, or the key may not read it.
            ProviderError: Kodey rejected the message or was not reached. Nothing was sent.
        """
        body = {"content": content, "role": "user"}
        answer = self._http.call("POST", _messages_path(chat_id), body=body, timeout=self._answer_timeout)
        return read_one_message(answer, chat_id)

    def list_messages(self, chat_id: str) -> list[KodeyMessage]:
        """Return all messages of a chat.

        Raises:
            NotFoundError: the chat does not exist, or the key may not read it.
            ProviderError: any other failure.
        """
        return read_messages(self._http.call("GET", _messages_path(chat_id)), chat_id)


def _path(chat_id: str) -> str:
    return f"/chat/{segment(chat_id, problem='is not the id of a chat')}"


def _messages_path(chat_id: str) -> str:
    return f"{_path(chat_id)}/message"
