"""Runs as API clients see them."""

from datetime import datetime
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, with_config

from aichats.api.callers import Caller
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


class RunView(BaseModel):
    """A run, without the texts that it sends."""

    run_id: str
    status: RunStatus
    trigger: str
    automation: str | None
    slot: str | None
    action: str
    target: str | None
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
    error: RunError | None
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None


def view(row: Row, caller: Caller) -> RunView:
    """Return a row as a caller may see it. ``chat`` and ``reply`` need the scope ``chats:read``."""
    result = row.result if "chats:read" in caller.scopes else {}
    answers = {"chat": result.get("chat"), "reply": result.get("reply")}
    return RunView.model_validate({**vars(row.run), **vars(row), "action": row.run.action.type, **answers})
