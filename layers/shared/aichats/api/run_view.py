"""A run as API clients see it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from aichats.api.callers import Caller
from aichats.runs.ledger.rows import Row

type RunStatus = Literal["pending", "performing", "succeeded", "failed", "unknown", "missed"]


class RunView(BaseModel):
    """A run as callers see it: no message, no title."""

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
    error: dict[str, Any] | None
    created_at: datetime
    due_at: datetime | None
    finished_at: datetime | None


def view(row: Row, caller: Caller) -> RunView:
    """Return a row as a caller may see it: chats and their texts need ``chats:read``."""
    result = row.result if "chats:read" in caller.scopes else {}
    return RunView(
        run_id=row.run.run_id,
        status=row.status,
        trigger=row.run.trigger,
        automation=row.run.automation,
        slot=row.run.slot,
        action=row.run.action.type,
        target=row.run.target,
        attempts=row.attempts,
        chat_id=row.chat_id,
        chat=result.get("chat"),
        reply=result.get("reply"),
        error=dict(row.error) if row.error else None,
        created_at=row.created_at,
        due_at=row.due_at,
        finished_at=row.finished_at,
    )
