"""Whop in memory: the five operations on AI chats, for tests of whole functions. Safe to call from several threads."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx

from tests.fakes import Json, Step, ai_chat, ok, page, refused

CHATS = "/api/v1/ai_chats"


class WhopInMemory(httpx.BaseTransport):
    """Holds ``chats`` by id, each with what it was created with, and records ``requests``.

    ``interfere`` may answer a request in Whop's place, or raise an error instead of an answer.
    """

    def __init__(self, *chats: Json) -> None:
        self.chats: dict[str, Json] = {chat["id"]: chat for chat in chats}
        self.requests: list[httpx.Request] = []
        self.interfere: Callable[[httpx.Request], Step | None] = lambda _: None
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        with self._lock:
            self.requests.append(copy)
        step = self.interfere(copy)
        if isinstance(step, Exception):
            raise step
        if step is not None:
            return step if isinstance(step, httpx.Response) else step(copy)
        with self._lock:
            return self._answer(copy)

    @property
    def calls(self) -> list[str]:
        """Each request as ``POST /api/v1/ai_chats``."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def bodies(self) -> list[Any]:
        """The JSON body of each request; ``None`` where there is none."""
        return [json.loads(request.content) if request.content else None for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        chat_id = request.url.path.removeprefix(CHATS).removeprefix("/")
        fields: Json = json.loads(request.content) if request.content else {}
        if request.method == "POST":
            return ok(self._create(fields))
        if not chat_id:
            return page(*self.chats.values())
        if chat_id not in self.chats:
            return refused(404, "There is no such chat", type="not_found")
        if request.method == "DELETE":
            del self.chats[chat_id]
            return httpx.Response(200, json=True)
        if request.method == "PATCH":
            self.chats[chat_id] |= fields
        return ok(self.chats[chat_id])

    def _create(self, fields: Json) -> Json:
        chat = ai_chat(id=f"aich_{len(self.chats) + 1}", title=None) | fields
        self.chats[chat["id"]] = chat
        return chat
