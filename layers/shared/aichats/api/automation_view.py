"""Automations as API clients see them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from aichats.api.pause_view import PauseState, pause_state
from aichats.automations.model import Automation, Name
from aichats.automations.row import AutomationRow
from aichats.schedules.pauses import Pauses


class AutomationState(PauseState, Automation):
    """An automation with its state."""

    name: Name
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


def with_state(row: AutomationRow, now: datetime, stack: Pauses) -> dict[str, Any]:
    """Return the fields of an automation with its state. ``stack`` has the pauses of the stack."""
    fields = {field: getattr(row.automation, field) for field in Automation.model_fields}
    fires = row.state == "active" and row.automation.trigger.enabled
    next_at = next(stack.skip(row.unpaused_slots, now), None) if fires else None
    return fields | pause_state(row, now, stack) | {"name": row.name, "next_at": next_at}
