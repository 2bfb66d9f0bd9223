"""Dates as people say them, in both directions, and around the changes of the clocks."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aichats_cli.dates import DAYS, FORMS, read_clock, read_future, read_past
from aichats_cli.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 12, 30, tzinfo=BERLIN)
"""A Monday."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
"""Some of them change their clocks by an hour, at midnight, or by half an hour."""
MINUTE = timedelta(minutes=1)

nows = st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, ZoneInfo(zone)),
    st.integers(1_500_000_000, 2_000_000_000),
    st.sampled_from(ZONES),
)
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))

READ = [
    # text, the time in the past, the time in the future
    ("now", "2026-11-30T12:30", "2026-11-30T12:30"),
    ("today", "2026-11-30T00:00", "2026-11-30T00:00"),
    ("Today at 9:15", "2026-11-30T09:15", "2026-11-30T09:15"),
    ("yesterday", "2026-11-29T00:00", "2026-11-29T00:00"),
    ("tomorrow 9am", "2026-12-01T09:00", "2026-12-01T09:00"),
    ("tomorrow 12am", "2026-12-01T00:00", "2026-12-01T00:00"),
    ("tomorrow 12:30 pm", "2026-12-01T12:30", "2026-12-01T12:30"),
    ("18:00", "2026-11-29T18:00", "2026-11-30T18:00"),
    ("9am", "2026-11-30T09:00", "2026-12-01T09:00"),
    ("12:30", "2026-11-30T12:30", "2026-12-01T12:30"),
    ("mon", "2026-11-30T00:00", "2026-12-07T00:00"),
    ("mon 18:00", "2026-11-23T18:00", "2026-11-30T18:00"),
    ("Friday, 9:00", "2026-11-27T09:00", "2026-12-04T09:00"),
    ("7d", "2026-11-23T12:30", "2026-12-07T12:30"),
    ("in 3h", "2026-11-30T15:30", "2026-11-30T15:30"),
    ("3 hours ago", "2026-11-30T09:30", "2026-11-30T09:30"),
    ("90min", "2026-11-30T11:00", "2026-11-30T14:00"),
    ("2 weeks", "2026-11-16T12:30", "2026-12-14T12:30"),
    ("24 dec", "2025-12-24T00:00", "2026-12-24T00:00"),
    ("dec 24th 9:00", "2025-12-24T09:00", "2026-12-24T09:00"),
    ("24. December 2027, 9:00", "2027-12-24T09:00", "2027-12-24T09:00"),
    ("29 feb", "2024-02-29T00:00", "2028-02-29T00:00"),
    ("30 nov", "2026-11-30T00:00", "2027-11-30T00:00"),
    ("2026-12-24", "2026-12-24T00:00", "2026-12-24T00:00"),
    ("2026-12-24 9:00", "2026-12-24T09:00", "2026-12-24T09:00"),
    ("2026-12-24T09:00", "2026-12-24T09:00", "2026-12-24T09:00"),
    ("2026-12-24T09:00:00Z", "2026-12-24T10:00", "2026-12-24T10:00"),
    ("2026-12-24T09:00-05:00", "2026-12-24T15:00", "2026-12-24T15:00"),
]
RUBBISH = [
    "", "soon", "mo", "mond", "31 feb", "0 dec", "24 dek", "24 dec 25:00", "9:60", "13pm", "0am", "in 3h ago",
    "3 fortnights", "2026-13-01", "2026-12-24T25:00", "in -3h", "99999999d", "0001-01-01", "9999-12-31T23:59-14:00",
]  # fmt: skip


@pytest.mark.parametrize(("text", "past", "future"), READ, ids=[text for text, _, _ in READ])
def test_a_text_is_read_in_both_directions(text: str, past: str, future: str) -> None:
    shown = [f"{read(text, NOW):%Y-%m-%dT%H:%M}" for read in (read_past, read_future)]

    assert shown == [past, future]


@pytest.mark.parametrize("form", [form.strip("'") for form in FORMS.split(", ")])
def test_each_form_of_the_error_is_read(form: str) -> None:
    assert read_past(form, NOW).tzinfo
    assert read_future(form, NOW).tzinfo


@pytest.mark.parametrize("text", RUBBISH)
def test_rubbish_is_wrong_usage(text: str) -> None:
    now = datetime(2026, 11, 30, tzinfo=ZoneInfo("Asia/Kolkata"))
    with pytest.raises(UsageError, match="is not a time"):
        read_past(text, now)


def test_an_error_names_the_text_and_the_forms() -> None:
    with pytest.raises(UsageError) as raised:
        read_future("soon", NOW)

    assert raised.value.message == f"'soon' is not a time. Write one of these: {FORMS}"


@given(st.text(), nows)
@example("٣d", NOW)
@example("24 dec 0000", NOW)
def test_any_text_is_a_time_or_wrong_usage(text: str, now: datetime) -> None:
    for read in (read_past, read_future):
        try:
            assert read(text, now).tzinfo is not None
        except UsageError:
            continue


@given(st.sampled_from(DAYS), clocks, nows)
@example("sunday", time(2, 30), datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN))
@example("sunday", time(2, 30), datetime(2026, 10, 25, 2, 40, fold=1, tzinfo=BERLIN))
def test_a_weekday_in_the_future_is_the_first_minute_that_shows_it(day: str, clock: time, now: datetime) -> None:
    read = read_future(f"{day[:3]} {clock:%H:%M}", now)

    skipped = read.time() != clock
    wanted = (DAYS.index(day), read.time().replace(second=0))
    first = now.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
    shown = ((first + minutes * MINUTE) for minutes in range(16 * 24 * 60))
    assert read.astimezone(UTC) == next(each for each in shown if on_the_clock(each, now) == wanted)
    assert not skipped or is_skipped(read, clock)


@given(clocks, nows)
@example(time(2, 30), datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN))
@example(time(2, 30), datetime(2026, 10, 25, 2, 20, fold=1, tzinfo=BERLIN))
def test_a_time_of_the_day_in_the_past_is_the_last_minute_that_showed_it(clock: time, now: datetime) -> None:
    read = read_past(f"{clock:%H:%M}", now)

    last = now.astimezone(UTC).replace(second=0, microsecond=0)
    shown = ((last - minutes * MINUTE) for minutes in range(3 * 24 * 60))
    wanted = read.time()
    assert read.astimezone(UTC) == next(each for each in shown if each.astimezone(now.tzinfo).time() == wanted)
    assert wanted == clock or is_skipped(read, clock)


@given(nows, st.integers(0, 5000), st.sampled_from(["m", "h"]))
def test_hours_and_minutes_are_as_long_as_they_say(now: datetime, number: int, unit: str) -> None:
    span = timedelta(minutes=number) if unit == "m" else timedelta(hours=number)

    assert read_future(f"in {number}{unit}", now).timestamp() - now.timestamp() == span.total_seconds()
    assert now.timestamp() - read_past(f"{number}{unit}", now).timestamp() == span.total_seconds()


@given(nows, st.integers(0, 900))
def test_days_keep_the_time_of_the_day(now: datetime, number: int) -> None:
    read = read_past(f"{number}d", now)

    assert read.date() == now.date() - timedelta(days=number)
    assert read.time() == now.time() or is_skipped(read, now.time())


@given(nows, nows)
def test_a_time_with_an_offset_means_itself(time: datetime, now: datetime) -> None:
    assert read_past(time.isoformat(), now).timestamp() == time.timestamp()


@pytest.mark.parametrize(
    ("now", "past", "future"),
    [
        ("2026-10-25T00:20+00:00", "2026-10-24T00:30+00:00", "2026-10-25T00:30+00:00"),
        ("2026-10-25T00:40+00:00", "2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00"),
        ("2026-10-25T01:40+00:00", "2026-10-25T01:30+00:00", "2026-10-26T01:30+00:00"),
    ],
)
def test_an_hour_that_comes_twice_is_the_nearest_of_the_two(now: str, past: str, future: str) -> None:
    at = datetime.fromisoformat(now).astimezone(BERLIN)

    assert [read("2:30", at).astimezone(UTC) for read in (read_past, read_future)] == list(
        map(datetime.fromisoformat, (past, future))
    )


def test_a_time_that_the_clocks_skip_is_an_hour_later() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=BERLIN)

    assert read_future("2026-03-29 2:30", before).isoformat() == "2026-03-29T03:30:00+02:00"
    assert read_future("sun 2:30", before).isoformat() == "2026-03-29T03:30:00+02:00"


@pytest.mark.parametrize(("text", "hour", "minute"), [("08:30", 8, 30), ("9", 9, 0), ("5pm", 17, 0), (" 12 AM ", 0, 0)])
def test_a_time_of_the_day_is_read(text: str, hour: int, minute: int) -> None:
    assert read_clock(text) == time(hour, minute)


@pytest.mark.parametrize("text", ["", "24:00", "8.30", "noon", "13pm"])
def test_another_time_of_the_day_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time of the day"):
        read_clock(text)


def on_the_clock(each: datetime, now: datetime) -> tuple[int, time]:
    local = each.astimezone(now.tzinfo)
    return local.weekday(), local.time()


def is_skipped(read: datetime, clock: time) -> bool:
    """Return whether the clocks never show a time on the day of a time."""
    midnight = datetime.combine(read.date(), time(), UTC)
    minutes = ((midnight + minutes * MINUTE).astimezone(read.tzinfo) for minutes in range(-900, 48 * 60))
    return all((each.date(), each.time()) != (read.date(), clock.replace(second=0)) for each in minutes)
