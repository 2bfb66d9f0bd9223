"""Pauses as API clients write and see them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aichats.automations.row import AutomationRow
from aichats.schedules.pauses import Pauses, PauseWindow

type State = Literal["active", "paused", "done", "deleting"]


class ShownPause(BaseModel):
    """A pause: the times from `from` until before `until` are skipped."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    begins: Annotated[datetime, Field(alias="from", description="The first time that is skipped")]
    until: Annotated[datetime | None, Field(description="The first time that runs again; null: until you resume")]
    by: Annotated[str | None, Field(description="The API client that paused; null if it isn't known")]
    at: Annotated[datetime, Field(description="The time of the request")]
    reason: str | None


class CurrentPause(ShownPause):
    """The pause that is effective now."""

    scope: Annotated[
        Literal["automation", "stack", "trigger"],
        Field(description="The paused part. `trigger`: `enabled` is false"),
    ]


class PauseState(BaseModel):
    """The state of an automation, with its pauses."""

    state: Annotated[State, Field(description="`paused` if a pause is effective now; `done` after the last time")]
    paused: Annotated[CurrentPause | None, Field(description="The pause that is effective now")]
    pauses: Annotated[list[ShownPause], Field(description="The pauses of the automation that have not ended")]


def pause_state(row: AutomationRow, now: datetime, stack: Pauses) -> dict[str, Any]:
    """Return the fields of :class:`PauseState` for an automation. ``stack`` has the pauses of the stack."""
    paused = _current(row, now, stack) if row.state == "active" else None
    pauses = [shown_pause(window) for window in row.pauses.after(now)]
    return {"state": "paused" if paused else row.state, "paused": paused, "pauses": pauses}


def shown_pause(window: PauseWindow) -> ShownPause:
    """Return a window as API clients see it."""
    return ShownPause.model_construct(**_fields(window))


def _current(row: AutomationRow, now: datetime, stack: Pauses) -> CurrentPause | None:
    if not row.automation.trigger.enabled:
        since = row.trigger_changed_at
        fields: dict[str, Any] = {"begins": since, "until": None, "by": row.updated_by, "at": since, "reason": None}
        return CurrentPause.model_construct(**fields, scope="trigger")
    if window := row.pauses.at(now):
        return CurrentPause.model_construct(**_fields(window), scope="automation")
    if window := stack.at(now):
        return CurrentPause.model_construct(**_fields(window), scope="stack")
    return None


def _fields(window: PauseWindow) -> dict[str, Any]:
    return {name: getattr(window, name) for name in ShownPause.model_fields}
