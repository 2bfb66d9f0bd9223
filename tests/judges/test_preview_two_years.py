"""Previews of 200 random expressions over two years, against a search of every minute, in four zones.

To be done in seconds, the search looks at every minute of the two years once for each zone, and notes what the wall
clock shows then. The fields of an expression do not depend on each other, so it is asked once about each day, each hour
and each minute of an hour, and fires at the minutes for which all answers are yes. No expression fires more than
three times in an hour: minutes of every kind are compared in `test_preview_properties.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from aichats.schedules.fire_times import fire_times
from tests.support.naive_schedule import fires
from tests.support.random_crons import random_crons

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2028, 1, 1, tzinfo=UTC)
ONE_MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)
EXPRESSIONS = 200
ZONES = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"]
SEED = 2026

type Day = Mapping[int, datetime]
"""The time (UTC) at which a wall clock shows each minute of a day, by minutes since the day began, in order."""


def every_minute(zone: ZoneInfo) -> Mapping[date, Day]:
    """Return each minute of the two years, by the day on the zone's wall clock. Repeated wall times are left out."""
    days: dict[date, dict[int, datetime]] = {}
    quarter = BEGIN
    while quarter < END:
        local = quarter.astimezone(zone)
        if local.fold == 0:
            # All clocks are changed at a quarter of an hour, so within one a wall clock goes on minute by minute.
            begun = local.hour * 60 + local.minute
            days.setdefault(local.date(), {}).update((begun + n, quarter + n * ONE_MINUTE) for n in range(15))
        quarter += QUARTER
    return days


@cache
def of_a_day(expression: str) -> Sequence[int]:
    """Return the minutes of a matching day at which the expression fires."""
    minutes, hours, _ = expression.removeprefix("cron(").removesuffix(")").split(maxsplit=2)
    of_an_hour = [n for n in range(60) if fires(f"cron({minutes} * * * ? *)", BEGIN + n * ONE_MINUTE)]
    fitting = [n for n in range(24) if fires(f"cron(* {hours} * * ? *)", BEGIN + n * ONE_HOUR)]
    return [hour * 60 + minute for hour in fitting for minute in of_an_hour]


@cache
def of_all_days(expression: str) -> Sequence[date]:
    """Return the days on which the expression fires, in any zone."""
    rest = expression.removeprefix("cron(").removesuffix(")").split(maxsplit=2)[2]
    days = [BEGIN + number * ONE_DAY for number in range(-1, (END - BEGIN).days + 1)]
    return [day.date() for day in days if fires(f"cron(* * {rest})", day)]


def naive_search(expression: str, days: Mapping[date, Day]) -> list[datetime]:
    """Return the times at which the expression fires."""
    shown = [days[day] for day in of_all_days(expression) if day in days]
    return [day[minute] for day in shown for minute in of_a_day(expression) if minute in day]


def test_previews_over_two_years_are_those_of_the_plain_search() -> None:
    expressions = random_crons(SEED, EXPRESSIONS)
    differing = []
    for zone in ZONES:
        days = every_minute(ZoneInfo(zone))
        for expression in expressions:
            found = list(fire_times(expression, zone, after=BEGIN - ONE_MINUTE, end=END))
            if found != naive_search(expression, days):
                differing.append((zone, expression))
    assert differing == []
