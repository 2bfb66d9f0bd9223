"""``/chats``: the AI chats of Whop that exist."""

from contextlib import AbstractContextManager
from http import HTTPStatus

from pydantic import TypeAdapter

from aichats.api.operation import ApiCall, Reply, operation
from aichats.bootstrap import Application
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.client import WhopClient
from aichats.whop.models import AiChat, AiChatPage, ChatId, ListAiChats, UpdateAiChat

_CHAT = {"chat_id": TypeAdapter[str](ChatId)}


def _whop(app: Application, company_id: str | None = None) -> AbstractContextManager[WhopClient]:
    return app.provider(WhopProvider).calls(company_id)


@operation("GET", "/chats", "List chats", scopes=("chats:read",), query=ListAiChats, answers={200: AiChatPage})
def list_chats(call: ApiCall[None, ListAiChats]) -> Reply:
    """Return one page of the chats that your Whop key can see."""
    with _whop(call.app) as whop:
        return Reply(whop.list_page(call.query))


@operation("GET", "/chats/{chat_id}", "Get a chat", scopes=("chats:read",), parameters=_CHAT, answers={200: AiChat})
def get_chat(call: ApiCall[None, None]) -> Reply:
    """Return one chat."""
    with _whop(call.app) as whop:
        return Reply(AiChat.model_validate(whop.retrieve_ai_chat(call.path["chat_id"]).whole))


@operation(
    "PATCH",
    "/chats/{chat_id}",
    "Update a chat",
    scopes=("chats:write",),
    parameters=_CHAT,
    body=UpdateAiChat,
    answers={200: AiChat},
)
def update_chat(call: ApiCall[UpdateAiChat, None]) -> Reply:
    """Mute a chat, rename it or move it to another company. `null` clears a field; omit it to leave it unchanged."""
    chat_id = call.path["chat_id"]
    with _whop(call.app, call.body.company_id) as whop:
        chat = whop.update_ai_chat(chat_id, call.body.model_dump(exclude_unset=True))
    call.app.provider(WhopProvider).changes.note(chat_id, call.body.model_fields_set, f"PATCH /chats/{chat_id}")
    return Reply(AiChat.model_validate(chat.whole))


@operation(
    "DELETE",
    "/chats/{chat_id}",
    "Delete a chat",
    scopes=("chats:write",),
    parameters=_CHAT,
    answers={204: None},
)
def delete_chat(call: ApiCall[None, None]) -> Reply:
    """Delete a chat."""
    with _whop(call.app) as whop:
        whop.delete_ai_chat(call.path["chat_id"])
    return Reply(status=HTTPStatus.NO_CONTENT)
