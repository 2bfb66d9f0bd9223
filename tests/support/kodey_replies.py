"""Responses of Kodey as in its documentation, and a client that gets them."""

from typing import Any

import httpx

from aichats.http.tokens import Token
from aichats.kodey.client import KodeyClient
from tests.support.fakes import Json, ScriptedTransport, Step

SECRET_KEY = "sk_live_0123456789"
PUBLISHABLE_KEY = "pk_live_0123456789"
CREATED_AT = "2024-01-15T10:30:00Z"


def client(*script: Step, token: Token = SECRET_KEY, **options: Any) -> tuple[KodeyClient, ScriptedTransport]:
    """Return a client of Kodey with scripted answers."""
    transport = ScriptedTransport(*script)
    return KodeyClient(token, transport=transport, **options), transport


def chat(**fields: Any) -> Json:
    """Return a chat as its creation answers it, with some fields changed."""
    return {"id": "chat_1", "agentId": "agent_1", "teamId": "team_1", "createdAt": CREATED_AT} | fields


def message(**fields: Any) -> Json:
    """Return the assistant's answer to a message, with some fields changed."""
    known = {"id": "msg_2", "chatId": "chat_1", "content": "Hello!", "role": "assistant", "createdAt": CREATED_AT}
    return known | fields


def without(fields: Json, *names: str) -> Json:
    """Return all fields but some."""
    return {name: value for name, value in fields.items() if name not in names}


def kodey_error(status: int, body: object, **headers: str) -> httpx.Response:
    """Return a rejection by Kodey."""
    return httpx.Response(status, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


UNAUTHORIZED: Json = {"message": "Unauthorized: Invalid API key."}
FORBIDDEN: Json = {
    "error": "Forbidden",
    "message": "Publishable keys cannot access this endpoint.",
    "allowedEndpoints": ["POST /chat", "GET /chat"],
    "upgradeInstructions": "Use a secret key.",
}
TOO_MANY: Json = {
    "error": "Too Many Requests",
    "message": "Rate limit exceeded. Please retry after 60 seconds.",
    "retryAfter": 60,
}
