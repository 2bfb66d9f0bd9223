"""``/kodey/chats``: the chats of Kodey.

This function doesn't send messages itself, because an answer may take minutes and API Gateway ends a call after 30
seconds. Another function performs the run, and this function watches it. If the run takes longer, the answer is 202.
"""

from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.run_answers import answer_of_run
from aichats.api.run_view import RunView, view
from aichats.api.starting import new_run, queue_and_watch, reserve_key
from aichats.bootstrap import Application
from aichats.errors import InputError
from aichats.kodey.client import KodeyClient
from aichats.kodey.models import (
    AgentId,
    Chat,
    ChatWithMessages,
    KodeyChatId,
    ListChats,
    Message,
    Metadata,
    SendMessage,
    UserId,
)
from aichats.models import MessageText, Request
from aichats.runs.action import Action
from aichats.runs.ledger.rows import Row
from aichats.runs.perform import Outcome
from aichats.runs.providers.kodey import KodeyProvider
from aichats.validation import MAX_FIELD_CHARACTERS, MAX_PROBLEMS

_CHAT = {"chat_id": TypeAdapter[str](KodeyChatId)}


def _kodey(app: Application) -> KodeyClient:
    return app.provider(KodeyProvider).client


class CreateKodeyChat(Request):
    """The chat to create, with its first message."""

    agent_id: AgentId
    message_text: MessageText
    user_id: UserId | None = None
    metadata: Metadata | None = None


class CreatedChat(BaseModel):
    """A chat and the assistant's answer, as Kodey returns them."""

    chat: Chat
    reply: Annotated[Message | None, Field(description="Null if the message was sent and no answer came")]


class Chats(BaseModel):
    """Chats, as Kodey returns them."""

    data: list[Chat]


class Messages(BaseModel):
    """The messages of a chat, as Kodey returns them."""

    data: list[Message]


class Answer(RootModel[Message | RunView]):
    """The assistant's answer. If no answer came, the run that sent the message."""


class AnyChange(BaseModel):
    """A change, which Kodey doesn't support."""

    model_config = ConfigDict(extra="allow")


@operation(
    "POST",
    "/kodey/chats",
    "Create a Kodey chat",
    scopes=("chats:write",),
    body=CreateKodeyChat,
    answers={201: CreatedChat, 200: CreatedChat, 202: RunView},
    conflicts=True,
    idempotent=True,
)
def create_kodey_chat(call: ApiCall[CreateKodeyChat, None]) -> Reply:
    """Create a chat, send its first message, and wait for the assistant's answer.

    Requests with the same `Idempotency-Key` start the same run, so they create one chat. If there is no answer within
    25 seconds, or if the outcome isn't known yet, the answer is 202 and `Location` is the run to watch.
    """
    action = Action("kodey.create_chat", call.body.model_dump(mode="json", exclude_unset=True, exclude={"agent_id"}))

    def created_chat(row: Row) -> BaseModel:
        chat = row.result.get("chat") or _kodey(call.app).retrieve_chat(str(row.chat_id)).whole
        return CreatedChat(chat=chat, reply=row.result.get("reply"))

    outcome = _watched(call, "POST /kodey/chats", action, call.body.agent_id)
    return answer_of_run(call, outcome, created_chat, lambda row: f"/kodey/chats/{row.chat_id}")


@operation("GET", "/kodey/chats", "List Kodey chats", scopes=("chats:read",), query=ListChats, answers={200: Chats})
def list_kodey_chats(call: ApiCall[None, ListChats]) -> Reply:
    """Return the chats that your Kodey key can see."""
    query = call.query
    chats = _kodey(call.app).list_chats(user_id=query.user_id, agent_type=query.agent_type)
    return Reply(Chats.model_validate({"data": [chat.whole for chat in chats]}))


@operation(
    "GET",
    "/kodey/chats/{chat_id}",
    "Get a Kodey chat",
    scopes=("chats:read",),
    parameters=_CHAT,
    answers={200: ChatWithMessages},
)
def get_kodey_chat(call: ApiCall[None, None]) -> Reply:
    """Return one chat with its messages."""
    return Reply(ChatWithMessages.model_validate(_kodey(call.app).retrieve_chat(call.path["chat_id"]).whole))


@operation(
    "PATCH",
    "/kodey/chats/{chat_id}",
    "Update a Kodey chat (not supported)",
    scopes=("chats:write",),
    parameters=_CHAT,
    body=AnyChange,
)
def update_kodey_chat(call: ApiCall[AnyChange, None]) -> Reply:
    """Reject every change: a Kodey chat has no title and can't be muted.

    Raises:
        InputError: always; names each field.
    """
    fields = sorted(call.body.model_extra or {}) or ["body"]
    problem = "not supported by Kodey: its chats can't be changed"
    raise InputError([(field[:MAX_FIELD_CHARACTERS], problem) for field in fields[:MAX_PROBLEMS]])


@operation(
    "DELETE",
    "/kodey/chats/{chat_id}",
    "Delete a Kodey chat",
    scopes=("chats:write",),
    parameters=_CHAT,
    answers={204: None},
)
def delete_kodey_chat(call: ApiCall[None, None]) -> Reply:
    """Delete a chat."""
    _kodey(call.app).delete_chat(call.path["chat_id"])
    return Reply(status=HTTPStatus.NO_CONTENT)


@operation(
    "POST",
    "/kodey/chats/{chat_id}/messages",
    "Send a message to a Kodey chat",
    scopes=("chats:write",),
    parameters=_CHAT,
    body=SendMessage,
    answers={201: Answer, 200: Answer, 202: RunView},
    conflicts=True,
    idempotent=True,
)
def send_kodey_message(call: ApiCall[SendMessage, None]) -> Reply:
    """Send a message and wait for the assistant's answer.

    Requests with the same `Idempotency-Key` start the same run, so they send one message. If there is no answer within
    25 seconds, or if the outcome isn't known yet, the answer is 202 and `Location` is the run to watch.
    """
    chat_id = call.path["chat_id"]
    action = Action("kodey.send_message", {"content": call.body.content})
    outcome = _watched(call, f"POST /kodey/chats/{chat_id}/messages", action, chat_id)

    def message_or_run(row: Row) -> BaseModel:
        reply = row.result.get("reply")
        return Answer(Message.model_validate(reply) if reply else view(row, call.caller))

    return answer_of_run(call, outcome, message_or_run, lambda row: f"/kodey/chats/{row.chat_id}/messages")


@operation(
    "GET",
    "/kodey/chats/{chat_id}/messages",
    "List the messages of a Kodey chat",
    scopes=("chats:read",),
    parameters=_CHAT,
    answers={200: Messages},
)
def list_kodey_messages(call: ApiCall[None, None]) -> Reply:
    """Return the messages of a chat."""
    messages = _kodey(call.app).list_messages(call.path["chat_id"])
    return Reply(Messages.model_validate({"data": [message.whole for message in messages]}))


def _watched(
    call: ApiCall[CreateKodeyChat, None] | ApiCall[SendMessage, None], operation_name: str, action: Action, target: str
) -> Outcome:
    key = reserve_key(call, operation_name)
    return queue_and_watch(call, key, new_run(call, operation_name, key, action, target))
