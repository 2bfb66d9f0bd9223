"""Whop in memory for tests of whole functions: chats, files, and the list of webhooks. Safe to call from threads."""

import json
from typing import Any

import httpx

from aichats.whop.webhooks import known_event_types
from tests.support.fakes import Json, ai_chat, error_response, ok, page
from tests.support.provider_in_memory import ProviderInMemory

CHATS = "/api/v1/ai_chats"
WEBHOOKS = "/api/v1/webhooks"
FILES = "/api/v1/files"
UPLOADS = "/uploads"
WEBHOOK_URL = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/webhooks/whop"
"""The URL of the API in the example events."""


def registered(**changes: Any) -> Json:
    """Return an enabled webhook as Whop shows it. It sends all known events to the API of the example events."""
    webhook = {"id": "hook_1", "url": WEBHOOK_URL, "enabled": True, "events": sorted(known_event_types())}
    return webhook | {"disabled_reason": None, "failing_since": None} | changes


class WhopInMemory(ProviderInMemory):
    """Keeps ``chats`` by id, each with the fields of its create, ``webhooks``, and the content of each upload."""

    def __init__(self, *chats: Json) -> None:
        super().__init__()
        self.chats: dict[str, Json] = {chat["id"]: chat for chat in chats}
        self.webhooks = [registered()]
        self.uploads: list[bytes] = []

    def do(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == WEBHOOKS:
            return page(*self.webhooks)
        return self._do_file(request) if request.url.path.startswith((FILES, UPLOADS)) else self._do_chat(request)

    def _do_chat(self, request: httpx.Request) -> httpx.Response:
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

    def _do_file(self, request: httpx.Request) -> httpx.Response:
        """Create a file, take its content, or return it as ready."""
        if request.method == "PUT":
            self.uploads.append(request.content)
            return httpx.Response(200)
        file: Json = {"id": "file_1", "upload_status": "ready", "filename": "report.pdf"}
        if request.method == "POST":
            return ok(file | {"upload_status": "pending", "upload_url": f"https://whop.invalid{UPLOADS}/1"})
        return ok(file)

    def _create(self, fields: Json) -> Json:
        chat = ai_chat(id=f"aich_{len(self.chats) + 1}", title=None) | fields
        self.chats[chat["id"]] = chat
        return chat
