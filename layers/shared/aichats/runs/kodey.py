"""How Kodey's actions are performed.

Kodey knows neither titles nor idempotency keys. A chat that was created is found again by its ``userId``: one that is
made of the run's id, so that no other chat has it. Where the caller gave one, the chats that this user has already are
noted first, and only a new one of the same agent in which nothing was said yet counts.

A message is found again among its chat's messages: those of the same words are noted before it is sent, and only a
newer one counts. Its answer is the assistant's next message, and none that was there before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, cast

from pydantic import BaseModel

from aichats.kodey import CreateChat, KodeyClient, Message
from aichats.runs.actions import KodeyCreateChat, KodeySendMessage
from aichats.runs.effects import Done, Effect, created
from aichats.runs.rows import Row

CALLS_OF_A_RUN = 2
MAX_REPLY_CHARACTERS = 16_384
"""Of the assistant's answer as the run keeps it; Kodey has the whole."""


@dataclass(frozen=True)
class KodeyActions:
    """Creates chats and sends messages.

    Args:
        answer_limit: the longest that the answer to a message may take.
        calls_per_minute: Kodey's limit for our key.
    """

    client: Callable[[], KodeyClient]
    call_limit: timedelta
    answer_limit: timedelta
    settle: timedelta
    calls_per_minute: Callable[[], int]

    @property
    def per_second(self) -> float:
        """Nearly as many as the rate limit lets through."""
        return 0.95 * self.calls_per_minute() / CALLS_OF_A_RUN / 60

    def effect(self, row: Row) -> Effect | None:
        """To create the chat, where that is wanted; then to send the message."""
        action = row.run.action
        if isinstance(action, KodeyCreateChat) and row.chat_id is None:
            return self._creating(row, action)
        return None if "reply" in row.result else self._sending(row)

    def complete(self, row: Row) -> Done:
        """Nothing is left: the effects made all of it."""
        return Done(str(row.chat_id), dict(row.result))

    def _creating(self, row: Row, action: KodeyCreateChat) -> Effect:
        client, agent_id = self.client(), str(row.run.target)
        user_id = action.user_id or own_user_id(row.run.run_id)

        def act() -> Done:
            chat = client.create_chat(
                CreateChat.model_construct(agent_id=agent_id, user_id=user_id, metadata=action.metadata or {})
            )
            return Done(chat.id, {"chat": _dump(chat)})

        def seen() -> list[str]:
            return [chat.id for chat in client.list_chats(user_id=user_id)]

        def find(noted: Sequence[str]) -> list[Done]:
            chats = [chat for chat in client.list_chats(user_id=user_id) if chat.id not in noted]
            ours = [chat for chat in chats if (chat.user_id, chat.agent_id) == (user_id, agent_id)]
            if action.user_id is not None:
                ours = [chat for chat in ours if not client.list_messages(chat.id)]
            return [Done(chat.id, {"chat": _dump(chat)}) for chat in ours]

        return Effect(partial(created, act), self.call_limit, find, seen if action.user_id is not None else None)

    def _sending(self, row: Row) -> Effect:
        client, action = self.client(), cast("KodeyCreateChat | KodeySendMessage", row.run.action)
        is_new = isinstance(action, KodeyCreateChat)
        content = action.message_text if isinstance(action, KodeyCreateChat) else action.content
        chat_id = str(row.chat_id if is_new else row.run.target)

        def act() -> Done:
            return Done(chat_id, {"reply": _bounded(client.send_message(chat_id, content))})

        def seen() -> list[str]:
            messages = client.list_messages(chat_id)
            return [message.id for message in [*_same(messages, content), *_latest_answers(messages)]]

        def find(noted: Sequence[str]) -> list[Done]:
            messages = [message for message in _in_order(client.list_messages(chat_id)) if message.id not in noted]
            return [Done(chat_id, {"reply": _answer_to(message, messages)}) for message in _same(messages, content)]

        return Effect(act, self.answer_limit, find, list if is_new else seen)


def own_user_id(run_id: str) -> str:
    """The ``userId`` of a chat for which the caller gave none."""
    return f"aichats-{run_id}"


def _same(messages: Sequence[Message], content: str) -> list[Message]:
    """The user's messages of these words, whatever space is around them."""
    words = content.strip()
    return [message for message in messages if message.role == "user" and message.content.strip() == words]


def _latest_answers(messages: Sequence[Message]) -> list[Message]:
    """Those that may bear the time of what is said next: times are in whole seconds."""
    latest = max((message.created_at for message in messages), default=None)
    return [message for message in messages if message.role == "assistant" and message.created_at == latest]


def _in_order(messages: Sequence[Message]) -> list[Message]:
    """Oldest first: no order is promised."""
    return sorted(messages, key=lambda message: message.created_at)


def _answer_to(message: Message, messages: Sequence[Message]) -> dict[str, Any] | None:
    """The assistant's next message; ``None`` if there is none, though the time for it is over."""
    answers = (later for later in messages if later.role == "assistant" and later.created_at >= message.created_at)
    found = next(answers, None)
    return None if found is None else _bounded(found)


def _bounded(message: Message) -> dict[str, Any]:
    fields = _dump(message)
    if len(message.content) <= MAX_REPLY_CHARACTERS:
        return fields
    return fields | {"content": message.content[:MAX_REPLY_CHARACTERS], "content_truncated": True}


def _dump(model: BaseModel) -> dict[str, Any]:
    """A reply as Kodey names its fields. Only those that are known: others may be of any size."""
    return model.model_dump(mode="json", by_alias=True, exclude_unset=True, include=set(type(model).model_fields))
