"""Dates as people say them: ``yesterday``, ``mon 9:00``, ``7d``, ``24 dec``, ``2026-12-24 9:00``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    type Meaning = Callable[[re.Match[str], datetime, int], datetime]

FORMS = "now, 18:00, today, 'tomorrow 9am', yesterday, 7d, 'in 3h', '3h ago', 'mon 9:00', '24 dec', 2026-12-24T09:00"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d))? ?(?P<half>am|pm)?"
"""A time of the day: ``9``, ``9:00``, ``9am``, ``9:30 pm``."""
NOON = 12
LEAP_CYCLE = 9
"""Years in which every day of the calendar comes at least once. The year 2100 has no 29 February."""


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


def read_clock(text: str) -> time:
    """Return a time of the day, such as ``08:30``, ``9`` or ``5pm``.

    Raises:
        UsageError: the text isn't a time of the day.
    """
    found = re.fullmatch(CLOCK, text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"{text!r} is not a time of the day. Write one such as 08:30 or 5pm")
    return _clock(found)


def _read(text: str, now: datetime, direction: int) -> datetime:
    words = " ".join(text.lower().replace(",", " ").split())
    try:
        for pattern, meaning in MEANINGS:
            if found := re.fullmatch(pattern, words, re.ASCII):
                return meaning(found, now, direction)
        return _best(_localized(datetime.fromisoformat(text.strip()), now.tzinfo), now, direction)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is not a time. Write one of these: {FORMS}") from None


def _localized(read: datetime, zone: tzinfo | None) -> list[datetime]:
    """Return the times that a time means in a zone: two if the clocks show it twice, in their order.

    A time that the clocks skip is as much later as they skip: 2:30 is 3:30.
    """
    if read.tzinfo:
        return [read.astimezone(zone)]
    local = (read.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    first, second = (each.astimezone(UTC).astimezone(zone) for each in local)
    return [first, second] if first.astimezone(UTC) < second.astimezone(UTC) else [first]


def _best(times: Iterable[datetime], now: datetime, direction: int) -> datetime:
    """Return the nearest of some times in a direction, or the first of them if all are in the other direction."""
    every = list(times)
    fitting = [each for each in every if _fits(each, now, direction)]
    return min(fitting, key=lambda each: abs(each.astimezone(UTC) - now.astimezone(UTC)), default=every[0])


def _fits(read: datetime, now: datetime, direction: int) -> bool:
    # Python compares two times of one zone by their clocks, which show an hour twice in autumn.
    time, present = read.astimezone(UTC), now.astimezone(UTC)
    return time > present if direction > 0 else time <= present


def _named_day(found: re.Match[str], now: datetime, direction: int) -> datetime:
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}[found["day"]]
    return _best(_at(now.date() + timedelta(days=days), found, now), now, direction)


def _weekday(found: re.Match[str], now: datetime, direction: int) -> datetime:
    number = next(index for index, day in enumerate(DAYS) if day.startswith(found["day"]))
    nearest = now.date() + timedelta(days=(number - now.weekday()) * direction % 7 * direction)
    return _nearest((nearest + timedelta(days=days * direction) for days in (0, 7)), found, now, direction)


def _time_of_day(found: re.Match[str], now: datetime, direction: int) -> datetime:
    return _nearest((now.date() + timedelta(days=days * direction) for days in (0, 1)), found, now, direction)


def _day_of_month(found: re.Match[str], now: datetime, direction: int) -> datetime:
    month = next(index for index, name in enumerate(MONTHS, 1) if name.startswith(found["month"]))
    if found["year"]:
        return _best(_at(date(int(found["year"]), month, int(found["number"])), found, now), now, direction)
    return _nearest(_days_of_year(month, int(found["number"]), now.year, direction), found, now, direction)


def _days_of_year(month: int, number: int, year: int, direction: int) -> Iterable[date]:
    """Return a day of the calendar in this year and in the next or the last ones that have it."""
    for each in range(year, year + LEAP_CYCLE * direction, direction):
        try:
            yield date(each, month, number)
        except ValueError:
            continue  # 29 February


def _nearest(days: Iterable[date], found: re.Match[str], now: datetime, direction: int) -> datetime:
    """Return the first of some days whose clock time is in a direction.

    Raises:
        ValueError: there is none.
    """
    for day in days:
        if fitting := [each for each in _at(day, found, now) if _fits(each, now, direction)]:
            return fitting[0 if direction > 0 else -1]
    raise ValueError(found[0])


def _iso_day(found: re.Match[str], now: datetime, direction: int) -> datetime:
    return _best(_at(date.fromisoformat(found["date"]), found, now), now, direction)


def _span(found: re.Match[str], now: datetime, direction: int) -> datetime:
    """Return a time in some hours or minutes, or at the same clock time in some days or weeks."""
    sign = {"in": 1, "ago": -1}.get(found["before"] or found["after"] or "", direction)
    unit = UNITS[found["unit"][0]]
    span = sign * timedelta(**{unit: int(found["number"])})
    if unit in {"minutes", "hours"}:
        return (now.astimezone(UTC) + span).astimezone(now.tzinfo)
    return _localized((now + span).replace(tzinfo=None), now.tzinfo)[0]


def _at(day: date, found: re.Match[str], now: datetime) -> list[datetime]:
    """Return a day at the clock time of a match, or at its beginning: twice if the clocks show this time twice."""
    return _localized(datetime.combine(day, _clock(found)), now.tzinfo)


def _clock(found: re.Match[str]) -> time:
    hour, minute, half = int(found["hour"] or 0), int(found["minute"] or 0), found["half"]
    if half and 1 <= hour <= NOON:
        hour = hour % NOON + (NOON if half == "pm" else 0)
    elif half:
        hour = -1
    try:
        return time(hour, minute)
    except ValueError:
        raise UsageError(f"{found[0]!r} is not a time of the day") from None


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern for names, of which three letters are enough."""
    return "|".join(f"{name[:3]}(?:{name[3:]})?" for name in names)


_UNIT = "m|min|minutes?|h|hours?|d|days?|w|weeks?"
_CLOCK = rf"(?:(?: at)? {CLOCK})?"
_NUMBER, _YEAR = r"(?P<number>\d\d?)(?:st|nd|rd|th|\.)?", r"(?: (?P<year>\d{4}))?"
_MONTH = rf"(?P<month>{_any_of(MONTHS)})"
MEANINGS: tuple[tuple[str, Meaning], ...] = (
    (r"now", lambda _, now, __: now),
    (r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?: ?(?P<half>am|pm))?", _time_of_day),
    (r"(?P<hour>\d{1,2})(?P<minute>) ?(?P<half>am|pm)", _time_of_day),
    (rf"(?P<day>yesterday|today|tomorrow){_CLOCK}", _named_day),
    (rf"(?P<day>{_any_of(DAYS)}){_CLOCK}", _weekday),
    (rf"{_NUMBER} {_MONTH}{_YEAR}{_CLOCK}", _day_of_month),
    (rf"{_MONTH} {_NUMBER}{_YEAR}{_CLOCK}", _day_of_month),
    (rf"(?P<date>\d{{4}}-\d\d-\d\d){_CLOCK}", _iso_day),
    (rf"(?:(?P<before>in) )?(?P<number>\d{{1,5}}) ?(?P<unit>{_UNIT})(?(before)|(?: (?P<after>ago))?)", _span),
)
"""The forms that aren't ISO 8601, and what each means."""
