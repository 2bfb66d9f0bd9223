"""Whop in memory: the five operations on AI chats, for tests of whole functions. Safe to call from several threads."""

import json

import httpx

from tests.support.fakes import Json, ai_chat, error_response, ok, page
from tests.support.provider_in_memory import ProviderInMemory

CHATS = "/api/v1/ai_chats"


class WhopInMemory(ProviderInMemory):
    """Keeps ``chats`` by id, each with the fields of its create."""

    def __init__(self, *chats: Json) -> None:
        super().__init__()
        self.chats: dict[str, Json] = {chat["id"]: chat for chat in chats}

    def do(self, request: httpx.Request) -> httpx.Response:
        chat_id = request.url.path.removeprefix(CHATS).removeprefix("/")
        fields: Json = json.loads(request.content) if request.content else {}
        if request.method == "POST":
            return ok(self._create(fields))
        if not chat_id:
            return page(*self.chats.values())
        if chat_id not in self.chats:
            return error_response(404, "There is no such chat", type="not_found")
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
