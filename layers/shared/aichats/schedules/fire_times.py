"""When a schedule expression fires, as EventBridge Scheduler does it.

The rule for daylight saving: a wall-clock time that is skipped in spring does not fire; one that comes twice in autumn
fires once, the first time. A day of a rate is 24 hours.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import dropwhile, product
from zoneinfo import ZoneInfo

from aichats.schedules.expressions import At, Cron, ExpressionError, Rate, parse

# No time zone can carry a moment between these two out of the calendar.
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 1, 1, tzinfo=UTC)

# Files beside the zones of the IANA database, which EventBridge Scheduler does not know. Clocks under right/ count leap
# seconds.
_NO_ZONES = {"Factory", "localtime", "posixrules"}
_OTHER_CLOCKS = ("posix/", "right/")


def fire_times(
    expression: str,
    timezone: str = "UTC",
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    after: datetime,
) -> Iterator[datetime]:
    """The times, in UTC and ascending, at which the expression fires later than `after`.

    It ends when there are none any more, so `next(fire_times(...), None)` is None for what never fires again.

    Args:
        expression: `cron(...)`, `rate(...)` or `at(...)`.
        timezone: the IANA zone whose wall clock cron and at mean.
        start: nothing fires earlier; a rate fires at `start` itself and then every period.
        end: nothing fires at it or later. For an at, start and end are ignored, as EventBridge Scheduler does.
        after: a fire time at this very moment is left out.

    Raises:
        ExpressionError: the expression is wrong, or there is no such time zone.
        ValueError: a time without a time zone, or a rate without `start`.
    """
    schedule, zone = parse(expression), _zone(timezone)
    after = _utc("after", after)
    first = _utc("start", start) if start else None
    last = _utc("end", end) if end else _LATEST
    if isinstance(schedule, Cron):
        return _cron_times(schedule, zone, first, last, after)
    if isinstance(schedule, At):
        return (moment for moment in _moments([schedule.local.replace(tzinfo=zone)], zone) if moment > after)
    if first is None:
        raise ValueError(f"{expression} needs a start: the times of a rate are counted from it")
    return _rate_times(schedule, first, last, after)


def _zone(name: str) -> ZoneInfo:
    zone = None
    if name not in _NO_ZONES and not name.startswith(_OTHER_CLOCKS):
        with suppress(KeyError, ValueError, OSError):
            zone = ZoneInfo(name)
    if zone is None:
        raise ExpressionError(
            f"there is no time zone {name!r}; give a name of the IANA database, such as America/New_York or UTC"
        )
    return zone


def _utc(name: str, moment: datetime) -> datetime:
    # Arithmetic and comparison within one ZoneInfo follow the wall clock; in UTC they follow time.
    if moment.utcoffset() is None:
        raise ValueError(f"{name} is {moment.isoformat()}, without a time zone: give an aware datetime")
    return min(max(moment, _EARLIEST), _LATEST).astimezone(UTC)


def _rate_times(rate: Rate, first: datetime, last: datetime, after: datetime) -> Iterator[datetime]:
    next_slot = max(0, (after - first) // rate.period + 1)
    last_slot = -((first - last) // rate.period) - 1
    return (first + slot * rate.period for slot in range(next_slot, last_slot + 1))


def _cron_times(
    cron: Cron, zone: ZoneInfo, first: datetime | None, last: datetime, after: datetime
) -> Iterator[datetime]:
    since = max(after, first) if first else after
    for moment in _moments(_wall_clock_times(cron, since.astimezone(zone), zone), zone):
        if moment >= last:
            return
        if moment >= since and moment > after:
            yield moment


def _moments(wall_clock_times: Iterable[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """The moments of wall-clock times of the zone: the first where there are two, none for a time that is skipped."""
    for wall_clock_time in wall_clock_times:
        moment = wall_clock_time.astimezone(UTC)
        # Within one zone the wall clocks are compared: a skipped time comes back as another one.
        if moment.astimezone(zone) == wall_clock_time:
            yield moment


def _wall_clock_times(cron: Cron, since: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """All wall-clock times that the expression names, whether they exist or not, from the minute of `since` on."""
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
                if (found := date(year, month, day)) >= first:
                    yield found
