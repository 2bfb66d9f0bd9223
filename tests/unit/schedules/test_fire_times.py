"""Schedule expressions fire at known times: around both clock changes, within a start and an end, and never again."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from aichats.schedules.expressions import ExpressionError
from aichats.schedules.fire_times import fire_times
from tests.support.waiting import within_cpu_seconds

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")


def following(expression: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(fire_times(expression, zone, after=utc(after)), count)
    return [time.strftime("%Y-%m-%dT%H:%M") for time in found]


def dates(expression: str, count: int, after: datetime = NEW_YEAR) -> list[str]:
    return [time.date().isoformat() for time in islice(fire_times(expression, after=after), count)]


# Each with a description, the expression, the zone, `after`, and the next fire times. All times are in UTC.
CLOCK_CHANGES = [
    (
        "New York in spring: 9:00 stays 9:00 by the wall clock",
        ("cron(0 9 * * ? *)", "America/New_York", "2026-03-07T00:00"),
        ["2026-03-07T14:00", "2026-03-08T13:00", "2026-03-09T13:00"],
    ),
    (
        "New York in spring: 2:30 does not exist on the 8th",
        ("cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00"),
        ["2026-03-07T07:30", "2026-03-09T06:30"],
    ),
    (
        "New York in spring: the half-hours from 2:00 to 3:00 are left out, and no time passes without them",
        ("cron(0/30 1-3 * * ? *)", "America/New_York", "2026-03-08T00:00"),
        ["2026-03-08T06:00", "2026-03-08T06:30", "2026-03-08T07:00", "2026-03-08T07:30", "2026-03-09T05:00"],
    ),
    (
        "New York in autumn: 1:30 comes twice and fires the first time",
        ("cron(30 1 * * ? *)", "America/New_York", "2026-10-31T00:00"),
        ["2026-10-31T05:30", "2026-11-01T05:30", "2026-11-02T06:30"],
    ),
    (
        "New York in autumn: each half-hour of the wall clock fires once, so the second hour is silent",
        ("cron(0/30 * * * ? *)", "America/New_York", "2026-11-01T04:59"),
        ["2026-11-01T05:00", "2026-11-01T05:30", "2026-11-01T07:00", "2026-11-01T07:30"],
    ),
    (
        "New York in autumn: every minute, from within the repeated hour",
        ("cron(* * * * ? *)", "America/New_York", "2026-11-01T06:10"),
        ["2026-11-01T07:00", "2026-11-01T07:01"],
    ),
    (
        "London in spring: 1:30 does not exist on the 29th",
        ("cron(30 1 * * ? *)", "Europe/London", "2026-03-28T00:00"),
        ["2026-03-28T01:30", "2026-03-30T00:30"],
    ),
    (
        "London in autumn: 1:00 and 1:30 fire in summer time only",
        ("cron(0/30 0-2 ? * SUN *)", "Europe/London", "2026-10-24T22:59"),
        ["2026-10-24T23:00", "2026-10-24T23:30", "2026-10-25T00:00", "2026-10-25T00:30", "2026-10-25T02:00"],
    ),
    (
        "Lord Howe in spring: half an hour is skipped, 2:00 to 2:30",
        ("cron(0/15 1-2 * * ? *)", "Australia/Lord_Howe", "2026-10-03T14:29"),
        ["2026-10-03T14:30", "2026-10-03T14:45", "2026-10-03T15:00", "2026-10-03T15:15", "2026-10-03T15:30"],
    ),
    (
        "Lord Howe in autumn: half an hour comes twice, 1:30 to 2:00",
        ("cron(0/15 1-2 * * ? *)", "Australia/Lord_Howe", "2026-04-04T14:14"),
        ["2026-04-04T14:15", "2026-04-04T14:30", "2026-04-04T14:45", "2026-04-04T15:30", "2026-04-04T15:45"],
    ),
    (
        "Kolkata: no clock changes",
        ("cron(0 9 1 3,4,11 ? *)", "Asia/Kolkata", "2026-01-01T00:00"),
        ["2026-03-01T03:30", "2026-04-01T03:30", "2026-11-01T03:30"],
    ),
    (
        "St John's in 2010: the clock went back over midnight, and the day before was not begun again",
        ("cron(15,45 23 * * ? *)", "America/St_Johns", "2010-11-07T01:50"),
        ["2010-11-07T02:15", "2010-11-08T02:45", "2010-11-08T03:15"],
    ),
    (
        "Apia in 2011: a whole day was skipped",
        ("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T00:00"),
        ["2011-12-29T22:00", "2011-12-30T22:00"],
    ),
    (
        "at: a time that comes twice fires the first time",
        ("at(2026-11-01T01:30:00)", "America/New_York", "2026-01-01T00:00"),
        ["2026-11-01T05:30"],
    ),
    ("at: a time that is skipped never fires", ("at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00"), []),
]


@pytest.mark.parametrize(
    ("schedule", "expected"), [case[1:] for case in CLOCK_CHANGES], ids=[c[0] for c in CLOCK_CHANGES]
)
def test_a_skipped_time_does_not_fire_and_a_repeated_time_fires_once(
    schedule: tuple[str, str, str], expected: list[str]
) -> None:
    found = following(*schedule, count=len(expected) or 1)
    assert found == expected


def test_a_day_of_a_rate_is_24_hours_in_every_zone() -> None:
    start = datetime(2026, 3, 7, 9, tzinfo=ZoneInfo("America/New_York"))
    found = fire_times("rate(1 day)", "America/New_York", start=start, after=start)
    assert list(islice(found, 2)) == [utc("2026-03-08T14:00"), utc("2026-03-09T14:00")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 0 L * ? *)", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("cron(0 0 LW * ? *)", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("cron(0 0 15W * ? *)", ["2026-01-15", "2026-02-16", "2026-03-16"]),
        ("cron(0 0 1W 8,11 ? *)", ["2026-08-03", "2026-11-02", "2027-08-02"]),
        ("cron(0 0 31W * ? *)", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("cron(0 0 31 * ? *)", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("cron(0 0 29-31/2 2-3 ? *)", ["2026-03-29", "2026-03-31", "2027-03-29"]),
        ("cron(0 0 ? * 1 *)", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("cron(0 0 ? * sat-SAT,mon *)", ["2026-01-03", "2026-01-05", "2026-01-10"]),
        ("cron(0 0 ? * L *)", ["2026-01-03", "2026-01-10", "2026-01-17"]),
        ("cron(0 0 ? * 6L *)", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("cron(0 0 ? * MON#1 *)", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("cron(0 0 ? * 3#5 *)", ["2026-03-31", "2026-06-30", "2026-09-29"]),
        ("cron(0 0 1 jan/6 ? *)", ["2026-07-01", "2027-01-01", "2027-07-01"]),
        ("cron(0 0 1 1 ? 2030,2026-2034/4)", ["2030-01-01", "2034-01-01"]),
        ("cron(15 10 ? * 6L 2022-2026)", ["2026-01-30", "2026-02-27", "2026-03-27"]),
    ],
)
def test_every_form_of_days_fires_on_those_days(expression: str, expected: list[str]) -> None:
    assert dates(expression, 3) == expected


def test_an_at_is_a_wall_clock_time_of_the_zone() -> None:
    assert following("at(2026-11-20T13:00:00)", "America/Los_Angeles", "2026-01-01T00:00", 2) == ["2026-11-20T21:00"]


@pytest.mark.parametrize(
    ("expression", "next_one"),
    [
        ("cron(0 9 * * ? *)", utc("2026-05-02T09:00")),
        ("rate(1 day)", utc("2026-05-02T09:00")),
        ("at(2026-05-01T09:00:00)", None),
    ],
)
def test_a_time_equal_to_after_is_left_out_to_the_microsecond(expression: str, next_one: datetime | None) -> None:
    nine = utc("2026-05-01T09:00")
    just_before = nine - timedelta(microseconds=1)
    assert next(fire_times(expression, start=nine, after=just_before)) == nine
    assert next(fire_times(expression, start=nine, after=nine), None) == next_one


def test_the_start_belongs_to_the_schedule_and_the_end_does_not() -> None:
    start, end = utc("2026-05-01T09:00"), utc("2026-05-04T09:00")
    three = [utc("2026-05-01T09:00"), utc("2026-05-02T09:00"), utc("2026-05-03T09:00")]
    assert list(fire_times("cron(0 9 * * ? *)", start=start, end=end, after=NEW_YEAR)) == three
    assert list(fire_times("rate(24 hours)", start=start, end=end, after=NEW_YEAR)) == three
    assert list(fire_times("rate(24 hours)", start=start, end=end, after=three[1])) == three[2:]


def test_start_and_end_are_ignored_for_an_at() -> None:
    start, end = utc("2027-01-01T00:00"), utc("2027-01-02T00:00")
    found = fire_times("at(2026-05-01T09:00:00)", start=start, end=end, after=NEW_YEAR)
    assert list(found) == [utc("2026-05-01T09:00")]


def test_nothing_fires_when_the_end_is_before_the_start() -> None:
    start, end = utc("2026-05-03T00:00"), utc("2026-05-01T00:00")
    for expression in ("cron(* * * * ? *)", "rate(1 minute)"):
        assert list(fire_times(expression, start=start, end=end, after=NEW_YEAR)) == []


def test_times_are_accepted_in_any_zone_and_returned_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    after = datetime(2026, 5, 1, 18, tzinfo=tokyo)
    found = next(fire_times("cron(0 9 * * ? *)", after=after))
    assert found == utc("2026-05-02T09:00")
    assert found.tzinfo is UTC


def test_times_at_the_ends_of_the_calendar_are_no_limits() -> None:
    earliest = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
    latest = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))
    found = list(fire_times("cron(0 0 1 1 ? 1970,2199)", "Asia/Kolkata", start=earliest, end=latest, after=earliest))
    assert found == [utc("1969-12-31T18:30"), utc("2198-12-31T18:30")]
    assert list(fire_times("cron(* * * * ? *)", "Asia/Kolkata", after=latest)) == []


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("cron(* * 30 2 ? *)", "UTC"),
        ("cron(* * 31W 4 ? *)", "Europe/London"),
        ("cron(* * ? 2 3#5 2026-2027)", "UTC"),
        ("cron(* * * * ? 2025)", "UTC"),
        ("cron(* 2 ? 3 1#2 *)", "America/New_York"),
        ("at(2025-12-31T23:59:59)", "UTC"),
    ],
)
def test_an_expression_that_never_fires_ends_soon(expression: str, zone: str) -> None:
    with within_cpu_seconds(10):
        assert next(fire_times(expression, zone, after=NEW_YEAR), None) is None


def test_far_away_times_are_found_without_walking_there() -> None:
    far = utc("2190-06-01T23:59")
    with within_cpu_seconds(10):
        assert next(fire_times("cron(* * * * ? *)", "Asia/Kolkata", after=far)) == far + timedelta(minutes=1)
        assert next(fire_times("rate(1 minute)", start=NEW_YEAR, after=far)) == far + timedelta(minutes=1)
        assert list(fire_times("cron(0 0 29 2 ? *)", after=far)) == [utc("2192-02-29T00:00"), utc("2196-02-29T00:00")]


@pytest.mark.parametrize(
    "zone",
    [
        *("Mars/Olympus", "", "PST8", "../UTC", "/etc/localtime", "America", "a\0b", "+02:00"),
        *("localtime", "Factory", "posixrules", "right/UTC", "posix/America/New_York", "posix/", "right/../UTC"),
    ],
)
def test_an_unknown_time_zone_is_rejected_by_name_before_any_search(zone: str) -> None:
    with pytest.raises(ExpressionError, match="there is no time zone") as refusal:
        fire_times("rate(1 day)", zone, start=NEW_YEAR, after=NEW_YEAR)
    assert repr(zone) in str(refusal.value)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Etc/GMT+5", "EST5EDT", "GMT", "Asia/Kolkata"])
def test_every_other_name_of_the_database_is_a_time_zone(zone: str) -> None:
    assert next(fire_times("rate(1 day)", zone, start=NEW_YEAR, after=NEW_YEAR - timedelta(days=1))) == NEW_YEAR


def test_a_rate_without_a_start_is_rejected_immediately() -> None:
    with pytest.raises(ValueError, match=r"rate\(1 day\) needs a start"):
        fire_times("rate(1 day)", after=NEW_YEAR)


@pytest.mark.parametrize("name", ["start", "end", "after"])
def test_a_time_without_a_zone_is_rejected_by_name(name: str) -> None:
    times = {"start": NEW_YEAR, "end": NEW_YEAR, "after": NEW_YEAR}
    times[name] = NEW_YEAR.replace(tzinfo=None)
    with pytest.raises(ValueError, match=f"{name} is 2026-01-01T00:00:00, which has no time zone"):
        fire_times("cron(0 9 * * ? *)", start=times["start"], end=times["end"], after=times["after"])
