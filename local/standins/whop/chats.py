"""The AI chats of the mock server."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.standins.shared.clock import Clock, iso, seconds_of
from local.standins.shared.ids import new_id
from local.standins.whop.errors import WhopError
from local.standins.whop.mode import AgentReplies
from local.standins.whop.parameters import Agent, CreateAiChat, NotificationPreference, UpdateAiChat

USER_ID = "user_localstandin1"
"""The user of every credential, so that a new token finds the chats of the old one."""
LOADED = (
    *("id", "title", "company_id", "agent_identifier", "notification_preference"),
    *("message_text", "message_source", "suggestion_type", "message_attachments"),
)
"""Fields that a saved chat has under the same names."""
REPLY = ("replied_at", "reply_tokens")
"""Further such fields, which only chats with a reply have."""


@dataclass
class Chat:
    """One AI chat. Times are seconds since 1970; ``sequence`` is the number of its creation."""

    sequence: int
    created_at: float
    updated_at: float
    message_text: str
    title: str | None
    company_id: str | None
    agent_identifier: Agent
    message_source: str | None
    suggestion_type: str | None
    message_attachments: list[str]
    notification_preference: NotificationPreference = "all"
    replied_at: float | None = None
    """Time of the agent's reply, which may be in the future."""
    reply_tokens: str = "0.0"
    id: str = field(default_factory=lambda: new_id("aich_"))

    def as_ai_chat(self, now: float, *, with_agent: bool) -> dict[str, Any]:
        """Return the AiChat as the API shows it now. Without a reply of the agent, it has only its first message."""
        replied_at = self.replied_at if self.replied_at is not None and self.replied_at <= now else None
        ai_chat = {
            "id": self.id,
            "title": self.title,
            "notification_preference": self.notification_preference,
            "message_count": 1 if replied_at is None else 2,
            "blended_token_usage": "0.0" if replied_at is None else self.reply_tokens,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "last_message_at": iso(self.created_at if replied_at is None else replied_at),
            "user": {"id": USER_ID},
        }
        return {**ai_chat, "agent_identifier": self.agent_identifier} if with_agent else ai_chat

    def as_state(self, now: float) -> dict[str, Any]:
        """Return the AiChat with data that the API never shows, and with the reply if there is one."""
        reply = {} if self.replied_at is None else {name: getattr(self, name) for name in REPLY}
        return self.as_ai_chat(now, with_agent=True) | {
            "company_id": self.company_id,
            "message_text": self.message_text,
            "message_source": self.message_source,
            "suggestion_type": self.suggestion_type,
            "message_attachments": self.message_attachments,
            **reply,
        }


class Chats:
    """All chats, in order of creation."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sequence = itertools.count(1)
        self._chats: dict[str, Chat] = {}

    def all(self) -> list[Chat]:
        """Return every chat, the oldest first."""
        return list(self._chats.values())

    def create(self, body: CreateAiChat, replies: AgentReplies | None = None) -> Chat:
        """Create a chat with its first message, and return it. The agent replies to it, if ``replies`` say so."""
        now = self._clock.now()
        chat = Chat(
            sequence=next(self._sequence),
            created_at=now,
            updated_at=now,
            message_text=body.message_text,
            title=body.title,
            company_id=body.company_id,
            agent_identifier=body.agent,
            message_source=body.message_source,
            suggestion_type=body.suggestion_type,
            message_attachments=[attachment.id for attachment in body.message_attachments or []],
        )
        if replies:
            chat.replied_at, chat.reply_tokens = now + replies.after, replies.tokens
        self._chats[chat.id] = chat
        return chat

    def load(self, state: Mapping[str, Any]) -> None:
        """Add a chat as :meth:`Chat.as_state` returned it."""
        fields: dict[str, Any] = {name: state[name] for name in LOADED}
        fields |= {name: state[name] for name in REPLY if name in state}
        times = seconds_of(state["created_at"]), seconds_of(state["updated_at"])
        chat = Chat(next(self._sequence), *times, **fields)
        self._chats[chat.id] = chat

    def retrieve(self, chat_id: str) -> Chat:
        """Return the chat with this ID.

        Raises:
            WhopError: 404, the chat doesn't exist.
        """
        if chat_id not in self._chats:
            raise WhopError(404)
        return self._chats[chat_id]

    def update(self, chat_id: str, body: UpdateAiChat) -> Chat:
        """Change the fields that the body sets, and return the chat.

        None clears a title and a company, and turns notifications on again.

        Raises:
            WhopError: 404, the chat doesn't exist.
        """
        chat, fields = self.retrieve(chat_id), body.model_fields_set
        if "title" in fields:
            chat.title = body.title
        if "company_id" in fields:
            chat.company_id = body.company_id
        if "notification_preference" in fields:
            chat.notification_preference = body.notification_preference or "all"
        if fields:
            chat.updated_at = self._clock.now()
        return chat

    def delete(self, chat_id: str) -> None:
        """Delete the chat.

        Raises:
            WhopError: 404, the chat doesn't exist.
        """
        del self._chats[self.retrieve(chat_id).id]
