"""Kodey's actions as data, and the targets that they need."""

from typing import Literal

from pydantic import TypeAdapter

from aichats.kodey.models import AgentId, KodeyChatId, Metadata, UserId
from aichats.models import ActionKind, MessageText, Request


class KodeyCreateChat(Request):
    """Create a chat and send its first message. A target is an agent."""

    type: Literal["kodey.create_chat"]
    message_text: MessageText
    user_id: UserId | None = None
    """The owner of the chat in Kodey. Without it, the chat gets a user id that only this run has."""
    metadata: Metadata | None = None


class KodeySendMessage(Request):
    """Send a message. A target is a chat."""

    type: Literal["kodey.send_message"]
    content: MessageText


_AGENT, _CHAT = TypeAdapter(AgentId), TypeAdapter(KodeyChatId)
KODEY_ACTIONS: dict[str, ActionKind] = {
    "kodey.create_chat": ActionKind(KodeyCreateChat, _AGENT, "an agent's id", _CHAT, slow=True),
    "kodey.send_message": ActionKind(KodeySendMessage, _CHAT, "a chat's id", _CHAT, slow=True),
}
