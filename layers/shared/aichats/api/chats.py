"""``/chats``: Whop AI chats."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from pydantic import TypeAdapter

from aichats.api.operations import Call, Operation, Reply
from aichats.api.problems import RefusedError
from aichats.api.runs import RunView, reserve_key, view
from aichats.errors import InputError, ProviderError, SecretError
from aichats.runs.model import Run, WhopCreateChat, run_id
from aichats.runs.perform import Outcome
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
    key = reserve_key(call, "POST /chats")
    fields = call.body.model_dump(exclude_unset=True, exclude={"company_id"})
    run = Run(
        run_id=run_id("http", call.caller.name, "POST /chats", key, call.body.company_id),
        trigger="http",
        action=WhopCreateChat.model_construct(type="whop.create_chat", **fields),
        target=call.body.company_id,
        api_version=call.app.settings.whop_api_version,
    )
    outcome = call.app.dispatcher.perform(run, call.lease)
    if outcome.state == "succeeded" and outcome.chat is None:
        # A person resolved it, who knew the chat's id and no more.
        chat = call.app.whop(run.target).retrieve_ai_chat(str(outcome.row.chat_id))
        outcome = replace(outcome, chat=chat)
    return answer(outcome)


def answer(outcome: Outcome) -> Reply:
    """What a caller is told of a run that makes a chat.

    Raises:
        AichatsError: the run failed now, for this reason.
        RefusedError: it failed before, or it is in progress.
    """
    wanted = outcome.row.run.run_id
    headers = {"X-Run-Id": wanted}
    if outcome.chat is not None:
        found = {} if outcome.performed else {"Idempotent-Replayed": "true"}
        status = HTTPStatus.CREATED if outcome.performed else HTTPStatus.OK
        return Reply(outcome.chat, status, headers | found | {"Location": f"/chats/{outcome.chat.id}"})
    if outcome.state in ("waiting", "unknown"):
        return Reply(view(outcome.row), HTTPStatus.ACCEPTED, headers | {"Location": f"/runs/{wanted}"})
    if isinstance(outcome.error, (ProviderError, SecretError, InputError)):
        raise outcome.error
    refusal = _in_progress(wanted, headers) if outcome.state == "in_progress" else _failed(outcome, headers)
    refusal.run_id = wanted
    raise refusal


def _in_progress(wanted: str, headers: Mapping[str, str]) -> RefusedError:
    return RefusedError(HTTPStatus.CONFLICT, f"run {wanted} is in progress: ask GET /runs/{wanted}", headers)


def _failed(outcome: Outcome, headers: Mapping[str, str]) -> RefusedError:
    row = outcome.row
    why = (row.error or {}).get("message", "no reason was kept")
    return RefusedError(HTTPStatus.BAD_GATEWAY, f"run {row.run.run_id} is {outcome.state}: {why}", headers)


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
        also={HTTPStatus.OK: AiChat, HTTPStatus.ACCEPTED: RunView},
        conflicts=True,
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
