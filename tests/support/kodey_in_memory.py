"""Kodey in memory: its chats and messages, for tests of whole functions. Safe to call from several threads."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.support.actions import kodey_create_chat, kodey_send_message
from tests.support.fakes import Json, ok
from tests.support.provider_in_memory import ProviderInMemory

CREATE_KODEY = kodey_create_chat(message_text="How many tickets?")
SEND_KODEY = kodey_send_message(content="How many tickets?")


def always_now() -> datetime:
    """Return the time of an answer if no time is set."""
    return datetime.fromisoformat("2026-11-20T12:00:00Z")


class KodeyInMemory(ProviderInMemory):
    """Keeps ``chats`` by id and the ``messages`` of each. Lists come in any order, and show things ``lag`` later."""

    def __init__(self, clock: Callable[[], datetime] = always_now, lag: timedelta = timedelta(0)) -> None:
        super().__init__()
        self._clock, self.lag = clock, lag
        self._shifted = 0
        self.chats: dict[str, Json] = {}
        self.messages: dict[str, list[Json]] = {}

    def do(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request, self._clock())

    def chat(self, **fields: Any) -> str:
        """Store a chat that existed before. Return its id."""
        return str(self._create({"agentId": "agent_1", "metadata": {}} | fields, self._clock() - self.lag)["id"])

    def say(self, chat_id: str, content: str, role: str = "user", **fields: Any) -> str:
        """Store a message that was sent before. Return its id."""
        return str(self._say(chat_id, content, role, self._clock() - self.lag, **fields)["id"])

    def of_user(self, chat_id: str) -> list[str]:
        """Return the user's messages."""
        return [message["content"] for message in self.messages[chat_id] if message["role"] == "user"]

    def answer(self, request: httpx.Request, time: datetime) -> httpx.Response:
        """Perform a request as of a time."""
        _, _, chat_id, messages = (request.url.path + "//").split("/")[:4]
        fields: Json = json.loads(request.content) if request.content else {}
        if not chat_id:
            return ok(self._create(fields, time) if request.method == "POST" else self._list(request))
        if chat_id not in self.chats:
            return httpx.Response(404, json={"error": "Not Found", "message": "There is no such chat"})
        if messages and request.method == "POST":
            return ok(self._exchange(chat_id, fields["content"], time))
        if request.method == "DELETE":
            del self.chats[chat_id]
            return httpx.Response(204)
        said = {"messages": self._shown(self.messages[chat_id])}
        return ok(said if messages else self.chats[chat_id] | said)

    def _exchange(self, chat_id: str, content: str, time: datetime) -> Json:
        self._say(chat_id, content, "user", time)
        return self._say(chat_id, f"You said: {content}", "assistant", time + timedelta(seconds=1))

    def _create(self, fields: Json, time: datetime) -> Json:
        chat = {"id": f"chat_{len(self.chats) + 1}", "teamId": "team_1", "createdAt": _text(time)} | fields
        self.chats[chat["id"]] = chat
        self.messages[chat["id"]] = []
        return {name: value for name, value in chat.items() if name not in ("metadata", "userId")}

    def _list(self, request: httpx.Request) -> Json:
        user_id = request.url.params.get("userId")
        chats = [chat for chat in self.chats.values() if user_id in (None, chat.get("userId"))]
        fields = ("id", "agentId", "userId", "createdAt")
        return {"chats": [{name: chat[name] for name in fields if name in chat} for chat in self._shown(chats)]}

    def _shown(self, entries: list[Json]) -> list[Json]:
        latest = _text(self._clock() - self.lag)
        shown = [entry for entry in entries if entry["createdAt"] <= latest]
        # Each list has another order.
        self._shifted += 1
        start = self._shifted % (len(shown) or 1)
        return shown[start:] + shown[:start]

    def _say(self, chat_id: str, content: str, role: str, time: datetime, **fields: Any) -> Json:
        known = {"id": f"msg_{sum(map(len, self.messages.values())) + 1}", "chatId": chat_id}
        message = known | {"content": content, "role": role, "createdAt": _text(time)} | fields
        self.messages[chat_id].append(message)
        return message


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
