"""A second, independent implementation of cron expressions. It checks each minute against each field.

It is slow and simple on purpose, and shares no code with the implementation that it checks. It accepts valid cron
expressions only.
"""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_WEEK = timedelta(weeks=1)


def naive_fire_times(
    expression: str, timezone: str, begin: datetime, end: datetime, step: timedelta = _MINUTE
) -> list[datetime]:
    """Return each `step` from `begin` (UTC, a whole minute) until before `end` at which the expression fires."""
    times, time, zone = [], begin, ZoneInfo(timezone)
    while time < end:
        local = time.astimezone(zone)
        # fold is 1 the second time that a wall clock shows the same time.
        if local.fold == 0 and fires(expression, local):
            times.append(time)
        time += step
    return times


def fires(expression: str, local: datetime) -> bool:
    """Return whether the expression fires at a wall-clock time."""
    minutes, hours, day_of_month, month, day_of_week, year = expression.upper()[len("cron(") : -1].split()
    return (
        _fits(minutes, local.minute, 0, 59)
        and _fits(hours, local.hour, 0, 23)
        and _fits(_numbered(month, _MONTHS), local.month, 1, 12)
        and _fits(year, local.year, 1970, 2199)
        and (day_of_month == "?" or _fits_day_of_month(day_of_month, local.date()))
        and (day_of_week == "?" or _fits_day_of_week(_numbered(day_of_week, _WEEKDAYS), local.date()))
    )


def _numbered(field: str, names: list[str]) -> str:
    for number, name in enumerate(names, start=1):
        field = field.replace(name, str(number))
    return field


def _fits(field: str, value: int, low: int, high: int) -> bool:
    return any(_fits_item(item, value, low, high) for item in field.split(","))


def _fits_item(item: str, value: int, low: int, high: int) -> bool:
    span, _, step = item.partition("/")
    if span == "*":
        first, last = low, high
    elif "-" in span:
        first, last = (int(bound) for bound in span.split("-"))
    else:
        first, last = int(span), high if step else int(span)
    return first <= value <= last and (value - first) % int(step or 1) == 0


def _fits_day_of_month(field: str, day: date) -> bool:
    if field == "L":
        return (day + _DAY).month != day.month
    if field.endswith("W"):
        days = [date(day.year, day.month, 1) + number * _DAY for number in range(31)]
        days = [other for other in days if other.month == day.month]
        target = days[-1].day if field == "LW" else int(field[:-1])
        workdays = [other for other in days if other.weekday() < 5]
        return target <= days[-1].day and day == min(workdays, key=lambda other: abs(other.day - target))
    return _fits(field, day.day, 1, 31)


def _fits_day_of_week(field: str, day: date) -> bool:
    weekday = (day.weekday() + 1) % 7 + 1
    if field == "L":
        return weekday == 7
    if field.endswith("L"):
        return weekday == int(field[:-1]) and (day + _WEEK).month != day.month
    if "#" in field:
        name, nth = field.split("#")
        return weekday == int(name) and (day.day + 6) // 7 == int(nth)
    return _fits(field, weekday, 1, 7)
