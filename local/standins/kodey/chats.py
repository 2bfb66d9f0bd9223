"""The chats of the mock server, and their messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self

from local.standins.shared.clock import iso, seconds_of
from local.standins.shared.ids import new_id

TEAM_ID = "team_localstandin1"
"""The team of every key, so that a new key finds the chats of the old one."""

type Role = Literal["user", "assistant"]


@dataclass
class Message:
    """One message of a chat. Times are seconds since 1970; ``sequence`` is its number in the chat."""

    sequence: int
    created_at: float
    role: Role
    content: str
    id: str = field(default_factory=partial(new_id, "msg_"))

    def as_message(self) -> dict[str, Any]:
        """Return the message as lists show it."""
        created_at = iso(self.created_at, "seconds")
        return {"id": self.id, "content": self.content, "role": self.role, "createdAt": created_at}


@dataclass
class Chat:
    """One chat. Times are seconds since 1970; ``sequence`` is the number of its creation."""

    sequence: int
    created_at: float
    agent_id: str
    user_id: str | None
    metadata: dict[str, Any]
    id: str = field(default_factory=partial(new_id, "chat_"))
    messages: list[Message] = field(default_factory=list)

    @classmethod
    def of_state(cls, sequence: int, state: Mapping[str, Any]) -> Self:
        """Return the chat that :meth:`as_state` returned as ``state``."""
        fields = (state["agentId"], state["userId"], state["metadata"], state["id"])
        chat = cls(sequence, seconds_of(state["createdAt"]), *fields)
        for message in state["messages"]:
            chat.add(message["role"], message["content"], seconds_of(message["createdAt"])).id = message["id"]
        return chat

    @property
    def agent_type(self) -> str:
        """The agent's id without ``agent_``."""
        return self.agent_id.removeprefix("agent_")

    def add(self, role: Role, content: str, now: float) -> Message:
        """Add a message, and return it."""
        message = Message(len(self.messages) + 1, now, role, content)
        self.messages.append(message)
        return message

    def as_created(self) -> dict[str, Any]:
        """Return the chat as the response of its creation shows it."""
        return {
            "id": self.id,
            "agentId": self.agent_id,
            "teamId": TEAM_ID,
            "createdAt": iso(self.created_at, "seconds"),
        }

    def as_listed(self) -> dict[str, Any]:
        """Return the chat as lists show it: with its user and without its team."""
        created_at = iso(self.created_at, "seconds")
        return {"id": self.id, "agentId": self.agent_id, "userId": self.user_id, "createdAt": created_at}

    def as_chat(self, messages: Iterable[Message]) -> dict[str, Any]:
        """Return the chat as its own resource, with these messages."""
        return {**self.as_created(), "messages": [message.as_message() for message in messages]}

    def as_state(self) -> dict[str, Any]:
        """Return the chat with all its data and messages, in order."""
        return {**self.as_chat(self.messages), "userId": self.user_id, "metadata": self.metadata}
