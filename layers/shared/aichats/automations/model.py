"""The definition of an automation, as the API client sends it: a trigger, an action and its targets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from aichats.models import OrElse, Request
from aichats.runs.action import MAX_TARGETS, Action, check_targets
from aichats.schedules.expressions import At, Rate, parse_schedule
from aichats.schedules.fire_times import fire_times
from aichats.schedules.periods import Per
from aichats.validation import read_time

MINUTE = timedelta(minutes=1)
MIN_LEAD = timedelta(seconds=15)
"""The minimum time until the first slot of a rate without a start. EventBridge Scheduler needs it to learn the rate."""
CALENDAR_START = datetime(1969, 1, 1, tzinfo=UTC)
"""A time before all slots."""
TEMPLATE_START = "{{"
"""The beginning of an expression in a template."""

type Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$", examples=["weekly-revenue"])]
type EventType = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$", examples=["payment.failed"])]
type Target = Annotated[str, Field(max_length=1000)] | None

type LabelKey = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"),
    OrElse("must be 1 to 63 letters, digits, dots, hyphens or underscores, and begin with a letter or a digit"),
]
type LabelValue = Annotated[
    str, Field(pattern=r"^[\x20-\x7e]{0,63}$"), OrElse("must be at most 63 characters of printable ASCII")
]
type LabelFilter = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}:[\x20-\x7e]{0,63}$", examples=["team:sales"]),
    OrElse("must be a label's key and value with a colon between them, such as team:sales"),
]
MAX_LABELS = 16
MAX_LABEL_CHARACTERS = 63
MAX_BUDGET = 1_000_000_000_000
"""The maximum limit of a budget. DynamoDB's numbers are exact up to 38 digits."""

NAME: TypeAdapter[str] = TypeAdapter(Name)


def _time(value: object) -> object:
    return value if isinstance(value, datetime) else read_time(value)


type Time = Annotated[AwareDatetime, BeforeValidator(_time)]


class ScheduleTrigger(Request):
    """A trigger that fires on a schedule."""

    # The expression comes last, because its check needs the other fields.
    type: Literal["schedule"]
    timezone: str = "UTC"
    """The IANA name of the time zone for ``cron`` and ``at``."""
    start: Time | None = None
    """The time before which the trigger does not fire. A ``rate`` fires at this time first."""
    end: Time | None = None
    """The time from which the trigger no longer fires."""
    enabled: bool = True
    expression: Annotated[str, Field(examples=["cron(0 9 ? * MON *)", "rate(1 hour)", "at(2030-01-31T09:00:00)"])]

    @property
    def is_once(self) -> bool:
        """The expression is an ``at``, which fires at most once."""
        return isinstance(parse_schedule(self.expression), At)

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        fire_times("cron(* * * * ? *)", timezone, after=datetime.now(UTC))
        return timezone

    @field_validator("start", "end")
    @classmethod
    def _has_no_fraction(cls, time: datetime | None) -> datetime | None:
        if time is not None and time.microsecond:
            raise ValueError("has a fraction of a second. EventBridge Scheduler only supports whole seconds")
        return time

    @field_validator("end")
    @classmethod
    def _comes_after_the_start(cls, end: datetime | None, info: ValidationInfo) -> datetime | None:
        start = info.data.get("start")
        if end and start and end <= start:
            raise ValueError(f"must be later than start ({start.isoformat()})")
        return end

    @field_validator("expression")
    @classmethod
    def _fires(cls, expression: str, info: ValidationInfo) -> str:
        """Check the expression. If the validation context has ``now``, the schedule must fire after this time."""
        once = isinstance(parse_schedule(expression), At)
        if once and (info.data.get("start") or info.data.get("end")):
            raise ValueError("at(...) fires once. Remove start and end")
        now = (info.context or {}).get("now")
        # If another field is invalid, it is missing here. Its own check reports the problem.
        if now and {"timezone", "start", "end"} <= info.data.keys():
            trigger = cls.model_construct(expression=expression, **info.data)
            if next(schedule_times(trigger, first_slot(trigger, now), now), None) is None:
                raise ValueError(never_fires(trigger, now))
        return expression


class WebhookTrigger(Request):
    """A trigger that fires when Whop sends one of these events and the filter, a JMESPath expression, is true."""

    type: Literal["webhook"]
    events: Annotated[list[EventType], Field(min_length=1, max_length=50)]
    filter: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    enabled: bool = True


class Budget(Request):
    """The maximum of an automation in each day or month, in UTC: runs, tokens of replies, or both."""

    runs: Annotated[int, Field(ge=1, le=MAX_BUDGET, strict=True)] | None = None
    """The number of runs that slots and events may start."""
    tokens: Annotated[int, Field(ge=1, le=MAX_BUDGET, strict=True)] | None = None
    """The tokens that replies may take."""
    per: Per

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.runs is None and self.tokens is None:
            raise ValueError('must have runs, tokens or both, such as {"runs": 10, "per": "day"}')
        return self

    @property
    def stored(self) -> dict[str, Any]:
        """The fields that are set."""
        return self.model_dump(exclude_none=True)

    def is_raised_to(self, other: "Budget | None") -> bool:
        """Return whether another budget allows more, or counts in other periods. ``None`` has no limit."""
        if other is None or self.per != other.per:
            return True
        pairs = ((self.runs, other.runs), (self.tokens, other.tokens))
        return self != other and all(new is None or (old is not None and new >= old) for old, new in pairs)


class Automation(Request):
    """A trigger, the action that it starts, and the targets of the action.

    ``missed`` says what to do about times at which the schedule did not fire: ``skip`` them, or ``run`` the newest one
    late. ``overlap`` says whether a slot starts runs although runs of an earlier slot are still open.
    """

    trigger: Annotated[ScheduleTrigger | WebhookTrigger, Field(discriminator="type")]
    action: Action
    targets: Annotated[list[Target], Field(min_length=1, max_length=MAX_TARGETS)]
    missed: Literal["skip", "run"] = "skip"
    overlap: Literal["allow", "skip"] = "allow"
    description: Annotated[str, Field(max_length=500)] | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=MAX_LABELS)] = Field(default_factory=dict)
    """Pairs of texts. The runs of the automation have the same labels."""
    managed_by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The system that writes the automation, such as a repository. It is for people."""
    budget: Budget | None = None
    """The limits after which the automation is paused until the next day or month."""

    @field_validator("targets")
    @classmethod
    def _fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        if not {"trigger", "action"} <= info.data.keys():
            return targets
        if isinstance(info.data["trigger"], ScheduleTrigger):
            check_targets(info.data["action"], targets)
            return targets
        for index, target in enumerate(targets):
            if not (target and TEMPLATE_START in target):
                _check_target(info.data["action"], index, target)
        return targets

    @field_validator("missed")
    @classmethod
    def _goes_with_a_schedule(cls, missed: str, info: ValidationInfo) -> str:
        if missed == "run" and isinstance(info.data.get("trigger"), WebhookTrigger):
            raise ValueError('"run" requires a schedule, because aichats cannot detect a missing event. Use "skip"')
        return missed

    @field_validator("overlap")
    @classmethod
    def _is_about_slots(cls, overlap: str, info: ValidationInfo) -> str:
        if overlap == "skip" and isinstance(info.data.get("trigger"), WebhookTrigger):
            raise ValueError('"skip" requires a schedule, because events have no slots. Use "allow"')
        return overlap

    @field_serializer("budget")
    def _only_limits(self, budget: Budget | None) -> dict[str, Any] | None:
        return budget.stored if budget else None

    @property
    def definition(self) -> dict[str, Any]:
        """The JSON that the table stores: all fields of the trigger, and the fields of the action that were written."""
        # Earlier versions of the code can't read a field that they don't know. So it is only stored if it is set.
        fields = self.model_dump(mode="json", exclude=None if self.budget else {"budget"})
        trigger = fields["trigger"]
        leading_fields = {name: trigger.pop(name) for name in ("type", "expression") if name in trigger}
        return fields | {"trigger": leading_fields | trigger}

    @property
    def defaults(self) -> tuple[str, ...]:
        """The fields that the API client left out, such as ``missed`` and ``trigger.timezone``."""
        own = sorted(type(self).model_fields.keys() - self.model_fields_set)
        trigger = sorted(type(self.trigger).model_fields.keys() - self.trigger.model_fields_set)
        return (*own, *(f"trigger.{name}" for name in trigger))


def first_slot(trigger: ScheduleTrigger, now: datetime) -> datetime | None:
    """Return the first slot of a ``rate``: its start, or the first whole minute that is more than 15 seconds ahead.

    Return ``None`` for ``cron`` and ``at``.
    """
    if not isinstance(parse_schedule(trigger.expression), Rate):
        return None
    return trigger.start or ((now + MIN_LEAD).replace(second=0, microsecond=0) + MINUTE).astimezone(UTC)


def schedule_times(trigger: ScheduleTrigger, rate_start: datetime | None, after: datetime) -> Iterator[datetime]:
    """Return the slots later than ``after``, ascending, in UTC, whether or not the trigger is enabled.

    Args:
        trigger: the schedule.
        rate_start: the result of :func:`first_slot` when the schedule was first written. Only a ``rate`` needs it.
        after: the time after which the slots begin.
    """
    start = rate_start or trigger.start
    return fire_times(trigger.expression, trigger.timezone, start=start, end=trigger.end, after=after)


def never_fires(trigger: ScheduleTrigger, now: datetime) -> str:
    """Return the message for a schedule that does not fire after ``now``."""
    present = now.isoformat(timespec="seconds")
    if not trigger.is_once:
        return f"{trigger.expression} never fires from now on (now: {present})"
    if next(fire_times(trigger.expression, trigger.timezone, after=CALENDAR_START), None):
        return f"{trigger.expression} is in the past (now: {present})"
    return f"{trigger.expression} does not exist in {trigger.timezone}: clocks skip it. Choose another time"


def canonical(automation: Automation) -> str:
    """Return the definition as JSON. Equal definitions have the same text."""
    return json.dumps(automation.definition, ensure_ascii=False, separators=(",", ":"))


def _check_target(action: Action, index: int, target: str | None) -> None:
    try:
        check_targets(action, [target])
    except ValueError as error:
        raise ValueError(f"item {index}: {str(error).partition(': ')[2]}") from None
