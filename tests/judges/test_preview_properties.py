"""Random cron expressions compared with a search of every minute, around the clock changes of four zones."""

from datetime import UTC, datetime, timedelta
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.schedules.fire_times import fire_times
from tests.support.naive_schedule import naive_fire_times

# Zone and time of both clock changes of a year. Kolkata has none.
CLOCK_CHANGES = [
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 12, 31, 18, 30, tzinfo=UTC)),
]
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
ONE_MINUTE = timedelta(minutes=1)

same_each_time = settings(derandomize=True, deadline=None, max_examples=80)


def spelled(value: int, names: tuple[str, ...]) -> st.SearchStrategy[str]:
    name = names[value - 1] if names else f"{value:02}"
    return st.sampled_from([str(value), name, name.lower()])


@st.composite
def items(draw: st.DrawFn, low: int, high: int, names: tuple[str, ...], *, steps: bool) -> str:
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    start, end = draw(spelled(first, names)), draw(spelled(last, names))
    step = draw(st.integers(1, high))
    plain = [start, f"{start}-{end}"]
    stepped = [f"{start}/{step}", f"{start}-{end}/{step}", f"*/{step}"]
    return draw(st.sampled_from(plain + stepped if steps else plain))


def fields(low: int, high: int, names: tuple[str, ...] = (), *, steps: bool = True) -> st.SearchStrategy[str]:
    return st.just("*") | st.lists(items(low, high, names, steps=steps), min_size=1, max_size=3).map(",".join)


def weekdays() -> st.SearchStrategy[str]:
    return st.integers(1, 7).flatmap(lambda day: spelled(day, WEEKDAYS))


def days_of_month() -> st.SearchStrategy[str]:
    return fields(1, 31) | st.sampled_from(["L", "LW"]) | st.integers(1, 31).map("{}W".format)


def days_of_week() -> st.SearchStrategy[str]:
    nth = st.tuples(weekdays(), st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
    return fields(1, 7, WEEKDAYS, steps=False) | st.just("L") | weekdays().map("{}L".format) | nth


@st.composite
def crons(draw: st.DrawFn, minutes: st.SearchStrategy[str], hours: st.SearchStrategy[str]) -> str:
    month = draw(fields(1, 12, MONTHS))
    year = draw(st.sampled_from(["*", "2026-2027", "2024/2", "2020-2030/3", "2026,2028"]))
    day_of_month, day_of_week = draw(st.tuples(days_of_month(), st.just("?")) | st.tuples(st.just("?"), days_of_week()))
    return f"cron({draw(minutes)} {draw(hours)} {day_of_month} {month} {day_of_week} {year})"


def every_day_crons() -> st.SearchStrategy[str]:
    return st.tuples(fields(0, 59), fields(0, 23)).map(lambda pair: f"cron({pair[0]} {pair[1]} * * ? *)")


@same_each_time
@given(
    st.sampled_from(CLOCK_CHANGES),
    every_day_crons() | crons(fields(0, 59), fields(0, 23)),
    st.integers(0, 30 * 60),
)
def test_around_a_clock_change_exactly_the_minutes_of_the_plain_search_fire(
    change: tuple[str, datetime], expression: str, minutes_before: int
) -> None:
    timezone, time = change
    begin = time - timedelta(minutes=minutes_before)
    end = time + timedelta(hours=27)
    found = fire_times(expression, timezone, start=begin, end=end, after=begin - ONE_MINUTE)
    assert list(found) == naive_fire_times(expression, timezone, begin, end)


@same_each_time
@given(crons(st.just("0"), st.just("12")), st.integers(0, 1500))
def test_over_two_years_exactly_the_days_of_the_plain_search_fire(expression: str, days: int) -> None:
    begin = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=days)
    end = begin + timedelta(days=730)
    found = fire_times(expression, end=end, after=begin - ONE_MINUTE)
    assert list(found) == naive_fire_times(expression, "UTC", begin, end, step=timedelta(days=1))


@same_each_time
@given(st.sampled_from(CLOCK_CHANGES), every_day_crons(), st.integers(0, 30 * 60), st.integers(0, 60 * 60))
def test_starting_anywhere_gives_what_is_left_of_the_same_times(
    change: tuple[str, datetime], expression: str, minutes_before: int, seconds_later: int
) -> None:
    timezone, time = change
    begin = time - timedelta(minutes=minutes_before)
    later = time + timedelta(seconds=seconds_later - 1800)
    times = list(islice(fire_times(expression, timezone, after=begin), 100))
    rest = [fire_time for fire_time in times if fire_time > later]
    assert list(islice(fire_times(expression, timezone, after=max(begin, later)), len(rest))) == rest


@same_each_time
@given(
    st.integers(1, 500),
    st.sampled_from([("minute", 60), ("hour", 3600), ("day", 86400)]),
    st.integers(-(10**8), 10**8),
)
def test_a_rate_fires_at_its_start_and_whole_periods_later(value: int, unit: tuple[str, int], seconds: int) -> None:
    start = datetime(2026, 3, 7, 12, 34, 56, tzinfo=UTC)
    after = start + timedelta(seconds=seconds)
    name, length = unit
    found = list(islice(fire_times(f"rate({value} {name}s)", "America/New_York", start=start, after=after), 3))
    first = max(0, seconds // (value * length) + 1)
    assert found == [start + timedelta(seconds=value * length * slot) for slot in range(first, first + 3)]
