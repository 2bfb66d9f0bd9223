"""EventBridge Scheduler's schedule expressions, parsed: `cron(...)`, `rate(...)` and `at(...)`.

Taken is what AWS documents, and `LW`, which its console takes too. The rest is refused, even where its sense is plain
(`FRI-MON`, `L-3`): AWS could refuse it when the schedule is created, or read it in another way.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

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
_MOST_WEEKS = 5  # no day of the week comes more often in a month


class ExpressionError(ValueError):
    """A schedule expression or its time zone is wrong. The message says what, where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Cron:
    """Wall-clock times: every combination of these values. All tuples are ascending."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """One time every `period`; a day is 24 hours."""

    period: timedelta


@dataclass(frozen=True, slots=True)
class At:
    """Once, at this wall-clock time (it has no time zone)."""

    local: datetime


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()  # the first stands for `low`

    @property
    def allowed(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{names}"


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAY_OF_MONTH = _Field("day-of-month", 1, 31)
_MONTH = _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_DAY_OF_WEEK = _Field("day-of-week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_YEAR = _Field("year", 1970, 2199)


@lru_cache(maxsize=1000)
def parse(expression: str) -> Cron | Rate | At:
    """What the expression says.

    Names of months and days may be in any case, numbers may have leading zeros, fields are separated by any white
    space. Day-of-week 1 is Sunday.

    Raises:
        ExpressionError: it is not one of EventBridge Scheduler's expressions.
    """
    if len(expression) > _MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(expression)} characters, and {_MAX_LENGTH} are allowed")
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression)
    if match is None or not expression.isascii():
        raise ExpressionError(
            f"{expression!r} is none of cron(minutes hours day-of-month month day-of-week year), "
            "rate(value unit) and at(yyyy-mm-ddThh:mm:ss)"
        )
    kind, text = match.groups()
    if kind == "cron":
        return _cron(text)
    return _rate(text) if kind == "rate" else _at(text)


def _cron(text: str) -> Cron:
    fields = text.upper().split()
    if len(fields) != _CRON_FIELDS:
        raise ExpressionError(
            f"cron({text}) has {len(fields)} fields; it needs six: minutes hours day-of-month month day-of-week year, "
            "as in cron(0 9 ? * MON *), where the last * means every year"
        )
    minutes, hours, day_of_month, month, day_of_week, year = fields
    return Cron(
        minutes=_values(_MINUTES, minutes),
        hours=_values(_HOURS, hours),
        days=_days(day_of_month, day_of_week),
        months=_values(_MONTH, month),
        years=_values(_YEAR, year),
    )


def _days(day_of_month: str, day_of_week: str) -> Days:
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ExpressionError(
            f"day-of-month is {day_of_month!r} and day-of-week is {day_of_week!r}; exactly one of them must be '?', "
            "the one that does not matter, as in cron(0 9 ? * MON *) or cron(0 9 1 * ? *)"
        )
    return _days_of_month(day_of_month) if day_of_week == "?" else _days_of_week(day_of_week)


def _days_of_month(text: str) -> Days:
    if text == "L":
        return LastDayOfMonth()
    if text == "LW":
        return LastWorkday()
    if "L" in text or "W" in text:
        day = re.fullmatch(r"([0-9]+)W", text)
        if day is None:
            raise ExpressionError(
                f"day-of-month is {text!r}; L and W stand alone: L (the last day), LW (the last Monday to Friday) "
                "or a day with a W, such as 15W (the Monday to Friday nearest to the 15th)"
            )
        return NearestWorkday(_number(_DAY_OF_MONTH, day[1]))
    return DaysOfMonth(_values(_DAY_OF_MONTH, text))


def _days_of_week(text: str) -> Days:
    if text == "L":
        return DaysOfWeek((_DAY_OF_WEEK.high,))
    if "L" in text or "#" in text:
        special = re.fullmatch(r"([0-9A-Z]+)(L|#([0-9]+))", text)
        if special is None or (special[3] and not 1 <= int(special[3]) <= _MOST_WEEKS):
            raise ExpressionError(
                f"day-of-week is {text!r}; L and # stand alone: L (Saturday), a day with an L, such as 6L (the month's "
                f"last Friday), or a day with # and 1 to {_MOST_WEEKS}, such as 2#1 (the month's first Monday)"
            )
        day = _number(_DAY_OF_WEEK, special[1])
        return NthDayOfWeek(day, int(special[3])) if special[3] else LastDayOfWeek(day)
    if "/" in text:
        raise ExpressionError(f"day-of-week is {text!r}; it takes no steps (/): list the days, as in MON,WED,FRI")
    return DaysOfWeek(_values(_DAY_OF_WEEK, text))


def _values(field: _Field, text: str) -> tuple[int, ...]:
    """The values of a list such as `0`, `*`, `1-5`, `0/15`, `8-18/2,22`, ascending, each once."""
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
            f"{field.name} has the range {span!r}, which ends before it starts; put the lower value first, "
            f"or write two ranges: {start}-{field.high},{field.low}-{end}"
        )
    return range(first, last + 1, _step(field, step) if slash else 1)


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.low + field.names.index(text)
    if re.fullmatch(r"[0-9]{1,4}", text) and field.low <= int(text) <= field.high:
        return int(text)
    raise ExpressionError(f"{field.name} has {text!r}, which is not {field.allowed}")


def _step(field: _Field, text: str) -> int:
    if re.fullmatch(r"[0-9]{1,4}", text) and 1 <= int(text) <= field.high:
        return int(text)
    raise ExpressionError(f"{field.name} has the step {text!r}, which is not 1 to {field.high}")


def _rate(text: str) -> Rate:
    match = re.fullmatch(r"([0-9]+)\s+(minute|hour|day)(s?)", text)
    if match is None or int(match[1]) == 0:
        raise ExpressionError(
            f"rate({text}) is not a whole number from 1 and a unit (minutes, hours or days), as in rate(5 minutes)"
        )
    value, unit, plural = int(match[1]), match[2], match[3]
    # AWS writes both rate(1 day) and rate(1 days), but nowhere a singular after another number.
    if value > 1 and not plural:
        raise ExpressionError(f"rate({text}) needs the plural: rate({value} {unit}s)")
    try:
        return Rate(timedelta(**{f"{unit}s": value}))
    except OverflowError as error:
        raise ExpressionError(f"rate({text}) is too long: it would never come again") from error


def _at(text: str) -> At:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", text) is None:
        raise ExpressionError(
            f"at({text}) is not at(yyyy-mm-ddThh:mm:ss), as in at(2030-01-31T09:00:00); "
            "the time zone is set beside the expression, not in it"
        )
    try:
        local = datetime.fromisoformat(text)
    except ValueError as error:
        raise ExpressionError(f"at({text}) is no date and time of the calendar: {error}") from error
    if not _YEAR.low <= local.year <= _YEAR.high:
        raise ExpressionError(f"at({text}) has the year {local.year}, which is not {_YEAR.allowed}")
    return At(local)
