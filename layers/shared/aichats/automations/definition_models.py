"""The models of an automation's definition: they define what people may send, and explain what is invalid.

Import this module only where such input comes in, or for a stored definition that
:func:`aichats.automations.model.quick_definition` does not accept, because pydantic slows a cold start.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from aichats.automations.model import (
    EVENT_TYPE_PATTERN,
    LABEL_KEY_PATTERN,
    LABEL_VALUE_PATTERN,
    MAX_BUDGET,
    MAX_DESCRIPTION_CHARACTERS,
    MAX_EVENT_TYPES,
    MAX_FILTER_CHARACTERS,
    MAX_LABELS,
    MAX_MANAGER_CHARACTERS,
    MAX_TARGET_CHARACTERS,
    NAME_PATTERN,
    Automation,
    Budget,
    ScheduleTrigger,
    WebhookTrigger,
    check_end,
    check_limits,
    check_missed,
    check_overlap,
    check_schedule,
    check_targets_of,
    check_timezone,
    first_slot,
    never_fires,
    schedule_times,
)
from aichats.models import OrElse, Request
from aichats.runs.action import MAX_TARGETS, Action
from aichats.schedules.periods import Per
from aichats.validation import parse, read_stored, read_time

type Name = Annotated[str, Field(pattern=NAME_PATTERN, examples=["weekly-revenue"])]
type EventType = Annotated[str, Field(pattern=EVENT_TYPE_PATTERN, examples=["payment.failed"])]
type Target = Annotated[str, Field(max_length=MAX_TARGET_CHARACTERS)] | None

type LabelKey = Annotated[
    str,
    Field(pattern=LABEL_KEY_PATTERN),
    OrElse("must be 1 to 63 letters, digits, dots, hyphens or underscores, and begin with a letter or a digit"),
]
type LabelValue = Annotated[
    str, Field(pattern=LABEL_VALUE_PATTERN), OrElse("must be at most 63 characters of printable ASCII")
]
type LabelFilter = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}:[\x20-\x7e]{0,63}$", examples=["team:sales"]),
    OrElse("must be a label's key and value with a colon between them, such as team:sales"),
]

NAME: TypeAdapter[str] = TypeAdapter(Name)


def _time(value: object) -> object:
    return value if isinstance(value, datetime) else read_time(value)


type Time = Annotated[AwareDatetime, BeforeValidator(_time)]


class DefinitionModel(Request):
    """The base class of the models of a definition. The OpenAPI document names them without ``Model``."""

    model_config = ConfigDict(model_title_generator=lambda model: model.__name__.removesuffix("Model"))


class ScheduleTriggerModel(DefinitionModel):
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

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        check_timezone(timezone)
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
        check_end(end, info.data)
        return end

    @field_validator("expression")
    @classmethod
    def _fires(cls, expression: str, info: ValidationInfo) -> str:
        """Check the expression. If the validation context has ``now``, the schedule must fire after this time."""
        check_schedule(expression, info.data)
        now = (info.context or {}).get("now")
        # If another field is invalid, it is missing here. Its own check reports the problem.
        if now and {"timezone", "start", "end"} <= info.data.keys():
            trigger = ScheduleTrigger(**info.data | {"type": "schedule", "expression": expression})
            if next(schedule_times(trigger, first_slot(trigger, now), now), None) is None:
                raise ValueError(never_fires(trigger, now))
        return expression

    @property
    def plain(self) -> ScheduleTrigger:
        """The trigger as plain data."""
        return ScheduleTrigger(**dict(self))


class WebhookTriggerModel(DefinitionModel):
    """A trigger that fires when Whop sends one of these events and the filter, a JMESPath expression, is true."""

    type: Literal["webhook"]
    events: Annotated[list[EventType], Field(min_length=1, max_length=MAX_EVENT_TYPES)]
    filter: Annotated[str, Field(min_length=1, max_length=MAX_FILTER_CHARACTERS)] | None = None
    enabled: bool = True

    @property
    def plain(self) -> WebhookTrigger:
        """The trigger as plain data."""
        return WebhookTrigger(**dict(self))


class BudgetModel(DefinitionModel):
    """The maximum of an automation in each day or month, in UTC: runs, tokens of replies, or both."""

    runs: Annotated[int, Field(ge=1, le=MAX_BUDGET, strict=True)] | None = None
    """The number of runs that slots and events may start."""
    tokens: Annotated[int, Field(ge=1, le=MAX_BUDGET, strict=True)] | None = None
    """The tokens that replies may take."""
    per: Per

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        check_limits(self.per, dict(self))
        return self

    @property
    def plain(self) -> Budget:
        """The budget as plain data."""
        return Budget(**dict(self))


class AutomationModel(DefinitionModel):
    """A trigger, the action that it starts, and the targets of the action.

    ``missed`` says what to do about times at which the schedule did not fire: ``skip`` them, or ``run`` the newest one
    late. ``overlap`` says whether a slot starts runs although runs of an earlier slot are still open.
    """

    trigger: Annotated[ScheduleTriggerModel | WebhookTriggerModel, Field(discriminator="type")]
    action: Action
    targets: Annotated[list[Target], Field(min_length=1, max_length=MAX_TARGETS)]
    missed: Literal["skip", "run"] = "skip"
    overlap: Literal["allow", "skip"] = "allow"
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS)] | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=MAX_LABELS)] = Field(default_factory=dict)
    """Pairs of texts. The runs of the automation have the same labels."""
    managed_by: Annotated[str, Field(min_length=1, max_length=MAX_MANAGER_CHARACTERS)] | None = None
    """The system that writes the automation, such as a repository. It is for people."""
    budget: BudgetModel | None = None
    """The limits after which the automation is paused until the next day or month."""

    @field_validator("targets")
    @classmethod
    def _fit_the_action(cls, targets: list[str | None], info: ValidationInfo) -> list[str | None]:
        check_targets_of(targets, info.data)
        return targets

    @field_validator("missed")
    @classmethod
    def _goes_with_a_schedule(cls, missed: str, info: ValidationInfo) -> str:
        check_missed(missed, info.data)
        return missed

    @field_validator("overlap")
    @classmethod
    def _is_about_slots(cls, overlap: str, info: ValidationInfo) -> str:
        check_overlap(overlap, info.data)
        return overlap

    @field_serializer("budget")
    def _only_limits(self, budget: BudgetModel | None) -> dict[str, Any] | None:
        return budget.plain.stored if budget else None

    @property
    def plain(self) -> Automation:
        """The definition as plain data."""
        fields = {name: getattr(self, name) for name in AutomationModel.model_fields}
        budget = self.budget.plain if self.budget else None
        changed = {"trigger": self.trigger.plain, "budget": budget, "defaults": self._defaults}
        return Automation(**fields | changed)

    @property
    def _defaults(self) -> tuple[str, ...]:
        own = sorted(AutomationModel.model_fields.keys() - self.model_fields_set)
        trigger = sorted(type(self.trigger).model_fields.keys() - self.trigger.model_fields_set)
        return (*own, *(f"trigger.{name}" for name in trigger))


def shown_fields(automation: Automation) -> dict[str, Any]:
    """Return the fields of an :class:`AutomationModel`, with models in them."""
    trigger, budget = automation.trigger, automation.budget
    model = ScheduleTriggerModel if isinstance(trigger, ScheduleTrigger) else WebhookTriggerModel
    return {name: getattr(automation, name) for name in AutomationModel.model_fields} | {
        "trigger": model.model_construct(**vars(trigger)),
        "labels": dict(automation.labels),
        "budget": BudgetModel.model_construct(**vars(budget)) if budget else None,
    }


def validated_automation(data: object, **context: Any) -> Automation:
    """Return decoded JSON as an automation.

    The ``context`` may have ``max_message_bytes``, and ``now``, after which a schedule must fire.

    Raises:
        InputError: the definition is invalid. The error names the fields.
    """
    return parse(AutomationModel, data, **context).plain


def read_stored_definition(data: object, owner: str) -> Automation:
    """Return a stored definition, as decoded JSON.

    Raises:
        UnreadableError: this version of the code cannot read the definition. The error names ``owner``.
    """
    return read_stored(AutomationModel.model_validate, data, owner).plain
