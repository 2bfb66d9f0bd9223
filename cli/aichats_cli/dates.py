"""Dates as people say them: ``yesterday``, ``mon 9:00``, ``7d``, ``24 dec``, ``2026-12-24T09:00``."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    type Meaning = Callable[[re.Match[str], datetime, int], datetime]

FORMS = "now, today, yesterday, tomorrow, 7d, 'in 3h', '3h ago', 'mon 9:00', '24 dec', 2026-12-24, 2026-12-24T09:00"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?(?P<half>am|pm)?"


def read_past(text: str, now: datetime) -> datetime:
    """Return the time that a text means, the latest one that isn't after ``now`` if there are several.

    Args:
        text: one of the forms in :data:`FORMS`.
        now: the time, in the zone in which the text is meant.

    Raises:
        UsageError: the text is none of these forms.
    """
    return _read(text, now, -1)


def read_future(text: str, now: datetime) -> datetime:
    """Return the time that a text means, the earliest one that is after ``now`` if there are several."""
    return _read(text, now, 1)


def _read(text: str, now: datetime, direction: int) -> datetime:
    words = " ".join(text.strip().lower().replace(",", " ").split())
    for pattern, meaning in MEANINGS:
        if found := re.fullmatch(pattern, words):
            return meaning(found, now, direction)
    try:
        return _from_iso(text.strip(), now.tzinfo)
    except ValueError:
        raise UsageError(f"{text!r} is not a time. Write one of these: {FORMS}") from None


def _from_iso(text: str, zone: tzinfo | None) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=zone)


def _named_day(found: re.Match[str], now: datetime, _: int) -> datetime:
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}[found["day"]]
    return _at(now.date() + timedelta(days=days), found, now)


def _weekday(found: re.Match[str], now: datetime, direction: int) -> datetime:
    number = next(index for index, day in enumerate(DAYS) if day.startswith(found["day"]))
    nearest = now.date() + timedelta(days=(number - now.weekday()) * direction % 7 * direction)
    times = (_at(nearest + timedelta(days=days * direction), found, now) for days in (0, 7))
    return next(each for each in times if _fits(each, now, direction))


def _day_of_month(found: re.Match[str], now: datetime, direction: int) -> datetime:
    month = next(index for index, name in enumerate(MONTHS, 1) if name.startswith(found["month"]))
    for year in range(now.year, now.year + 9 * direction, direction):
        try:
            read = _at(date(year, month, int(found["number"])), found, now)
        except ValueError:
            continue  # 29 February
        if _fits(read, now, direction):
            return read
    raise UsageError(f"there is no {found[0]}")


def _fits(read: datetime, now: datetime, direction: int) -> bool:
    return read > now if direction > 0 else read <= now


def _span(found: re.Match[str], now: datetime, direction: int) -> datetime:
    sign = {"in": 1, "ago": -1}.get(found["before"] or found["after"] or "", direction)
    return now + sign * timedelta(**{UNITS[found["unit"][0]]: int(found["number"])})


def _at(day: date, found: re.Match[str], now: datetime) -> datetime:
    """Return a day at the clock time of a match, or at its beginning."""
    hour, minute, half = int(found["hour"] or 0), int(found["minute"] or 0), found["half"]
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return datetime.combine(day, time(hour, minute), now.tzinfo)
    except ValueError:
        raise UsageError(f"{found[0]!r} is not a time of the day") from None


_DAY = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in DAYS)
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS)
_UNIT = "m|min|minutes?|h|hours?|d|days?|w|weeks?"
_CLOCK = rf"(?:(?: at)? {CLOCK})?"
MEANINGS: tuple[tuple[str, Meaning], ...] = (
    (r"now", lambda _, now, __: now),
    (rf"(?P<day>yesterday|today|tomorrow){_CLOCK}", _named_day),
    (rf"(?P<day>{_DAY}){_CLOCK}", _weekday),
    (
        rf"(?P<number>\d\d?)\.? (?P<month>{_MONTH}){_CLOCK}",
        _day_of_month,
    ),
    (
        rf"(?:(?P<before>in) )?(?P<number>\d{{1,5}}) ?(?P<unit>{_UNIT})(?: (?P<after>ago))?",
        _span,
    ),
)
"""The forms that aren't ISO 8601, and what each means."""
