"""The definition of an automation as plain data: a trigger, an action and its targets.

Stored definitions that are certainly valid are read without models. The models in
:mod:`aichats.automations.definition_models` define what people may send, and explain what is invalid.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self

from aichats.action_kinds import bounded_text, matching, one_of, optional
from aichats.message_text import MAX_STORED_MESSAGE_BYTES
from aichats.records import Field, Record, RecordError, nullable
from aichats.runs.action import MAX_TARGETS, Action, check_targets, quick_action
from aichats.schedules.expressions import At, Rate, parse_schedule
from aichats.schedules.fire_times import fire_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aichats.action_kinds import Check
    from aichats.schedules.periods import Per

MINUTE = timedelta(minutes=1)
MIN_LEAD = timedelta(seconds=15)
"""The minimum time until the first slot of a rate without a start. EventBridge Scheduler needs it to learn the rate."""
CALENDAR_START = datetime(1969, 1, 1, tzinfo=UTC)
"""A time before all slots."""
TEMPLATE_START = "{{"
"""The beginning of an expression in a template."""
NAME_PATTERN = r"^[a-z0-9-]{1,64}$"
EVENT_TYPE_PATTERN = r"^[A-Za-z0-9_.:-]{1,100}$"
LABEL_KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
LABEL_VALUE_PATTERN = r"^[\x20-\x7e]{0,63}$"
MAX_EVENT_TYPES = 50
MAX_FILTER_CHARACTERS = 2000
MAX_TARGET_CHARACTERS = 1000
MAX_DESCRIPTION_CHARACTERS = 500
MAX_MANAGER_CHARACTERS = 200
MAX_LABELS = 16
MAX_LABEL_CHARACTERS = 63
MAX_BUDGET = 1_000_000_000_000
"""The maximum limit of a budget. DynamoDB's numbers are exact up to 38 digits."""


# ------------------------------------------------------------------ readers of stored fields


def _if(check: Check) -> Callable[[Any], Any]:
    """Return a reader of the values for which a check returns true."""

    def read(value: Any) -> Any:
        if not check(value):
            raise ValueError("is not certainly valid")
        return value

    return read


def _list_of(check: Check, maximum: int) -> Callable[[Any], Any]:
    return _if(lambda value: isinstance(value, list) and 0 < len(value) <= maximum and all(map(check, value)))


def _time(value: object) -> datetime:
    """Return a time that is written as :func:`_time_text` writes it."""
    time = datetime.fromisoformat(value) if isinstance(value, str) and value.startswith("2") else None
    if time is None or time.tzinfo is None or time.microsecond or _time_text(time) != value:
        raise ValueError("is not certainly valid")
    return time


def _time_text(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def check_timezone(timezone: str, _: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Check that a time zone exists.

    Raises:
        ExpressionError: it does not exist.
    """
    fire_times("cron(* * * * ? *)", timezone, after=CALENDAR_START)


def check_end(end: datetime | None, others: Mapping[str, Any]) -> None:
    """Check that a trigger ends after its ``start``, which is among its other fields.

    Raises:
        ValueError: it doesn't.
    """
    start = others.get("start")
    if end and start and end <= start:
        raise ValueError(f"must be later than start ({start.isoformat()})")


def check_schedule(expression: str, others: Mapping[str, Any]) -> None:
    """Check an expression. The other fields may have ``start`` and ``end``.

    Raises:
        ValueError: it is invalid.
    """
    if isinstance(parse_schedule(expression), At) and (others.get("start") or others.get("end")):
        raise ValueError("at(...) fires once. Remove start and end")


def _action(value: object) -> Action:
    action = quick_action(value, max_message_bytes=MAX_STORED_MESSAGE_BYTES, stored=True)
    if action is None:
        raise ValueError("is not certainly valid")
    return action


def _are_labels(value: Any) -> bool:
    is_key, is_value = matching(LABEL_KEY_PATTERN), matching(LABEL_VALUE_PATTERN)
    if not isinstance(value, dict) or len(value) > MAX_LABELS:
        return False
    return all(is_key(key) and is_value(text) for key, text in value.items())


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_limit(value: Any) -> bool:
    return type(value) is int and 0 < value <= MAX_BUDGET


def check_limits(_: str, others: Mapping[str, Any]) -> None:
    """Check that a budget has ``runs``, ``tokens`` or both, which are among its other fields.

    Raises:
        ValueError: it has none.
    """
    if others.get("runs") is None and others.get("tokens") is None:
        raise ValueError('must have runs, tokens or both, such as {"runs": 10, "per": "day"}')


def check_targets_of(targets: Sequence[str | None], others: Mapping[str, Any]) -> None:
    """Check that an action accepts targets. Those of a webhook may be templates, which are checked when it fires.

    Nothing is checked unless the other fields have ``trigger`` and ``action``.

    Raises:
        ValueError: a target is invalid.
    """
    if not {"trigger", "action"} <= others.keys():
        return
    if others["trigger"].type == "schedule":
        check_targets(others["action"], targets)
        return
    for index, target in enumerate(targets):
        if not (target and TEMPLATE_START in target):
            _check_target(others["action"], index, target)


def _check_target(action: Action, index: int, target: str | None) -> None:
    try:
        check_targets(action, [target])
    except ValueError as error:
        raise ValueError(f"item {index}: {str(error).partition(': ')[2]}") from None


def check_missed(missed: str, others: Mapping[str, Any]) -> None:
    """Check the field ``missed``. The other fields may have ``trigger``.

    Raises:
        ValueError: it doesn't go with the trigger.
    """
    if missed == "run" and _listens(others):
        raise ValueError('"run" requires a schedule, because aichats cannot detect a missing event. Use "skip"')


def check_overlap(overlap: str, others: Mapping[str, Any]) -> None:
    """Check the field ``overlap``. The other fields may have ``trigger``.

    Raises:
        ValueError: it doesn't go with the trigger.
    """
    if overlap == "skip" and _listens(others):
        raise ValueError('"skip" requires a schedule, because events have no slots. Use "allow"')


def _listens(others: Mapping[str, Any]) -> bool:
    return "trigger" in others and others["trigger"].type == "webhook"


# ------------------------------------------------------------------ definitions


class Definition(Record):
    """A record that rejects unknown fields, because a later version of the code may have stored it."""

    @classmethod
    def of(cls, given: object, missing: str = "is missing") -> Self:
        """Return the record of a stored object. See :meth:`Record.of <aichats.records.Record.of>`."""
        if isinstance(given, dict) and given.keys() - cls.fields.keys():
            raise RecordError([((), "has unknown fields")])
        return super().of(given, missing)


class ScheduleTrigger(Definition):
    """A trigger that fires on a schedule. See :class:`ScheduleTriggerModel` for its fields."""

    type: Field[Literal["schedule"]] = Field(_if(one_of("schedule")))
    timezone: Field[str] = Field(_if(bounded_text()), "UTC", check=check_timezone)
    start: Field[datetime | None] = Field(nullable(_time), None)
    end: Field[datetime | None] = Field(nullable(_time), None, check=check_end)
    enabled: Field[bool] = Field(_if(_is_bool), default=True)
    expression: Field[str] = Field(_if(bounded_text()), check=check_schedule)

    @property
    def is_once(self) -> bool:
        """The expression is an ``at``, which fires at most once."""
        return isinstance(parse_schedule(self.expression), At)

    def as_json(self) -> dict[str, Any]:
        """Return all fields."""
        start, end = (time and _time_text(time) for time in (self.start, self.end))
        times = {"timezone": self.timezone, "start": start, "end": end}
        return {"type": self.type, "expression": self.expression, **times, "enabled": self.enabled}


class WebhookTrigger(Definition):
    """A trigger that fires on events. See :class:`WebhookTriggerModel` for its fields."""

    type: Field[Literal["webhook"]] = Field(_if(one_of("webhook")))
    events: Field[list[str]] = Field(_list_of(matching(EVENT_TYPE_PATTERN), MAX_EVENT_TYPES))
    filter: Field[str | None] = Field(_if(optional(bounded_text(MAX_FILTER_CHARACTERS))), None)
    enabled: Field[bool] = Field(_if(_is_bool), default=True)

    def as_json(self) -> dict[str, Any]:
        """Return all fields."""
        return {"type": self.type, "events": self.events, "filter": self.filter, "enabled": self.enabled}


class Budget(Definition):
    """The maximum of an automation in each day or month, in UTC. See :class:`BudgetModel` for its fields."""

    runs: Field[int | None] = Field(_if(optional(_is_limit)), None)
    tokens: Field[int | None] = Field(_if(optional(_is_limit)), None)
    per: Field[Per] = Field(_if(one_of("day", "month")), check=check_limits)

    @property
    def stored(self) -> dict[str, Any]:
        """The fields that are set."""
        fields = {"runs": self.runs, "tokens": self.tokens, "per": self.per}
        return {name: value for name, value in fields.items() if value is not None}

    def is_raised_to(self, other: Budget | None) -> bool:
        """Return whether another budget allows more, or counts in other periods. ``None`` has no limit."""
        if other is None or self.per != other.per:
            return True
        pairs = ((self.runs, other.runs), (self.tokens, other.tokens))
        return self != other and all(new is None or (old is not None and new >= old) for old, new in pairs)


def _trigger(value: object) -> ScheduleTrigger | WebhookTrigger:
    is_webhook = isinstance(value, dict) and value.get("type") == "webhook"
    return WebhookTrigger.of(value) if is_webhook else ScheduleTrigger.of(value)


class Automation(Definition):
    """A trigger, the action that it starts, and the targets of the action. See :class:`AutomationModel` for its fields.

    ``defaults`` are the fields that the API client left out, such as ``missed`` and ``trigger.timezone``. They are no
    part of the definition.
    """

    trigger: Field[ScheduleTrigger | WebhookTrigger] = Field(_trigger)
    action: Field[Action] = Field(_action)
    targets: Field[list[str | None]] = Field(
        _list_of(optional(bounded_text(MAX_TARGET_CHARACTERS, 0)), MAX_TARGETS), check=check_targets_of
    )
    missed: Field[Literal["skip", "run"]] = Field(_if(one_of("skip", "run")), "skip", check=check_missed)
    overlap: Field[Literal["allow", "skip"]] = Field(_if(one_of("allow", "skip")), "allow", check=check_overlap)
    description: Field[str | None] = Field(_if(optional(bounded_text(MAX_DESCRIPTION_CHARACTERS, 0))), None)
    labels: Field[Mapping[str, str]] = Field(_if(_are_labels), MappingProxyType({}))
    managed_by: Field[str | None] = Field(_if(optional(bounded_text(MAX_MANAGER_CHARACTERS))), None)
    budget: Field[Budget | None] = Field(nullable(Budget.of), None)
    defaults: Field[tuple[str, ...]] = Field(_if(lambda _: False), ())

    @property
    def definition(self) -> dict[str, Any]:
        """The JSON that the table stores: all fields of the trigger, and the fields of the action that were written."""
        fields = {
            "trigger": self.trigger.as_json(),
            "action": self.action.as_json(),
            "targets": self.targets,
            "missed": self.missed,
            "overlap": self.overlap,
            "description": self.description,
            "labels": dict(self.labels),
            "managed_by": self.managed_by,
        }
        # Earlier versions of the code can't read a field that they don't know. So it is only stored if it is set.
        return fields | ({"budget": self.budget.stored} if self.budget else {})


def quick_definition(data: object) -> Automation | None:
    """Return a stored definition, as decoded JSON, if it is certainly valid; ``None`` if the models must decide."""
    try:
        return Automation.of(data)
    except RecordError:
        return None


def canonical(automation: Automation) -> str:
    """Return the definition as JSON. Equal definitions have the same text."""
    return json.dumps(automation.definition, ensure_ascii=False, separators=(",", ":"))


# ------------------------------------------------------------------ the times of a schedule


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
