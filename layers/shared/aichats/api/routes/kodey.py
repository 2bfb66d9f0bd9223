"""``/kodey/chats``: Kodey's chats.

A message is never sent from here: its answer may take minutes, and API Gateway ends a call after 30 s. The run is
queued and watched; one that takes longer is answered with 202.
"""

from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, RootModel, TypeAdapter

from aichats.api.operation import Call, Operation, Reply
from aichats.api.outcomes import answer
from aichats.api.run_view import RunView, view
from aichats.api.starting import id_of, queue_and_watch, reserve_key
from aichats.errors import InputError
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
from aichats.runs.actions import Action, KodeyCreateChat, KodeySendMessage
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.perform import Outcome
from aichats.validation import MAX_FIELD_CHARACTERS, MAX_PROBLEMS

_CHAT = {"chat_id": TypeAdapter[str](KodeyChatId)}


class CreateKodeyChat(Request):
    """A chat to be created, with its first message."""

    agent_id: AgentId
    message_text: MessageText
    user_id: UserId | None = None
    metadata: Metadata | None = None


class CreatedChat(BaseModel):
    """A chat and the assistant's answer, as Kodey gives them."""

    chat: Chat
    reply: Message | None
    """``None`` where the message was sent, and no answer to it came."""


class Chats(BaseModel):
    """Chats, as Kodey gives them."""

    data: list[Chat]


class Messages(BaseModel):
    """The messages of a chat, as Kodey gives them."""

    data: list[Message]


class Answered(RootModel[Message | RunView]):
    """The assistant's answer; where none came, the run that sent the message."""


class AnyChange(BaseModel):
    """Anything: Kodey has no changes."""

    model_config = ConfigDict(extra="allow")


def create(call: Call[CreateKodeyChat, None]) -> Reply:
    """Create a chat, send its first message, and wait for the assistant's answer.

    The same ``Idempotency-Key`` makes the same run, and so the same chat. What takes longer than 25 s, or whose outcome
    is not known yet, is answered with 202; ``Location`` then tells where to look.
    """
    fields = call.body.model_dump(exclude_unset=True, exclude={"agent_id"})
    action = KodeyCreateChat.model_construct(type="kodey.create_chat", **fields)

    def made(row: Row) -> BaseModel:
        chat = row.result.get("chat") or call.app.kodey.retrieve_chat(str(row.chat_id)).model_dump(by_alias=True)
        return CreatedChat(chat=chat, reply=row.result.get("reply"))

    outcome = _watched(call, "POST /kodey/chats", action, call.body.agent_id)
    return answer(call, outcome, made, lambda row: f"/kodey/chats/{row.chat_id}")


def send_message(call: Call[SendMessage, None]) -> Reply:
    """Send a message, and wait for the assistant's answer. Otherwise as for creating a chat."""
    chat_id = call.path["chat_id"]
    action = KodeySendMessage.model_construct(type="kodey.send_message", content=call.body.content)
    outcome = _watched(call, f"POST /kodey/chats/{chat_id}/messages", action, chat_id)

    def made(row: Row) -> BaseModel:
        reply = row.result.get("reply")
        return Answered(Message.model_validate(reply) if reply else view(row, call.caller))

    return answer(call, outcome, made, lambda row: f"/kodey/chats/{row.chat_id}/messages")


def _watched(
    call: Call[CreateKodeyChat, None] | Call[SendMessage, None], operation: str, action: Action, target: str
) -> Outcome:
    key = reserve_key(call, operation)
    run_id = id_of(call, operation, key, target)
    return queue_and_watch(call, key, Run(run_id=run_id, trigger="http", action=action, target=target))


def list_chats(call: Call[None, ListChats]) -> Reply:
    """The chats that our key sees."""
    query = call.query
    return Reply(Chats(data=call.app.kodey.list_chats(user_id=query.user_id, agent_type=query.agent_type)))


def retrieve(call: Call[None, None]) -> Reply:
    """One chat, with its messages."""
    return Reply(call.app.kodey.retrieve_chat(call.path["chat_id"]))


def delete(call: Call[None, None]) -> Reply:
    """Delete a chat."""
    call.app.kodey.delete_chat(call.path["chat_id"])
    return Reply(status=HTTPStatus.NO_CONTENT)


def list_messages(call: Call[None, None]) -> Reply:
    """The messages of a chat."""
    return Reply(Messages(data=call.app.kodey.list_messages(call.path["chat_id"])))


def update(call: Call[AnyChange, None]) -> Reply:
    """Refused, always: a chat of Kodey has no title, and cannot be muted.

    Raises:
        InputError: it is not supported by Kodey.
    """
    fields = sorted(call.body.model_extra or {}) or ["body"]
    problem = "not supported by Kodey: its chats cannot be changed"
    raise InputError([(field[:MAX_FIELD_CHARACTERS], problem) for field in fields[:MAX_PROBLEMS]])


OPERATIONS = (
    Operation(
        "POST",
        "/kodey/chats",
        "Create a chat of Kodey",
        ("chats:write",),
        create,
        body=CreateKodeyChat,
        status=HTTPStatus.CREATED,
        reply=CreatedChat,
        also={HTTPStatus.OK: CreatedChat, HTTPStatus.ACCEPTED: RunView},
        conflicts=True,
        idempotent=True,
    ),
    Operation("GET", "/kodey/chats", "List chats of Kodey", ("chats:read",), list_chats, query=ListChats, reply=Chats),
    Operation(
        "GET",
        "/kodey/chats/{chat_id}",
        "Retrieve a chat of Kodey",
        ("chats:read",),
        retrieve,
        parameters=_CHAT,
        reply=ChatWithMessages,
    ),
    Operation(
        "PATCH",
        "/kodey/chats/{chat_id}",
        "Refused: Kodey has no changes",
        ("chats:write",),
        update,
        body=AnyChange,
        parameters=_CHAT,
    ),
    Operation(
        "DELETE",
        "/kodey/chats/{chat_id}",
        "Delete a chat of Kodey",
        ("chats:write",),
        delete,
        parameters=_CHAT,
        status=HTTPStatus.NO_CONTENT,
    ),
    Operation(
        "POST",
        "/kodey/chats/{chat_id}/messages",
        "Send a message to a chat of Kodey",
        ("chats:write",),
        send_message,
        body=SendMessage,
        parameters=_CHAT,
        status=HTTPStatus.CREATED,
        reply=Answered,
        also={HTTPStatus.OK: Answered, HTTPStatus.ACCEPTED: RunView},
        conflicts=True,
        idempotent=True,
    ),
    Operation(
        "GET",
        "/kodey/chats/{chat_id}/messages",
        "List the messages of a chat of Kodey",
        ("chats:read",),
        list_messages,
        parameters=_CHAT,
        reply=Messages,
    ),
)
