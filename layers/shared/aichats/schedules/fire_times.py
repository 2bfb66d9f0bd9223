"""The fire times of a schedule expression, as EventBridge Scheduler computes them.

Daylight saving time: a wall-clock time that clocks skip in spring does not fire. A wall-clock time that occurs twice in
autumn fires only the first time. A day of a rate is 24 hours.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import dropwhile, product
from zoneinfo import ZoneInfo

from aichats.schedules.expressions import At, Cron, ExpressionError, Rate, parse_schedule

# Times between these two are valid dates in every time zone.
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 1, 1, tzinfo=UTC)

# Names in the folder of the IANA database that EventBridge Scheduler does not support. The zones under right/ count
# leap seconds.
_UNSUPPORTED_NAMES = {"Factory", "localtime", "posixrules"}
_UNSUPPORTED_FOLDERS = ("posix/", "right/")
_SHOWN_CHARACTERS = 100  # of an unknown name


def fire_times(
    expression: str,
    timezone: str = "UTC",
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    after: datetime,
) -> Iterator[datetime]:
    """Return the times after `after` at which an expression fires, in UTC and ascending.

    The iterator ends after the last time, so `next(fire_times(...), None)` is None if the expression never fires again.

    Args:
        expression: `cron(...)`, `rate(...)` or `at(...)`.
        timezone: the IANA name of the time zone for cron and at.
        start: the earliest possible time. A rate fires at `start` and then every period.
        end: the time before which all times are. Like EventBridge Scheduler, an at ignores `start` and `end`.
        after: the time after which all times are.

    Raises:
        ExpressionError: the expression is invalid, or the time zone does not exist.
        ValueError: a time has no time zone, or a rate has no `start`.
    """
    schedule, zone = parse_schedule(expression), _zone(timezone)
    after = _utc("after", after)
    first = _utc("start", start) if start else None
    last = _utc("end", end) if end else _LATEST
    if isinstance(schedule, Cron):
        return _cron_times(schedule, zone, first, last, after)
    if isinstance(schedule, At):
        return (at for at in _existing_times([schedule.local.replace(tzinfo=zone)], zone) if at > after)
    if first is None:
        raise ValueError(f"{expression} needs a start, from which its times are counted")
    return _rate_times(schedule, first, last, after)


def _zone(name: str) -> ZoneInfo:
    zone = None
    if name not in _UNSUPPORTED_NAMES and not name.startswith(_UNSUPPORTED_FOLDERS):
        with suppress(KeyError, ValueError, OSError):
            zone = ZoneInfo(name)
    if zone is None:
        raise ExpressionError(
            f"there is no time zone {name[:_SHOWN_CHARACTERS]!r}. "
            "Use a name of the IANA database, such as America/New_York or UTC"
        )
    return zone


def _utc(name: str, value: datetime) -> datetime:
    # Within one ZoneInfo, Python computes and compares wall-clock times. In UTC it uses real time.
    if value.utcoffset() is None:
        raise ValueError(f"{name} is {value.isoformat()}, which has no time zone. Use an aware datetime")
    return min(max(value, _EARLIEST), _LATEST).astimezone(UTC)


def _rate_times(rate: Rate, first: datetime, last: datetime, after: datetime) -> Iterator[datetime]:
    next_slot = max(0, (after - first) // rate.period + 1)
    last_slot = -((first - last) // rate.period) - 1
    return (first + slot * rate.period for slot in range(next_slot, last_slot + 1))


def _cron_times(
    cron: Cron, zone: ZoneInfo, first: datetime | None, last: datetime, after: datetime
) -> Iterator[datetime]:
    since = max(after, first) if first else after
    for fire_time in _existing_times(_wall_clock_times(cron, since.astimezone(zone), zone), zone):
        if fire_time >= last:
            return
        if fire_time >= since and fire_time > after:
            yield fire_time


def _existing_times(wall_clock_times: Iterable[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """Yield wall-clock times of a zone in UTC: the first one of two equal times, and no skipped time."""
    for wall_clock_time in wall_clock_times:
        utc = wall_clock_time.astimezone(UTC)
        # This compares wall-clock times. A skipped time comes back from UTC as another time.
        if utc.astimezone(zone) == wall_clock_time:
            yield utc


def _wall_clock_times(cron: Cron, since: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the wall-clock times of an expression from the minute of `since` on, including skipped ones."""
    first_day, first_minute = since.date(), (since.hour, since.minute)
    for day in _days(cron, first_day):
        minutes: Iterable[tuple[int, int]] = product(cron.hours, cron.minutes)
        if day == first_day:
            minutes = dropwhile(lambda minute: minute < first_minute, minutes)
        for hour, minute in minutes:
            yield datetime.combine(day, time(hour, minute), zone)


def _days(cron: Cron, first: date) -> Iterator[date]:
    for year in cron.years:
        if year < first.year:
            continue
        for month in cron.months:
            if (year, month) < (first.year, first.month):
                continue
            for day in cron.days.in_month(year, month):
                if (current := date(year, month, day)) >= first:
                    yield current
