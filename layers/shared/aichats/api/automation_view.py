"""Automations as API clients see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from aichats.automations.model import Automation, Name
from aichats.automations.row import AutomationRow

type State = Literal["active", "paused", "done", "deleting"]


class AutomationState(Automation):
    """An automation with its state."""

    name: Name
    state: Annotated[State, Field(description="`paused` if `enabled` is false; `done` after the last time")]
    next_at: Annotated[
        datetime | None,
        Field(description="The next time; null if there is none, or if the automation listens to events"),
    ]


class StoredAutomation(AutomationState):
    """An automation as aichats stored it."""

    warnings: Annotated[list[str], Field(description="Possible mistakes in the automation")]


class ListedAutomation(AutomationState):
    """An automation in the list."""

    etag: str


def with_state(row: AutomationRow, now: datetime) -> dict[str, Any]:
    """Return the fields of an automation with its state."""
    state: State = "paused" if row.state == "active" and not row.automation.trigger.enabled else row.state
    fields = {field: getattr(row.automation, field) for field in Automation.model_fields}
    return fields | {"name": row.name, "state": state, "next_at": row.next_slot(now) if state == "active" else None}
