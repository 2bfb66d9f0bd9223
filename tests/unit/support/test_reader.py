"""Tests of the reader of the documentation."""

from datetime import date, datetime, timedelta

import pytest

from tests.support.reader import WRITTEN_ON, ZONE, as_today, with_yesterday

DAYS = [WRITTEN_ON + timedelta(days=days) for days in (0, 1, 6, 7, 8, 500, 5000)]
"""Days on which the tests run: in the week of the pages, and later."""


@pytest.mark.parametrize("today", DAYS)
def test_dates_of_the_pages_keep_their_weekday_and_their_side_of_today(today: date) -> None:
    before, after = "2026-11-29", "2026-12-07"

    moved = [date.fromisoformat(as_today(text, today)) for text in (before, after)]

    assert moved[0] < today < moved[1]
    assert [day.isoweekday() for day in moved] == [7, 1]


def test_only_the_dates_of_a_text_are_moved() -> None:
    text = '{"from": "2026-12-24T08:00:00Z", "port": 2026, "expression": "at(2027-01-31T09:00:00)"}'

    moved = as_today(text, WRITTEN_ON + timedelta(weeks=2))

    assert moved == '{"from": "2027-01-07T08:00:00Z", "port": 2026, "expression": "at(2027-02-14T09:00:00)"}'


def test_a_time_in_utc_keeps_its_wall_clock_time_when_the_pages_are_read_in_summer() -> None:
    moved = as_today("2026-11-27T07:30:00Z, 2026-12-01T08:30:00+01:00", WRITTEN_ON + timedelta(weeks=30))

    assert moved == "2027-06-25T06:30:00Z, 2027-06-29T08:30:00+01:00"


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (datetime(2026, 11, 30, 0, 1, tzinfo=ZONE), "2026-11-29T07:30:00Z"),
        (datetime(2026, 11, 30, 23, 59, tzinfo=ZONE), "2026-11-29T07:30:00Z"),
        (datetime(2027, 3, 29, 0, 1, tzinfo=ZONE), "2027-03-28T06:30:00Z"),
    ],
)
def test_a_slot_of_yesterday_keeps_its_time_in_the_zone_of_the_pages(now: datetime, slot: str) -> None:
    assert with_yesterday("daily-numbers yesterday 08:30", now) == f"daily-numbers {slot}"
