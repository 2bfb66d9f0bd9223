"""``/chats``: Whop AI chats."""

import uuid
from http import HTTPStatus

from pydantic import TypeAdapter

from aichats.api.operations import Call, Operation, Reply
from aichats.runs.model import Run, WhopCreateChat, run_id
from aichats.runs.perform import perform
from aichats.whop.models import (
    AiChat,
    AiChatPage,
    ChatId,
    CreateAiChat,
    ListAiChats,
    NotificationPreference,
    UpdateAiChat,
)

_CHAT = {"chat_id": TypeAdapter[str](ChatId)}


class CreateChat(CreateAiChat):
    """A chat to be created, muted or not."""

    notification_preference: NotificationPreference | None = None


def create(call: Call[CreateChat, None]) -> Reply:
    """Create a chat in the context of a company, or of none; with ``notification_preference`` set at once."""
    fields = call.body.model_dump(exclude_unset=True, exclude={"company_id"})
    # The same key makes the same run; without a key each call is a run of its own.
    key = call.idempotency_key or f"batch:{uuid.uuid4()}"
    run = Run(
        run_id=run_id("http", call.caller.name, "POST /chats", key, call.body.company_id),
        trigger="http",
        action=WhopCreateChat.model_construct(type="whop.create_chat", **fields),
        target=call.body.company_id,
    )
    chat = perform(run, call.app.whop)
    return Reply(chat, HTTPStatus.CREATED, {"Location": f"/chats/{chat.id}", "X-Run-Id": run.run_id})


def list_page(call: Call[None, ListAiChats]) -> Reply:
    """One page of the chats that our credential sees."""
    return Reply(call.app.whop().list_page(call.query))


def retrieve(call: Call[None, None]) -> Reply:
    """One chat."""
    return Reply(call.app.whop().retrieve_ai_chat(call.path["chat_id"]))


def update(call: Call[UpdateAiChat, None]) -> Reply:
    """Change a chat: mute it, name it, move it. A field left out stays, ``null`` clears it."""
    client = call.app.whop(call.body.company_id)
    return Reply(client.update_ai_chat(call.path["chat_id"], call.body))


def delete(call: Call[None, None]) -> Reply:
    """Delete a chat."""
    call.app.whop().delete_ai_chat(call.path["chat_id"])
    return Reply(status=HTTPStatus.NO_CONTENT)


OPERATIONS = (
    Operation(
        "POST",
        "/chats",
        "Create a chat",
        "chats:write",
        create,
        body=CreateChat,
        status=HTTPStatus.CREATED,
        reply=AiChat,
        idempotent=True,
    ),
    Operation("GET", "/chats", "List chats", "chats:read", list_page, query=ListAiChats, reply=AiChatPage),
    Operation(
        "GET",
        "/chats/{chat_id}",
        "Retrieve a chat",
        "chats:read",
        retrieve,
        parameters=_CHAT,
        reply=AiChat,
    ),
    Operation(
        "PATCH",
        "/chats/{chat_id}",
        "Change a chat",
        "chats:write",
        update,
        body=UpdateAiChat,
        parameters=_CHAT,
        reply=AiChat,
    ),
    Operation(
        "DELETE",
        "/chats/{chat_id}",
        "Delete a chat",
        "chats:write",
        delete,
        parameters=_CHAT,
        status=HTTPStatus.NO_CONTENT,
    ),
)
