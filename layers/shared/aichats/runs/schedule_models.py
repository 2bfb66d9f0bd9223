"""The models of the events of schedules: they define the fields, and explain what is invalid.

Import this module only for an event that :func:`aichats.runs.schedule_event.read_schedule_event` can't read on its own,
because pydantic slows a cold start.
"""

from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationInfo, field_validator

from aichats.models import Request
from aichats.runs.action import MAX_TARGETS, Action, check_targets
from aichats.runs.model import slot_text
from aichats.runs.schedule_event import Tick, TickWithWork
from aichats.validation import parse_strictly, read_time


def _iso_8601(value: object) -> object:
    try:
        return read_time(value)
    except ValueError:
        raise ValueError(
            "must be a time such as 2026-11-20T09:00:00Z; in a schedule, use <aws.scheduler.scheduled-time>, "
            "which EventBridge Scheduler replaces"
        ) from None


class Work(Request):
    """One action for one or many targets."""

    action: Action
    targets: Annotated[list[str | None], Field(min_length=1, max_length=MAX_TARGETS)]

    @field_validator("targets")
    @classmethod
    def _targets_fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        if "action" in info.data:
            check_targets(info.data["action"], targets)
        return targets


class ScheduleTick(Request):
    """The event of an automation's schedule."""

    automation: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    scheduled_time: Annotated[AwareDatetime, BeforeValidator(_iso_8601)]
    """The slot: the time for which the schedule fired. EventBridge Scheduler sets it."""

    @property
    def slot(self) -> str:
        """The slot as runs store it."""
        return slot_text(self.scheduled_time)


class ScheduleEvent(ScheduleTick, Work):
    """The event of a schedule that you create yourself: it contains the action and the targets."""


def read_tick(event: object) -> Tick:
    """Return the event of an automation's schedule.

    Raises:
        InputError: the event is invalid.
    """
    tick = parse_strictly(ScheduleTick, event)
    return Tick(tick.automation, tick.scheduled_time)


def read_tick_with_work(event: object, max_message_bytes: int) -> TickWithWork:
    """Return the event of a schedule that contains an action and targets.

    Raises:
        InputError: the event is invalid.
    """
    tick = parse_strictly(ScheduleEvent, event, max_message_bytes=max_message_bytes)
    return TickWithWork(tick.automation, tick.scheduled_time, tick.action, tick.targets)
