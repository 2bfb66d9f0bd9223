"""The behavior of Kodey's server: the steps of each call in their order."""

import itertools
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams

from local.standins.kodey.chats import Chat
from local.standins.kodey.errors import KodeyError, forbidden, throttled
from local.standins.kodey.mode import KodeyMode
from local.standins.kodey.parameters import CreateChat, SendMessage, parse_body
from local.standins.shared.app import create_app as create_stand_in
from local.standins.shared.clock import Clock, iso
from local.standins.shared.exchange import Call, Later, Operation, Reply
from local.standins.shared.listing import Listed, listed
from local.standins.shared.rate_limit import RateLimit

CHATS = "/chat"
CHAT = "/chat/{id}"
MESSAGES = "/chat/{id}/message"
PUBLISHABLE = "pk_live_"
"""Start of publishable keys. All other keys are secret."""
CALLS_OF_PUBLISHABLE, CALLS_OF_SECRET = 100, 1000
"""Calls a minute."""
MISSING = "missing"
"""Start of the IDs of agents that don't exist."""
AGENTS = {"agent_support": "Support", "agent_sales": "Sales"}
AGENTS_SINCE = 1_705_314_600.0


class Kodey:
    """The server, with its chats and the rate limits of its clients."""

    of_chats = (
        Operation("list", "GET", CHATS),
        Operation("create", "POST", CHATS),
        Operation("retrieve", "GET", CHAT),
        Operation("delete", "DELETE", CHAT),
        Operation("list_messages", "GET", MESSAGES),
        Operation("send_message", "POST", MESSAGES),
    )
    """The operations that a publishable key may call."""
    operations = (*of_chats, Operation("list_agents", "GET", "/agent"))
    credential_header = "x-api-key"

    def __init__(self, clock: Clock) -> None:
        self.mode = KodeyMode()
        self._clock = clock
        self._sequence = itertools.count(1)
        self._chats: dict[str, Chat] = {}
        self._rate_limit = RateLimit(clock)

    def state(self) -> dict[str, Any]:
        """Return every chat, in order of creation, with its user, its metadata and its messages in order."""
        return {"chats": [chat.as_state() for chat in self._chats.values()]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Add the chats that :meth:`state` of an earlier server returned."""
        for chat in state["chats"]:
            loaded = Chat.of_state(next(self._sequence), chat)
            self._chats[loaded.id] = loaded

    def logged_body(self, call: Call) -> str:
        """Return the whole body, because no call has a secret there."""
        return call.body.decode(errors="replace")

    def refusal(self, _call: Call, status: int) -> Reply:
        """Return Kodey's error response with ``status``."""
        match status:
            case 403:
                return self._forbidden().reply
            case 429:
                return throttled(1).reply
        return KodeyError(status).reply

    def headers(self, call: Call) -> Mapping[str, str]:
        """Return the headers with the remaining rate limit."""
        limit = self._limit(call)
        budget = self._rate_limit.budget(call.credential, limit)
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(budget.remaining),
            "x-ratelimit-reset": str(budget.grows_at),
        }

    def admit(self, call: Call) -> partial[Reply | Later]:
        """Check the key and the rate limit. The returned function does everything else.

        Raises:
            KodeyError: 401 or 429.
        """
        if not call.credential:
            raise KodeyError(401)
        wait = self._rate_limit.spend(call.credential, self._limit(call))
        if wait:
            raise throttled(wait)
        return partial(self._perform, call)

    def _limit(self, call: Call) -> int:
        if self.mode.rate_limit is not None:
            return self.mode.rate_limit
        return CALLS_OF_SECRET if call.credential and not is_publishable(call) else CALLS_OF_PUBLISHABLE

    def _forbidden(self) -> KodeyError:
        return forbidden([f"{each.method} {each.path}" for each in self.of_chats])

    def _perform(self, call: Call) -> Reply | Later:
        """Perform the call, or start it."""
        match call.operation:
            case "send_message":
                return self._send(self._chat(call), parse_body(SendMessage, call.body))
            case "delete":
                del self._chats[self._chat(call).id]
                return Reply(204, b"", media_type=None)
        return Reply.of(self._content(call))

    def _content(self, call: Call) -> dict[str, Any]:
        """Perform a call that is answered immediately with 200, and return the content of the response."""
        match call.operation:
            case "list":
                return {"chats": [chat.as_listed() for chat in self._listed_chats(call)]}
            case "create":
                return self._create(parse_body(CreateChat, call.body)).as_created()
            case "retrieve":
                chat = self._chat(call)
                return chat.as_chat(self._listed(chat.messages))
            case "list_messages":
                return {"messages": [message.as_message() for message in self._listed(self._chat(call).messages)]}
            case "list_agents":
                return {"agents": self._agents(call)}
        raise KodeyError(404)

    def _create(self, body: CreateChat) -> Chat:
        if body.agent_id.startswith(MISSING):
            raise KodeyError(404, f"There is no agent {body.agent_id}.")
        chat = Chat(next(self._sequence), self._clock.now(), body.agent_id, body.user_id, body.metadata)
        self._chats[chat.id] = chat
        return chat

    def _chat(self, call: Call) -> Chat:
        chat_id = call.path_parameters["id"]
        if chat_id not in self._chats:
            raise KodeyError(404, f"There is no chat {chat_id}.")
        return self._chats[chat_id]

    def _send(self, chat: Chat, body: SendMessage) -> Later:
        """Store the message immediately, and its answer when it is ready."""
        chat.add("user", body.content, self._clock.now())

        def answer() -> Reply:
            message = chat.add("assistant", answer_to(body.content), self._clock.now())
            return Reply.of({**message.as_message(), "chatId": chat.id})

        return Later(self.mode.answer_seconds, answer)

    def _agents(self, call: Call) -> list[dict[str, str]]:
        if is_publishable(call):
            raise self._forbidden()
        since = iso(AGENTS_SINCE, "seconds")
        return [
            {"id": agent_id, "name": name, "description": f"Answers as {name} would.", "createdAt": since}
            for agent_id, name in AGENTS.items()
        ]

    def _listed_chats(self, call: Call) -> list[Chat]:
        """Return the chats that lists show now, of the user and the type of agent in the query."""
        query = QueryParams(call.query)
        user_id, agent_type = query.get("userId"), query.get("agentType")
        chats = self._listed(self._chats.values())
        return [
            chat
            for chat in chats
            if (not user_id or chat.user_id == user_id) and (not agent_type or chat.agent_type == agent_type)
        ]

    def _listed[T: Listed](self, items: Iterable[T]) -> list[T]:
        return listed(items, self.mode.list, until=self._clock.now() - self.mode.list_lag)


def is_publishable(call: Call) -> bool:
    """Return whether the key is publishable."""
    return call.headers.get("x-api-key", "").startswith(PUBLISHABLE)


def answer_to(content: str) -> str:
    """Return the assistant's answer to a message, which is always the same."""
    return f"You said: {content}"


def create_app(clock: Clock | None = None, state: Mapping[str, Any] | None = None) -> Starlette:
    """Return the mock of Kodey as an application that starts with ``state``; ``clock`` is by default the machine's."""
    clock = clock or Clock()
    return create_stand_in(lambda: Kodey(clock), clock, state)
