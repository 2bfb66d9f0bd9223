"""Previews as API clients see them: the next times of an automation, and the chats and messages that it will send."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, takewhile
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, RootModel

from aichats.automations.model import ScheduleTrigger, schedule_times
from aichats.automations.row import AutomationRow
from aichats.automations.run_factory import RenderedRuns
from aichats.runs.action import Action
from aichats.runs.model import Run, slot_text
from aichats.schedules.pauses import INSTANT, Pauses

MAX_PREVIEW_BYTES = 4_000_000
"""The maximum size of the rendered actions. Lambda's limit for an answer is 6 MB."""
MAX_COUNTED = 1000
"""The maximum number of times that are counted in a pause, which may have millions."""


class FireTime(BaseModel):
    """A time at which a schedule fires, in ISO 8601."""

    utc: str
    local: str


class PausedTimes(BaseModel):
    """A pause that leaves out some of the next times."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    begins: Annotated[datetime, Field(alias="from")]
    until: Annotated[datetime | None, Field(description="The first time that runs again; null if the pause has no end")]
    reason: str | None
    left_out: Annotated[int, Field(description="The number of times that are left out; at most 1,000 are counted")]


class TextError(BaseModel):
    """The reason why a target gets no action."""

    field: Annotated[str, Field(description="The field of the automation, such as `action.message_text`")]
    detail: str


class RenderedTarget(BaseModel):
    """The action that a target gets, with all texts rendered; or the reason why it gets none."""

    target: Annotated[str | None, Field(description="The target; null if there is none, or if no target is rendered")]
    title: str | None = None
    message: str | None = None
    action: Action | None = None
    error: TextError | None = None


class RenderedPreview(BaseModel):
    """The next times of an automation, and the actions that it starts at the first of them, or for an event."""

    at: Annotated[str | None, Field(description="The time for which the texts are rendered; null if there is none")]
    times: list[FireTime]
    paused: list[PausedTimes] = Field(default_factory=list)
    event_type: Annotated[str | None, Field(description="The type of the event; null for a schedule")] = None
    is_example: Annotated[bool, Field(description="Whether the event is an example, because you sent none")] = False
    filtered: Annotated[bool, Field(description="Whether the filter rejects the event, so that nothing starts")] = False
    rendered: list[RenderedTarget]
    not_shown: Annotated[int, Field(description="The number of targets that don't fit into the answer")] = 0


class Preview(RootModel[list[FireTime] | RenderedPreview]):
    """The next times at which a schedule fires, or a whole preview. If the schedule ends, there are fewer times."""


def times_of(trigger: ScheduleTrigger, times: Sequence[datetime]) -> list[FireTime]:
    """Return times in UTC and in the time zone of a schedule."""
    zone = ZoneInfo(trigger.timezone)
    return [FireTime(utc=slot_text(time), local=time.astimezone(zone).isoformat()) for time in times]


def next_times(trigger: ScheduleTrigger, rate_start: datetime | None, after: datetime, count: int) -> list[datetime]:
    """Return the next times of a schedule that is not stored."""
    return list(islice(schedule_times(trigger, rate_start, after), count))


def paused_times(
    row: AutomationRow, stack: Pauses, after: datetime, shown: Sequence[datetime], count: int
) -> list[PausedTimes]:
    """Return the pauses that leave out times of an automation before the last of the times that are shown.

    Args:
        row: the automation.
        stack: the pauses of the stack.
        after: the time after which the times begin.
        shown: the times that are shown.
        count: the number of times that were requested.
    """
    # If there are fewer times than requested, all further times are left out.
    last = shown[-1] if len(shown) == count else None
    paused: list[PausedTimes] = []
    for window in sorted([*row.pauses.after(after), *stack.after(after)], key=lambda window: window.begins):
        slots = row.slots(max(after, window.begins - INSTANT))
        if left_out := _count(slots, min(window.end, last) if last else window.end):
            fields = {"begins": window.begins, "until": window.until, "reason": window.reason}
            paused.append(PausedTimes(**fields, left_out=left_out))
    return paused


def _count(slots: Iterator[datetime], end: datetime) -> int:
    """Return the number of slots before a time, counted as far as :data:`MAX_COUNTED`."""
    return sum(1 for _ in islice(takewhile(lambda slot: slot < end, slots), MAX_COUNTED))


def as_intervals(paused: Sequence[PausedTimes]) -> str:
    """Return pauses as intervals in ISO 8601. An open end is written as ``..``."""
    return ", ".join(f"{slot_text(each.begins)}/{slot_text(each.until) if each.until else '..'}" for each in paused)


def rendered_targets(runs: RenderedRuns) -> tuple[list[RenderedTarget], int]:
    """Return what each target gets, as far as it fits into an answer, and the number of the other targets."""
    failed = [RenderedTarget(target=run.target, error=_error(error.field, error)) for run, error in runs.failed]
    shown: list[RenderedTarget] = []
    room = MAX_PREVIEW_BYTES
    for target in [*map(_performed, runs.runs), *failed]:
        room -= 2 * len(target.model_dump_json().encode())
        if shown and room < 0:
            break
        shown.append(target)
    return shown, len(runs.runs) + len(failed) - len(shown)


def invalid_texts(problems: Sequence[tuple[str, str]]) -> list[RenderedTarget]:
    """Return the problems of an automation's texts, because of which no target is rendered."""
    return [RenderedTarget(target=None, error=TextError(field=field, detail=detail)) for field, detail in problems]


def _performed(run: Run) -> RenderedTarget:
    action = run.action
    return RenderedTarget.model_construct(
        target=run.target, title=action.title, message=action.message, action=action, error=None
    )


def _error(field: str | None, error: Exception) -> TextError:
    return TextError(field=field or "action", detail=str(error))
