"""How Kodey's actions are performed.

Kodey knows neither titles nor idempotency keys. A chat that was created is found again by its ``userId``: one that is
made of the run's id, so that no other chat has it. Where the caller gave one, the chats that this user has already are
noted first, and only a new one of the same agent in which the user said nothing yet counts.

A message is found again among its chat's messages: those that are there are noted before it is sent, and only a new one
of the same words counts. Its answer is the assistant's next message, and none that was there before.

So that no run takes another's for its own, one at a time creates a chat of the same user and agent, or sends the same
words to the same chat.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from aichats.aws.table import Json
from aichats.kodey import Chat, CreateChat, KodeyClient, Message
from aichats.runs.actions import KodeyCreateChat, KodeySendMessage
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.port import Created, Effect, NotListedError, accept_unreadable_answer, kept

SINCE = timedelta(minutes=5)
"""How far back things are noted that an effect could be mistaken for: more than Kodey's clocks may differ."""
MAX_REPLY_CHARACTERS = 16_384
"""Of the assistant's answer as the run keeps it; Kodey has the whole."""


@dataclass(frozen=True)
class KodeyProvider:
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

    def per_second(self, run: Run) -> float:
        """Nearly as many as the rate limit lets through."""
        # Creating and sending; sending and what is noted before; or, for a user of the caller's, all three.
        calls = 3 if isinstance(run.action, KodeyCreateChat) and run.action.user_id is not None else 2
        return 0.95 * self.calls_per_minute() / calls / 60

    def effect(self, row: Row) -> Effect | None:
        """To create the chat, where that is wanted; then to send the message."""
        action = row.run.action
        if isinstance(action, KodeyCreateChat) and row.chat_id is None:
            return self._creating(row, action)
        return None if "reply" in row.result else self._sending(row)

    def complete(self, row: Row) -> Created:
        """Fetch the chat, where the answer to its creation could not be read. The effects made all else."""
        chat_id, result = str(row.chat_id), dict(row.result)
        if isinstance(row.run.action, KodeyCreateChat) and "chat" not in result:
            result["chat"] = kept(self.client().retrieve_chat(chat_id), Chat)
        return Created(chat_id, result)

    def _creating(self, row: Row, action: KodeyCreateChat) -> Effect:
        client, agent_id = self.client(), str(row.run.target)
        user_id = action.user_id or own_user_id(row.run.run_id)

        def act() -> Created:
            chat = client.create_chat(
                CreateChat.model_construct(agent_id=agent_id, user_id=user_id, metadata=action.metadata or {})
            )
            return Created(chat.id, {"chat": kept(chat, Chat)})

        def listed() -> list[Chat]:
            chats = client.list_chats(user_id=user_id)
            return [chat for chat in chats if (chat.user_id, chat.agent_id) == (user_id, agent_id)]

        def seen(before: Json) -> Json:
            return _noted(listed(), before.get("chat_id"))

        def find(noted: Json) -> list[Created]:
            found = _new(listed(), noted)
            if action.user_id is not None:
                found = [chat for chat in found if not _said(client.list_messages(chat.id))]
            return [Created(chat.id, {"chat": kept(chat, Chat)}) for chat in found]

        if action.user_id is None:
            return Effect(partial(accept_unreadable_answer, row.run.provider, act), self.call_limit, find)
        lock = ("kodey", "chat", user_id, agent_id)
        return Effect(partial(accept_unreadable_answer, row.run.provider, act), self.call_limit, find, seen, lock)

    def _sending(self, row: Row) -> Effect:
        client, action = self.client(), cast("KodeyCreateChat | KodeySendMessage", row.run.action)
        is_new = isinstance(action, KodeyCreateChat)
        content = action.message_text if isinstance(action, KodeyCreateChat) else action.content
        chat_id = str(row.chat_id if is_new else row.run.target)

        def act() -> Created:
            return Created(chat_id, {"reply": _bounded(client.send_message(chat_id, content))})

        def seen(before: Json) -> Json:
            return {} if is_new else _noted(client.list_messages(chat_id), before.get("reply"))

        def find(noted: Json) -> list[Created]:
            messages = _in_order(_new(client.list_messages(chat_id), noted))
            ours = [message for message in _said(messages) if message.content.strip() == content.strip()]
            return [Created(chat_id, {"reply": _answer_to(message, messages)}) for message in ours]

        return Effect(act, self.answer_limit, find, seen, lock=("kodey", "message", chat_id, content.strip()))


def own_user_id(run_id: str) -> str:
    """The ``userId`` of a chat for which the caller gave none."""
    return f"aichats-{run_id}"


def _noted(things: Sequence[Chat | Message], last: str | None) -> Json:
    """What tells these from newer ones, and stays small: a moment, and the ids of what is not older.

    Raises:
        NotListedError: ``last``, which was made before, is not among them yet.
    """
    if last is not None and all(thing.id != last for thing in things):
        raise NotListedError(f"kodey: {last} was made a moment ago, and is not in the list yet: this run waits")
    if not things:
        return {}
    since = max(thing.created_at for thing in things) - SINCE
    return {"since": since.isoformat(), "ids": [thing.id for thing in things if thing.created_at >= since]}


def _new[T: (Chat, Message)](things: Sequence[T], noted: Json) -> list[T]:
    """Those that were not there when it was noted what was."""
    if not noted:
        return list(things)
    since, ids = datetime.fromisoformat(noted["since"]), set(noted["ids"])
    return [thing for thing in things if thing.created_at >= since and thing.id not in ids]


def _said(messages: Sequence[Message]) -> list[Message]:
    """What the user said: agents may greet."""
    return [message for message in messages if message.role == "user"]


def _in_order(messages: Sequence[Message]) -> list[Message]:
    """Oldest first: no order is promised."""
    return sorted(messages, key=lambda message: message.created_at)


def _answer_to(message: Message, messages: Sequence[Message]) -> dict[str, Any] | None:
    """The assistant's next message; ``None`` if there is none, though the time for it is over."""
    answers = (later for later in messages if later.role == "assistant" and later.created_at >= message.created_at)
    found = next(answers, None)
    return None if found is None else _bounded(found)


def _bounded(message: Message) -> dict[str, Any]:
    fields = kept(message, Message) | {"content": message.content[:MAX_REPLY_CHARACTERS]}
    return fields if len(message.content) <= MAX_REPLY_CHARACTERS else fields | {"content_truncated": True}
