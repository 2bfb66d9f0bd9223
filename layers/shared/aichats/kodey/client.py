"""Kodey's chats API as a client: six operations on chats and messages, and the list of agents."""

import re

from aichats.errors import ProviderError
from aichats.http import BaseTransport
from aichats.http.answers import read
from aichats.http.bodies import json_object
from aichats.http.client import HttpClient
from aichats.http.paths import segment
from aichats.http.tokens import Token
from aichats.http.transport import DeadlineTransport
from aichats.kodey.errors import KODEY, OTHER_KEY_NEEDED
from aichats.kodey.keys import key_kind
from aichats.kodey.models import (
    ID_PATTERN,
    Agent,
    AgentList,
    Chat,
    ChatList,
    ChatWithMessages,
    CreateChat,
    ListChats,
    Message,
    MessageList,
)
from aichats.validation import parse

DEFAULT_BASE_URL = "https://pooled.api.kodey.ai"
ANSWER_SECONDS = 240.0
"""How long a call that sends a message may take: it ends when the assistant has answered."""


class KodeyClient:
    """Chats with one key.

    Args:
        token: a key, or a callable that gives one: called with ``None`` at first (and again when the key is 30 s
            old), and with the rejected key after a 401 or a 403. If another key comes back, the call is repeated
            once.
        timeout: seconds for one whole call, its retries and waits included.
        answer_timeout: the same for :meth:`send_message`, which waits for the assistant's answer.
        transport: for tests, or to share one connection pool between clients.
    """

    def __init__(
        self,
        token: Token,
        base_url: str = DEFAULT_BASE_URL,
        timeout: float = 20.0,
        answer_timeout: float = ANSWER_SECONDS,
        transport: BaseTransport | None = None,
    ) -> None:
        self._answer_timeout = answer_timeout
        self._http = HttpClient(
            provider=KODEY, base_url=base_url, token=token, timeout=timeout, transport=transport or DeadlineTransport()
        )

    def create_chat(self, chat: CreateChat) -> Chat:
        """Create a chat. Never repeated unless it surely took no effect: Kodey knows no idempotency keys.

        Raises:
            OutcomeUnknownError: the chat may exist or not; only a ``user_id`` of its own would find it.
            ProtocolError: the chat exists, but the answer cannot be read; ``chat_id`` says which, if that much can be.
            ProviderError: refused or not reached; there is no chat.
        """
        unset = {"user_id"} if chat.user_id is None else None
        body = chat.model_dump(mode="json", by_alias=True, exclude=unset)
        answer = self._http.call("POST", "/chat", body=body)
        return read(Chat, answer, chat_id=_created_id(answer.content))

    def list_chats(self, *, user_id: str | None = None, agent_type: str | None = None) -> list[Chat]:
        """All chats that the key sees, or those of one user or one type of agent. Kodey promises no order.

        Raises:
            InputError: an argument is out of its bounds; nothing was sent.
            ProviderError: the failure.
        """
        query = parse(ListChats, {"user_id": user_id, "agent_type": agent_type})
        params = query.model_dump(mode="json", by_alias=True, exclude_none=True)
        return read(ChatList, self._http.call("GET", "/chat", params=params)).chats

    def retrieve_chat(self, chat_id: str) -> ChatWithMessages:
        """Get one chat, with its messages.

        Raises:
            NotFoundError: there is no such chat, or the key may not see it.
            ProviderError: any other failure.
        """
        return read(ChatWithMessages, self._http.call("GET", _path(chat_id)), chat_id=chat_id)

    def delete_chat(self, chat_id: str) -> None:
        """Delete a chat.

        Raises:
            ProviderError: the failure.
        """
        self._http.call("DELETE", _path(chat_id))

    def send_message(self, chat_id: str, content: str) -> Message:
        """Send a message, and wait for the assistant's answer. Never repeated unless it surely took no effect.

        Raises:
            OutcomeUnknownError: the message may have been sent or not; the chat's messages tell.
            ProtocolError: it was sent, but the answer cannot be read.
            NotFoundError: there is no such chat, or the key may not see it.
            ProviderError: refused or not reached; nothing was sent.
        """
        body = {"content": content, "role": "user"}
        answer = self._http.call("POST", _messages_path(chat_id), body=body, timeout=self._answer_timeout)
        return read(Message, answer, chat_id=chat_id)

    def list_messages(self, chat_id: str) -> list[Message]:
        """All messages of a chat.

        Raises:
            NotFoundError: there is no such chat, or the key may not see it.
            ProviderError: any other failure.
        """
        return read(MessageList, self._http.call("GET", _messages_path(chat_id)), chat_id=chat_id).messages

    def list_agents(self) -> list[Agent]:
        """All agents of the key's team.

        Raises:
            ProviderError: the key is a publishable one, which may not (nothing was sent), or any other failure.
        """
        if key_kind(self._http.current_token()) == "publishable":
            raise ProviderError("a publishable key may not list agents", provider=KODEY.name, hint=OTHER_KEY_NEEDED)
        return read(AgentList, self._http.call("GET", "/agent")).agents


def _created_id(content: bytes) -> str | None:
    """The id of a chat whose answer cannot be read. Only the outermost counts: any text may be an id here."""
    found = json_object(content).get("id")
    return found if isinstance(found, str) and re.fullmatch(ID_PATTERN, found) else None


def _path(chat_id: str) -> str:
    return f"/chat/{segment(chat_id, problem='is not the id of a chat')}"


def _messages_path(chat_id: str) -> str:
    return f"{_path(chat_id)}/message"
