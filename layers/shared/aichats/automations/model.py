"""An automation: a trigger with an action and its targets, as its owner writes it."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationInfo,
    field_serializer,
    field_validator,
)

from aichats.models import Request
from aichats.runs.actions import MAX_TARGETS, Action, check_targets
from aichats.schedules.expressions import At, Rate, parse
from aichats.schedules.fire_times import fire_times
from aichats.validation import A_TIME, read_time

MINUTE = timedelta(minutes=1)
AHEAD = timedelta(seconds=15)
"""Of the first slot of a rate without a start: so long Scheduler may take to know of it."""
TEMPLATE = "{{"
"""What begins an expression in a text."""

type Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$", examples=["weekly-revenue"])]
type EventType = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$", examples=["payment.failed"])]
type Target = Annotated[str, Field(max_length=1000)] | None

NAME: TypeAdapter[str] = TypeAdapter(Name)


def _time(value: object) -> object:
    # pydantic alone would take the number 2026 for a moment of 1970.
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and re.match(r"2\d{3}-\d{2}-\d{2}T", value):
        return read_time(value)
    raise ValueError(A_TIME)


type Moment = Annotated[AwareDatetime, BeforeValidator(_time)]


class ScheduleTrigger(Request):
    """It fires by the clock.

    Where the validation's context holds ``now``, what does not fire later than that is refused.
    """

    # The expression comes last, so that its check sees the others.
    type: Literal["schedule"]
    timezone: str = "UTC"
    """IANA name of the zone whose wall clock ``cron`` and ``at`` mean."""
    start: Moment | None = None
    """Nothing fires earlier; a ``rate`` is counted from it."""
    end: Moment | None = None
    """Nothing fires at it or later."""
    enabled: bool = True
    expression: Annotated[str, Field(examples=["cron(0 9 ? * MON *)", "rate(1 hour)", "at(2030-01-31T09:00:00)"])]

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        fire_times("cron(* * * * ? *)", timezone, after=datetime.now(UTC))
        return timezone

    @field_validator("start", "end")
    @classmethod
    def _has_no_fraction(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.microsecond:
            raise ValueError("has a fraction of a second: EventBridge Scheduler keeps whole seconds")
        return moment

    @field_validator("end")
    @classmethod
    def _comes_after_the_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start")
        if end and start and end <= start:
            raise ValueError(f"is not later than start, {start.isoformat()}")
        return end

    @field_validator("expression")
    @classmethod
    def _fires(cls, expression: str, info: ValidationInfo) -> str:
        once = isinstance(parse(expression), At)
        if once and (info.data.get("start") or info.data.get("end")):
            raise ValueError("at(...) names its only moment: leave start and end out")
        now = (info.context or {}).get("now")
        # A field that is wrong itself is missing here, and is told by its own check.
        if now and {"timezone", "start", "end"} <= info.data.keys():
            trigger = cls.model_construct(expression=expression, **info.data)
            if next(schedule_times(trigger, first_slot(trigger, now), now), None) is None:
                told = "is in the past, or is skipped when the clocks change" if once else "never fires from now on"
                raise ValueError(f"{expression} {told}: it is {now.isoformat(timespec='seconds')}")
        return expression


class WebhookTrigger(Request):
    """It fires when Whop tells of one of these events, and the filter, a JMESPath expression, is true."""

    type: Literal["webhook"]
    events: Annotated[list[EventType], Field(min_length=1, max_length=50)]
    filter: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    enabled: bool = True


class Automation(Request):
    """What its owner writes.

    ``missed`` says what becomes of a slot that did not fire: ``skip``, or ``run``, once and late.
    """

    trigger: Annotated[ScheduleTrigger | WebhookTrigger, Field(discriminator="type")]
    action: Action
    targets: Annotated[list[Target], Field(min_length=1, max_length=MAX_TARGETS)]
    missed: Literal["skip", "run"] = "skip"
    description: Annotated[str, Field(max_length=500)] | None = None

    @field_validator("targets")
    @classmethod
    def _fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        if not {"trigger", "action"} <= info.data.keys():
            return targets
        if isinstance(info.data["trigger"], ScheduleTrigger):
            check_targets(info.data["action"], targets)
            return targets
        for index, target in enumerate(targets):
            if not (target and TEMPLATE in target):
                _check_target(info.data["action"], index, target)
        return targets

    @field_validator("missed")
    @classmethod
    def _goes_with_a_schedule(cls, missed: str, info: ValidationInfo) -> str:
        if missed == "run" and isinstance(info.data.get("trigger"), WebhookTrigger):
            raise ValueError('"run" goes only with a schedule: an event that did not come cannot be known')
        return missed

    @field_serializer("action", mode="wrap")
    def _only_what_was_written(self, action: Action, dump: SerializerFunctionWrapHandler) -> Any:
        # In a change null means "clear": what was left out must not come back as null.
        return {name: value for name, value in dump(action).items() if name in action.model_fields_set}

    @property
    def definition(self) -> dict[str, Any]:
        """The JSON that the API shows and the table keeps.

        The trigger has all of its fields, the action those that were written: for a change, ``null`` means "clear".
        """
        trigger = self.trigger.model_dump(mode="json")
        first = {name: trigger.pop(name) for name in ("type", "expression") if name in trigger}
        return {
            "trigger": first | trigger,
            "action": self.action.model_dump(mode="json", exclude_unset=True),
            "targets": list(self.targets),
            "missed": self.missed,
            "description": self.description,
        }


def first_slot(trigger: ScheduleTrigger, now: datetime) -> datetime | None:
    """From when a ``rate`` is counted: its start, else the first whole minute that is more than 15 seconds ahead.

    ``None`` for ``cron`` and ``at``.
    """
    if not isinstance(parse(trigger.expression), Rate):
        return None
    return trigger.start or ((now + AHEAD).replace(second=0, microsecond=0) + MINUTE).astimezone(UTC)


def schedule_times(trigger: ScheduleTrigger, rate_start: datetime | None, after: datetime) -> Iterator[datetime]:
    """The slots later than ``after``, ascending, in UTC; whether it is enabled does not matter.

    Args:
        trigger: the schedule.
        rate_start: what :func:`first_slot` gave when the schedule was first written; only a ``rate`` needs it.
        after: a slot at this very moment is left out.
    """
    start = rate_start or trigger.start
    return fire_times(trigger.expression, trigger.timezone, start=start, end=trigger.end, after=after)


def canonical(automation: Automation) -> str:
    """The definition as JSON, always with the same letters."""
    return json.dumps(automation.definition, ensure_ascii=False, separators=(",", ":"))


def _check_target(action: Action, index: int, target: str | None) -> None:
    try:
        check_targets(action, [target])
    except ValueError as error:
        raise ValueError(f"item {index}: {str(error).partition(': ')[2]}") from None
