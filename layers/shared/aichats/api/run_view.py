"""Runs as API clients see them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field, with_config

from aichats.api.callers import Caller
from aichats.runs.action import Action
from aichats.runs.attempts_log import logged_calls
from aichats.runs.ledger.rows import Row, RunStatus


@with_config(ConfigDict(extra="allow"))
class RunError(TypedDict, total=False):
    """The reason why a run failed or waits."""

    type: Annotated[str, Field(description="The kind of error, such as `RateLimitError`")]
    message: Annotated[str, Field(description="The reason, for people")]
    provider: Annotated[str, Field(description="The provider that failed: `whop` or `kodey`")]
    status: Annotated[int, Field(description="The provider's HTTP status")]
    code: Annotated[str, Field(description="The provider's error code")]
    param: Annotated[str, Field(description="The field that the provider rejected")]
    request_id: Annotated[str, Field(description="The provider's id of the request, for its support team")]
    field: Annotated[str, Field(description="The field of the automation that could not be rendered")]
    replaced_by: Annotated[list[str], Field(description="The runs that a replay started in place of this run")]


class SentText(BaseModel):
    """The text of a run, rendered. A run that did not succeed may not have sent it."""

    title: str | None
    message: str | None


class RunView(BaseModel):
    """A run, without the texts that it sends."""

    run_id: str
    status: RunStatus
    trigger: str
    automation: str | None
    slot: str | None
    action: str
    target: str | None
    labels: Annotated[dict[str, str], Field(description="The labels of the run's automation")]
    attempts: int
    chat_id: str | None
    chat: Annotated[
        dict[str, Any] | None,
        Field(description="The chat as its provider returned it; null without the scope `chats:read`"),
    ]
    reply: Annotated[
        dict[str, Any] | None,
        Field(
            description="The assistant's answer as its provider returned it, if the run waited for one; "
            "null without the scope `chats:read`"
        ),
    ]
    files: Annotated[list[str], Field(description="The ids of the files that the run has uploaded for its chat")]
    reply_status: Annotated[
        Literal["awaited", "replied", "overdue"] | None,
        Field(description="Whether the agent has replied; null if the run neither awaits a reply nor has one"),
    ]
    replied_at: Annotated[datetime | None, Field(description="The time of the reply")]
    reply_seconds: Annotated[float | None, Field(description="The time that the reply took; null if it isn't known")]
    tokens: Annotated[
        Decimal | None, Field(description="The tokens that the chat had used when aichats saw the reply, as a decimal")
    ]
    reply_overdue_at: Annotated[
        datetime | None, Field(description="The time at which aichats stopped to watch the chat without a reply")
    ]
    reply_overdue_reason: Annotated[
        str | None, Field(description="The reason why the watch ended; null if its time was over")
    ]
    error: RunError | None
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None


class LoggedCallView(BaseModel):
    """One or several consecutive calls of a run to its provider that are alike."""

    at: datetime
    call: Annotated[str, Field(description="The method and the path")]
    status: Annotated[int | None, Field(description="The provider's HTTP status; null if it didn't respond")]
    request_id: Annotated[str | None, Field(description="The provider's id of the last request")]
    milliseconds: Annotated[int, Field(description="The duration of all these calls together")]
    times: int


class RunDetails(RunView):
    """A run, with the text that it sends and the calls of its attempts."""

    sent: Annotated[
        SentText | None,
        Field(
            description="The title and the message of the run, rendered; null without the scope `messages:read`, "
            "if the run has no text, or if the text is no longer kept (`KeepTextsDays`)"
        ),
    ]
    attempts_log: Annotated[list[LoggedCallView], Field(description="The newest calls to the provider, oldest first")]


def view(row: Row, caller: Caller) -> RunView:
    """Return a row as a caller may see it. ``chat`` and ``reply`` need the scope ``chats:read``."""
    return RunView.model_validate(_fields(row, caller))


def details(row: Row, caller: Caller, *, keeps_text: bool) -> RunDetails:
    """Return a row as a caller may see it, with its text and the calls of its attempts.

    ``sent`` needs the scope ``messages:read``.
    """
    sent = _text_of(row.run.action) if keeps_text and "messages:read" in caller.scopes else None
    calls = [vars(call) for call in logged_calls(row)]
    return RunDetails.model_validate({**_fields(row, caller), "sent": sent, "attempts_log": calls})


def _fields(row: Row, caller: Caller) -> dict[str, Any]:
    result = row.result if "chats:read" in caller.scopes else {}
    answers = {"chat": result.get("chat"), "reply": result.get("reply")}
    files = [file_id for uploads in row.files.values() for file_id in uploads["ids"]]
    fields = {**vars(row.run), **vars(row), "action": row.run.action.type, "files": files, **answers}
    return fields | {"reply_status": _reply_status(row)}


def _reply_status(row: Row) -> str | None:
    if row.replied_at:
        return "replied"
    if row.reply_overdue_at:
        return "overdue"
    return "awaited" if row.await_reply and (row.is_open or row.status == "succeeded") else None


def _text_of(action: Action) -> SentText | None:
    """Return the text of an action; ``None`` if it has none. An action may have nothing but its type."""
    title, message = action.title, action.message
    return SentText(title=title, message=message) if title or message else None
