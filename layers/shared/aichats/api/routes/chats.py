"""``/chats``: Whop AI chats."""

from http import HTTPStatus

from pydantic import TypeAdapter

from aichats.api.operation import Call, Operation, Reply
from aichats.api.outcomes import answer
from aichats.api.run_view import RunView
from aichats.api.starting import id_of, perform, reserve_key
from aichats.runs.actions import WhopCreateChat
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
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
    """Create a chat in the context of a company, or of none; with ``notification_preference`` set at once.

    The same ``Idempotency-Key`` makes the same run, and so the same chat. A create that is not done in time, or whose
    outcome is not known yet, is answered with 202; ``Location`` then tells where to look.
    """
    fields = call.body.model_dump(exclude_unset=True, exclude={"company_id"})
    action = WhopCreateChat.model_construct(type="whop.create_chat", **fields)
    call.app.check_action(action, within="")
    key = reserve_key(call, "POST /chats")
    run = Run(
        run_id=id_of(call, "POST /chats", key, call.body.company_id),
        trigger="http",
        action=action,
        target=call.body.company_id,
        api_version=call.app.api_version(action),
    )

    def chat_of(row: Row) -> AiChat:
        if "chat" in row.result:
            return AiChat.model_validate(row.result["chat"])
        # A person resolved it, who knew the chat's id and no more.
        return call.app.whop(run.target).retrieve_ai_chat(str(row.chat_id))

    return answer(call, perform(call, key, run), chat_of, lambda row: f"/chats/{row.chat_id}")


def list_page(call: Call[None, ListAiChats]) -> Reply:
    """One page of the chats that our credential sees."""
    return Reply(call.app.whop().list_page(call.query))


def retrieve(call: Call[None, None]) -> Reply:
    """One chat."""
    return Reply(call.app.whop().retrieve_ai_chat(call.path["chat_id"]))


def update(call: Call[UpdateAiChat, None]) -> Reply:
    """Change a chat: mute it, name it, move it. A field left out stays, ``null`` clears it."""
    chat_id = call.path["chat_id"]
    chat = call.app.whop(call.body.company_id).update_ai_chat(chat_id, call.body)
    call.app.changes.note(chat_id, call.body.model_fields_set, f"PATCH /chats/{chat_id}")
    return Reply(chat)


def delete(call: Call[None, None]) -> Reply:
    """Delete a chat."""
    call.app.whop().delete_ai_chat(call.path["chat_id"])
    return Reply(status=HTTPStatus.NO_CONTENT)


OPERATIONS = (
    Operation(
        "POST",
        "/chats",
        "Create a chat",
        ("chats:write",),
        create,
        body=CreateChat,
        status=HTTPStatus.CREATED,
        reply=AiChat,
        also={HTTPStatus.OK: AiChat, HTTPStatus.ACCEPTED: RunView},
        conflicts=True,
        idempotent=True,
    ),
    Operation("GET", "/chats", "List chats", ("chats:read",), list_page, query=ListAiChats, reply=AiChatPage),
    Operation(
        "GET",
        "/chats/{chat_id}",
        "Retrieve a chat",
        ("chats:read",),
        retrieve,
        parameters=_CHAT,
        reply=AiChat,
    ),
    Operation(
        "PATCH",
        "/chats/{chat_id}",
        "Change a chat",
        ("chats:write",),
        update,
        body=UpdateAiChat,
        parameters=_CHAT,
        reply=AiChat,
    ),
    Operation(
        "DELETE",
        "/chats/{chat_id}",
        "Delete a chat",
        ("chats:write",),
        delete,
        parameters=_CHAT,
        status=HTTPStatus.NO_CONTENT,
    ),
)
