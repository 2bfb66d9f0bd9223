"""Kodey as a provider: performs Kodey's actions.

Kodey has no titles and no idempotency keys. aichats finds a new chat again by its ``userId``, which is derived from the
run's id, so no other chat has the same. If the action names a user, aichats notes the user's chats before it creates
the chat. Then only a new chat of the same agent in which the user has not written yet counts as the run's chat.

aichats finds a message again among the messages of its chat. It notes these messages before it sends the message, so
only a new message with the same text counts. The answer is the assistant's next message, but never a noted one.

Only one run at a time creates a chat for the same user and agent, or sends the same text to the same chat. Otherwise
a run could mistake another run's chat or message for its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, ClassVar

from aichats.aws.secrets import SecretStore
from aichats.errors import SecretError
from aichats.frozen import frozen
from aichats.http import BaseTransport
from aichats.json_types import Json
from aichats.kodey.chats import KodeyChat, KodeyMessage
from aichats.kodey.client import KodeyClient
from aichats.kodey.credentials import CALLS_PER_MINUTE, KODEY_SECRET, key_kind
from aichats.kodey.settings import KodeySettings
from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.port import Created, Effect, NotYetError, accept_unreadable_answer, stored_answer

_CREATE = "kodey.create_chat"
NOTED_TIME = timedelta(minutes=5)
"""The maximum age of noted chats and messages. It exceeds the difference between Kodey's clocks."""
MAX_REPLY_CHARACTERS = 16_384
"""The maximum length of the assistant's answer in a run. Kodey has the whole answer."""


@frozen
class KodeyProvider:
    """Creates chats in Kodey and sends messages."""

    settings: KodeySettings
    secrets: SecretStore
    transport: BaseTransport
    name: ClassVar[str] = "kodey"

    @cached_property
    def client(self) -> KodeyClient:
        """The client with the stack's key."""
        return KodeyClient(
            token=self.secrets.token(self.settings.kodey_secret, KODEY_SECRET, lambda secret: secret.api_key),
            base_url=self.settings.kodey_base_url,
            timeout=self.settings.kodey_timeout_seconds,
            answer_timeout=self.settings.kodey_answer_seconds,
            transport=self.transport,
        )

    def calls_per_minute(self) -> int:
        """Return Kodey's rate limit for the stack's key; the lowest limit if the key can't be read."""
        try:
            key = self.secrets.read(self.settings.kodey_secret, KODEY_SECRET).api_key
        except SecretError:
            # Some functions may not read the key. If the secret is broken, the run fails with the reason.
            return CALLS_PER_MINUTE["unknown"]
        return CALLS_PER_MINUTE[key_kind(key)]

    @property
    def call_limit(self) -> timedelta:
        """The maximum duration of a call that sends no message."""
        return timedelta(seconds=self.settings.kodey_timeout_seconds)

    @property
    def settle(self) -> timedelta:
        """The time after a lost response in which the chat or the message may still appear."""
        return timedelta(seconds=self.settings.kodey_settle_seconds)

    def api_version(self, _action: Action) -> str | None:
        """Return ``None``: Kodey's API has no versions."""
        return None

    def check(self, action: Action, within: str = "action.") -> None:
        """Accept every action: Kodey's API has no versions."""

    def credential(self, _row: Row) -> str:
        """Return the name of the only credential."""
        return "default"

    def may_recover(self, _row: Row) -> bool:
        """Return whether the key was replaced a short time ago, or might have been."""
        return self.secrets.in_rotation(self.settings.kodey_secret, KODEY_SECRET)

    def per_second(self, run: Run) -> float:
        """Return 95 % of the number of runs that the key's rate limit allows."""
        # A run creates a chat and sends a message, or notes messages and sends one. With a user, it makes three calls.
        calls = 3 if run.action.fields.get("user_id") is not None else 2
        return 0.95 * self.calls_per_minute() / calls / 60

    def effect(self, row: Row) -> Effect | None:
        """Return the creation of the chat if the action needs one. After it, return the sending of the message."""
        action = row.run.action
        if action.type == _CREATE and row.chat_id is None:
            return self._creating(row, action.fields)
        return None if "reply" in row.result else self._sending(row)

    def complete(self, row: Row) -> Created:
        """Retrieve the chat if the answer to its creation could not be read. The effects have done everything else."""
        chat_id, result = str(row.chat_id), dict(row.result)
        if row.run.action.type == _CREATE and "chat" not in result:
            result["chat"] = stored_answer(self.client.retrieve_chat(chat_id))
        reply = result.get("reply")
        return Created(chat_id, result, datetime.fromisoformat(reply["createdAt"]) if reply else None)

    def _creating(self, row: Row, fields: Json) -> Effect:
        client, agent_id = self.client, str(row.run.target)
        given = fields.get("user_id")
        user_id = given or own_user_id(row.run.run_id)

        def act() -> Created:
            chat = client.create_chat(agent_id, user_id, fields.get("metadata"))
            return Created(chat.id, {"chat": stored_answer(chat)})

        def listed() -> list[KodeyChat]:
            chats = client.list_chats(user_id=user_id)
            return [chat for chat in chats if (chat.user_id, chat.agent_id) == (user_id, agent_id)]

        def seen(before: Json) -> Json:
            return _note_of(listed(), before.get("chat_id"))

        def find(note: Json) -> list[Created]:
            chats = _new(listed(), note)
            if given is not None:
                chats = [chat for chat in chats if not _of_user(client.list_messages(chat.id))]
            return [Created(chat.id, {"chat": stored_answer(chat)}) for chat in chats]

        create = partial(accept_unreadable_answer, self.name, act)
        if given is None:
            return Effect(create, self.call_limit, find)
        return Effect(create, self.call_limit, find, seen, lock=("kodey", "chat", user_id, agent_id))

    def _sending(self, row: Row) -> Effect:
        client, action = self.client, row.run.action
        is_new = action.type == _CREATE
        content = str(action.message)
        chat_id = str(row.chat_id if is_new else row.run.target)

        def act() -> Created:
            return Created(chat_id, {"reply": _bounded(client.send_message(chat_id, content))})

        def seen(before: Json) -> Json:
            return {} if is_new else _note_of(client.list_messages(chat_id), before.get("reply"))

        def find(note: Json) -> list[Created]:
            messages = _oldest_first(_new(client.list_messages(chat_id), note))
            same = [message for message in _of_user(messages) if message.content.strip() == content.strip()]
            return [Created(chat_id, {"reply": _answer_to(message, messages)}) for message in same]

        limit = timedelta(seconds=self.settings.kodey_answer_seconds)
        return Effect(act, limit, find, seen, lock=("kodey", "message", chat_id, content.strip()))


def own_user_id(run_id: str) -> str:
    """Return the ``userId`` of a chat whose action names no user."""
    return f"aichats-{run_id}"


def _note_of(items: Sequence[KodeyChat | KodeyMessage], last: str | None) -> Json:
    """Return a small note that distinguishes these items from newer items: a cut-off time, and the ids of later items.

    Raises:
        NotYetError: ``last``, the result of the previous run, is not among the items yet.
    """
    if last is not None and all(item.id != last for item in items):
        raise NotYetError(f"kodey: {last} is new and not in Kodey's list yet, so this run waits")
    if not items:
        return {}
    since = max(item.created_at for item in items) - NOTED_TIME
    return {"since": since.isoformat(), "ids": [item.id for item in items if item.created_at >= since]}


def _new[T: (KodeyChat, KodeyMessage)](items: Sequence[T], note: Json) -> list[T]:
    """Return the items that did not exist when the note was written."""
    if not note:
        return list(items)
    since, ids = datetime.fromisoformat(note["since"]), set(note["ids"])
    return [item for item in items if item.created_at >= since and item.id not in ids]


def _of_user(messages: Sequence[KodeyMessage]) -> list[KodeyMessage]:
    """Return the messages from the user. An agent may have greeted the user first."""
    return [message for message in messages if message.role == "user"]


def _oldest_first(messages: Sequence[KodeyMessage]) -> list[KodeyMessage]:
    """Return the messages sorted by age, because Kodey promises no order."""
    return sorted(messages, key=lambda message: message.created_at)


def _answer_to(message: KodeyMessage, messages: Sequence[KodeyMessage]) -> dict[str, Any] | None:
    """Return the assistant's next message; ``None`` if the assistant did not answer in time."""
    answers = (later for later in messages if later.role == "assistant" and later.created_at >= message.created_at)
    answer = next(answers, None)
    return None if answer is None else _bounded(answer)


def _bounded(message: KodeyMessage) -> dict[str, Any]:
    fields = stored_answer(message) | {"content": message.content[:MAX_REPLY_CHARACTERS]}
    return fields if len(message.content) <= MAX_REPLY_CHARACTERS else fields | {"content_truncated": True}
