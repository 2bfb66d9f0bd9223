"""``/automations/preview``: the times at which automations run next."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, RootModel

from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.stored_automations import NAMED, READ, existing_automation
from aichats.automations.model import ScheduleTrigger, first_slot, schedule_times
from aichats.errors import InputError
from aichats.models import Request, WholeNumber
from aichats.runs.model import slot_text

type Count = Annotated[int, Field(ge=1, le=100), WholeNumber]


class PreviewQuery(Request):
    """The number of times to return."""

    count: Count = 5


class FireTime(BaseModel):
    """A time at which a schedule fires, in ISO 8601."""

    utc: str
    local: str


class Preview(RootModel[list[FireTime]]):
    """The next times at which a schedule fires. If the schedule ends, there are fewer than requested."""


@operation(
    "GET",
    "/automations/{name}/preview",
    "Preview an automation",
    scopes=READ,
    parameters=NAMED,
    query=PreviewQuery,
    answers={200: Preview},
    limited=True,
)
def preview_automation(call: ApiCall[None, PreviewQuery]) -> Reply:
    """Return the next times of an automation, even if it is paused."""
    row = existing_automation(call)
    trigger = row.automation.trigger
    if not isinstance(trigger, ScheduleTrigger):
        raise InputError([("name", f"{row.name} listens to events, so it has no times")])
    return Reply(_preview(trigger, row.rate_start, call.query.count))


@operation(
    "POST",
    "/automations/preview",
    "Preview a schedule",
    scopes=READ,
    body=ScheduleTrigger,
    query=PreviewQuery,
    answers={200: Preview},
    limited=True,
)
def preview_schedule(call: ApiCall[ScheduleTrigger, PreviewQuery]) -> Reply:
    """Preview a schedule without saving it."""
    trigger = call.body
    return Reply(_preview(trigger, first_slot(trigger, datetime.now(UTC)), call.query.count))


def _preview(trigger: ScheduleTrigger, rate_start: datetime | None, count: int) -> Preview:
    zone = ZoneInfo(trigger.timezone)
    times = islice(schedule_times(trigger, rate_start, datetime.now(UTC)), count)
    return Preview([FireTime(utc=slot_text(time), local=time.astimezone(zone).isoformat()) for time in times])
