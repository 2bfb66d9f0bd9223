"""Previews of 200 random expressions over two years, against a search of every minute, in four zones.

To be done in seconds, the search looks at every minute of the two years once for each zone, and notes what the wall
clock shows then. The fields of an expression do not depend on each other, so it is asked once about each day, once
about each minute of a day, and fires at the minutes for which both answers are yes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from aichats.automations.preview import fire_times
from tests.naive_schedule import fires
from tests.unit.test_preview_properties import crons, fields, items

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2028, 1, 1, tzinfo=UTC)
ONE_MINUTE = timedelta(minutes=1)
EXPRESSIONS = 200

type Minute = tuple[int, datetime]
"""What a wall clock shows, in minutes since the day began, and the moment (UTC) at which it shows that."""


@cache
def random_expressions() -> Sequence[str]:
    """All different, and the same each time. Their minutes are never `*`: to compare each minute takes long."""
    found: dict[str, None] = {}
    minutes = st.lists(items(0, 59, (), steps=True), min_size=1, max_size=3).map(",".join)

    @settings(
        derandomize=True,
        max_examples=2 * EXPRESSIONS,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(crons(minutes, fields(0, 23)))
    def draw(expression: str) -> None:
        found[expression] = None

    draw()
    return list(found)[:EXPRESSIONS]


def every_minute(zone: ZoneInfo) -> Mapping[date, Sequence[Minute]]:
    """Each minute of the two years, by the day on the zone's wall clock. What it shows a second time is left out."""
    days: dict[date, list[Minute]] = {}
    moment = BEGIN
    while moment < END:
        local = moment.astimezone(zone)
        if local.fold == 0:
            days.setdefault(local.date(), []).append((local.hour * 60 + local.minute, moment))
        moment += ONE_MINUTE
    return days


def naive_search(expression: str, days: Mapping[date, Sequence[Minute]]) -> list[datetime]:
    """When the expression fires."""
    minutes, hours, rest = expression.removeprefix("cron(").removesuffix(")").split(maxsplit=2)
    of_a_day = {n for n in range(24 * 60) if fires(f"cron({minutes} {hours} * * ? *)", BEGIN + n * ONE_MINUTE)}
    fitting = [day for day in days if fires(f"cron(* * {rest})", datetime.combine(day, BEGIN.timetz()))]
    return [moment for day in fitting for minute, moment in days[day] if minute in of_a_day]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu"])
def test_previews_over_two_years_are_those_of_the_plain_search(zone: str) -> None:
    days, expressions = every_minute(ZoneInfo(zone)), random_expressions()
    assert len(expressions) == EXPRESSIONS
    differing = []
    for expression in expressions:
        found = list(fire_times(expression, zone, after=BEGIN - ONE_MINUTE, end=END))
        if found != naive_search(expression, days):
            differing.append(expression)
    assert differing == []
