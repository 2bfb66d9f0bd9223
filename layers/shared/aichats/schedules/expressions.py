"""Parser for EventBridge Scheduler's schedule expressions: `cron(...)`, `rate(...)` and `at(...)`.

The parser accepts the syntax that AWS documents, and `LW`, which the AWS console accepts too. It rejects all other
expressions, even clear ones such as `FRI-MON` and `L-3`, because AWS may reject or misread them when the schedule is
created.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from aichats.frozen import frozen
from aichats.schedules.days import (
    Days,
    DaysOfMonth,
    DaysOfWeek,
    LastDayOfMonth,
    LastDayOfWeek,
    LastWorkday,
    NearestWorkday,
    NthDayOfWeek,
)

_MAX_LENGTH = 256  # characters: the limit of the API's CreateSchedule
_CRON_FIELDS = 6
_UNIX_CRON_FIELDS = 5
_MAX_WEEKS = 5  # of a month that have the same day of the week


class ExpressionError(ValueError):
    """A schedule expression or a time zone is invalid. The message names the invalid part and says how to fix it."""


@frozen
class Cron:
    """A schedule that fires at all combinations of these values, as wall-clock times. The tuples are ascending."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]


@frozen
class Rate:
    """A schedule that fires once in each `period`. A day is always 24 hours."""

    period: timedelta


@frozen
class At:
    """A schedule that fires once, at a wall-clock time without a time zone."""

    local: datetime


@frozen
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # of the values from `low` on

    @property
    def allowed(self) -> str:
        names = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{names}"


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAY_OF_MONTH = _Field("day-of-month", 1, 31)
_MONTH = _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_DAY_OF_WEEK = _Field("day-of-week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_YEAR = _Field("year", 1970, 2199)


@lru_cache(maxsize=1000)
def parse_schedule(expression: str) -> Cron | Rate | At:
    """Return the schedule of an expression.

    Names of months and days may be in upper or lower case. Numbers may have leading zeros. Any white space separates
    fields.

    Raises:
        ExpressionError: the expression is not valid in EventBridge Scheduler.
    """
    if len(expression) > _MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(expression)} characters. At most {_MAX_LENGTH} are allowed")
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression)
    if match is None or not expression.isascii():
        fields = expression.upper().split()
        fixed = _with_six_fields(fields) or (_valid(fields) if len(fields) == _CRON_FIELDS else None)
        forms = "cron(minutes hours day-of-month month day-of-week year), rate(value unit) or at(yyyy-mm-ddThh:mm:ss)"
        raise ExpressionError(f"{expression!r} is not a schedule expression. Write {fixed or forms}")
    kind, text = match.groups()
    if kind == "cron":
        return _cron(text)
    return _rate(text) if kind == "rate" else _at(text)


def _cron(text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != _CRON_FIELDS:
        raise ExpressionError(
            f"cron({text}) has {len(fields)} fields. EventBridge cron expressions have {_CRON_FIELDS}: "
            f"{_with_six_fields(fields) or 'minutes hours day-of-month month day-of-week year'}"
        )
    minutes, hours, day_of_month, month, day_of_week, year = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        fixed = _with_question_mark(fields)
        example = _valid(fixed) if fixed != fields else None
        raise ExpressionError(
            f"day-of-month is {day_of_month!r} and day-of-week is {day_of_week!r}. Exactly one of them must be '?', "
            f"as in {example or 'cron(0 9 ? * MON *) or cron(0 9 1 * ? *)'}"
            + (", where 1 is Sunday" if example and re.search(r"[1-7]", day_of_week) else "")
        )
    return Cron(
        minutes=_values(_MINUTES, minutes),
        hours=_values(_HOURS, hours),
        days=_days_of_month(day_of_month) if day_of_week == "?" else _days_of_week(day_of_week),
        months=_values(_MONTH, month),
        years=_values(_YEAR, year),
    )


def _with_six_fields(fields: list[str]) -> str | None:
    """Return the EventBridge form of a cron expression with five fields; `None` if its meaning is not certain."""
    if len(fields) != _UNIX_CRON_FIELDS:
        return None
    if "?" in fields:  # Unix cron has no "?", so only the year is missing.
        return _valid([*fields, "*"])
    *others, day_of_week = fields
    # A range that ends with 7 wraps around in EventBridge, which begins the week with Sunday.
    if "-7" in day_of_week or not re.fullmatch(r"[0-7A-KM-Z,*-]+", day_of_week):
        return None
    # Unix cron numbers Sunday 0 or 7, and Monday 1.
    days = re.sub(r"[0-7]", lambda day: str(int(day[0]) % 7 + 1), day_of_week)
    fixed = _with_question_mark([*others, days])
    return _valid([*fixed, "*"]) if "?" in fixed else None


def _with_question_mark(fields: list[str]) -> list[str]:
    """Return the fields with `?` instead of `*` as day-of-week or day-of-month."""
    minutes, hours, day_of_month, month, day_of_week, *year = fields
    if day_of_week == "*":
        return [minutes, hours, day_of_month, month, "?", *year]
    return [minutes, hours, "?" if day_of_month == "*" else day_of_month, month, day_of_week, *year]


def _valid(fields: list[str]) -> str | None:
    """Return the cron expression with these fields if it is valid."""
    expression = f"cron({' '.join(fields)})"
    try:
        parse_schedule(expression)
    except ExpressionError:
        return None
    return expression


def _days_of_month(text: str) -> Days:
    if text == "L":
        return LastDayOfMonth()
    if text == "LW":
        return LastWorkday()
    if "L" in text or "W" in text:
        day = re.fullmatch(r"([0-9]+)W", text)
        if day is None:
            raise ExpressionError(
                f"day-of-month is {text!r}. L and W cannot be combined with other values. Use L (the last day), "
                "LW (the last Monday to Friday) or a day with W, such as 15W (the Monday to Friday nearest to the 15th)"
            )
        return NearestWorkday(_number(_DAY_OF_MONTH, day[1]))
    return DaysOfMonth(_values(_DAY_OF_MONTH, text))


def _days_of_week(text: str) -> Days:
    if text == "L":
        return DaysOfWeek((_DAY_OF_WEEK.high,))
    if "L" in text or "#" in text:
        special = re.fullmatch(r"([0-9A-Z]+)(L|#([0-9]+))", text)
        if special is None or (special[3] and not 1 <= int(special[3]) <= _MAX_WEEKS):
            raise ExpressionError(
                f"day-of-week is {text!r}. L and # cannot be combined with other values. Use L (Saturday), a day with "
                f"L, such as 6L (last Friday), or a day with # and 1 to {_MAX_WEEKS}, such as 2#1 (first Monday)"
            )
        day = _number(_DAY_OF_WEEK, special[1])
        return NthDayOfWeek(day, int(special[3])) if special[3] else LastDayOfWeek(day)
    if "/" in text:
        raise ExpressionError(
            f"day-of-week is {text!r}. Steps (/) are not allowed here. List the days, as in MON,WED,FRI"
        )
    return DaysOfWeek(_values(_DAY_OF_WEEK, text))


def _values(field: _Field, text: str) -> tuple[int, ...]:
    """Return the values of a list such as `0`, `*`, `1-5`, `0/15` or `8-18/2,22`, in ascending order, each once."""
    return tuple(sorted({value for item in text.split(",") for value in _item(field, item)}))


def _item(field: _Field, item: str) -> range:
    span, slash, step = item.partition("/")
    start, dash, end = span.partition("-")
    if span == "*":
        first, last = field.low, field.high
    else:
        first = _number(field, start)
        last = _number(field, end) if dash else field.high if slash else first
    if last < first:
        raise ExpressionError(
            f"{field.name} has the range {span!r}, which ends before it starts. Put the lower value first, "
            f"or write two ranges: {start}-{field.high},{field.low}-{end}"
        )
    return range(first, last + 1, _step(field, step) if slash else 1)


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    if re.fullmatch(r"[0-9]{1,4}", text) and field.low <= int(text) <= field.high:
        return int(text)
    raise ExpressionError(f"{field.name} has {text!r}. Allowed: {field.allowed}")


def _step(field: _Field, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= field.high:
        return int(text)
    raise ExpressionError(f"{field.name} has the step {text!r}. Allowed: 1 to {field.high}")


def _rate(text: str) -> Rate:
    match = re.fullmatch(r"([0-9]+)\s+(minute|hour|day)(s?)", text)
    if match is None or int(match[1]) == 0:
        raise ExpressionError(
            f"rate({text}) is not valid. Write a whole number from 1 and minutes, hours or days, as in rate(5 minutes)"
        )
    value, unit, plural = int(match[1]), match[2], match[3]
    # AWS documents both rate(1 day) and rate(1 days), but no singular after another number.
    if value > 1 and not plural:
        raise ExpressionError(f"rate({text}) needs the plural. Write rate({value} {unit}s)")
    try:
        return Rate(timedelta(**{f"{unit}s": value}))
    except OverflowError as error:
        raise ExpressionError(f"rate({text}) is too long. It would never fire again") from error


def _at(text: str) -> At:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text) is None:
        raise ExpressionError(
            f"at({text}) is not valid. Write at(yyyy-mm-ddThh:mm:ss), as in at(2030-01-31T09:00:00). "
            "The time zone is a separate field"
        )
    try:
        local = datetime.fromisoformat(text)
    except ValueError as error:
        raise ExpressionError(f"at({text}) is not a time that exists. Check the date") from error
    if not _YEAR.low <= local.year <= _YEAR.high:
        raise ExpressionError(f"at({text}) has the year {local.year}. Allowed: {_YEAR.allowed}")
    return At(local)
