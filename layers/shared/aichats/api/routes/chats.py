"""``/chats``: the AI chats of Whop."""

from contextlib import AbstractContextManager
from http import HTTPStatus

from pydantic import TypeAdapter

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.responses import answer_of_run
from aichats.api.run_view import RunView
from aichats.api.starting import new_run, perform, reserve_key
from aichats.bootstrap import Application
from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.attachments import Attachments
from aichats.whop.client import WhopClient
from aichats.whop.models import (
    AiChat,
    AiChatPage,
    ChatId,
    CompanyId,
    ListAiChats,
    NewChat,
    NotificationPreference,
    UpdateAiChat,
)

_CHAT = {"chat_id": TypeAdapter[str](ChatId)}


def _whop(app: Application, company_id: str | None = None) -> AbstractContextManager[WhopClient]:
    return app.provider(WhopProvider).calls(company_id)


class CreateChat(NewChat):
    """The chat to create."""

    company_id: CompanyId | None = None
    attachments: Attachments | None = None
    notification_preference: NotificationPreference | None = None
    await_reply: bool = False


@operation(
    "POST",
    "/chats",
    "Create a chat",
    scopes=("chats:write",),
    body=CreateChat,
    answers={201: AiChat, 200: AiChat, 202: RunView},
    limited=True,
    conflicts=True,
    idempotent=True,
)
def create_chat(call: ApiCall[CreateChat, None]) -> Reply:
    """Create a chat for a company, or without one. `notification_preference: none` creates a muted chat.

    Requests with the same `Idempotency-Key` start the same run, so they create one chat. If the chat isn't created
    within 25 seconds, or if the outcome isn't known yet, the answer is 202 and `Location` is the run to watch.

    With `await_reply`, aichats watches the new chat, and the run shows when the agent replied.
    """
    call.limit.check_company(call.body.company_id)
    action = Action("whop.create_chat", call.body.model_dump(mode="json", exclude_unset=True, exclude={"company_id"}))
    call.limit.check_attachments(action, within="")
    call.app.check_action(action, within="")
    key = reserve_key(call, "POST /chats")
    run = new_run(call, "POST /chats", key, action, call.body.company_id)

    def chat_of(row: Row) -> AiChat:
        if "chat" in row.result:
            return AiChat.model_validate(row.result["chat"])
        # A person resolved the run, and the ledger has only the chat's id.
        with _whop(call.app, run.target) as whop:
            return AiChat.model_validate(whop.retrieve_ai_chat(str(row.chat_id)).whole)

    return answer_of_run(call, perform(call, key, run), chat_of, lambda row: f"/chats/{row.chat_id}")


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
