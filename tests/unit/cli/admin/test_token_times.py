"""The end of a token, as a duration or a date, and the grace of a rotation."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aichats_cli.admin.token_times import DEFAULT_GRACE, MAX_GRACE, MAX_LIFETIME, read_expiry, read_grace, time_text
from aichats_cli.errors import UsageError

NOW = datetime(2026, 11, 20, 12, 0, 0, 500_000, UTC)
SECONDS = {"m": 60, "h": 3600, "d": 86_400}

numbers, units = st.integers(0, 999_999), st.sampled_from(sorted(SECONDS))
dates = st.dates(NOW.date() - timedelta(days=5000), NOW.date() + timedelta(days=5000))


@given(numbers, units)
def test_a_duration_is_a_number_with_a_unit(number: int, unit: str) -> None:
    duration = timedelta(seconds=number * SECONDS[unit])
    if duration <= MAX_GRACE:
        assert read_grace(f"{number}{unit}") == duration
    else:
        with pytest.raises(UsageError, match=r"^--grace must be 0 or a duration .*, at most 30d, not "):
            read_grace(f"{number}{unit}")
    if timedelta(0) < duration <= MAX_LIFETIME:
        assert read_expiry(f"{number}{unit}", NOW) == NOW.replace(microsecond=0) + duration
    else:
        with pytest.raises(UsageError, match=r"^--expires"):
            read_expiry(f"{number}{unit}", NOW)


@given(dates)
def test_a_date_is_its_beginning_in_utc(day: date) -> None:
    beginning = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if NOW < beginning <= NOW + MAX_LIFETIME:
        assert read_expiry(f"{day:%Y-%m-%d}", NOW) == beginning
        assert time_text(beginning) == f"{day:%Y-%m-%d}T00:00:00Z"
    else:
        with pytest.raises(UsageError, match=r"^--expires"):
            read_expiry(f"{day:%Y-%m-%d}", NOW)


@given(st.text(max_size=12))
def test_any_other_text_is_an_error_and_nothing_else(text: str) -> None:
    for read in (read_grace, partial(read_expiry, now=NOW)):
        with suppress(UsageError):
            read(text)


@pytest.mark.parametrize("text", ["", " 2h", "2 h", "2H", "-1h", "1.5h", "h", "2w", "٢h", "2h\n", "1h30m", "9999999d"])
def test_a_text_that_looks_like_a_duration_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--grace must be"):
        read_grace(text)
    with pytest.raises(UsageError, match=r"^--expires must be"):
        read_expiry(text, NOW)


@pytest.mark.parametrize("text", ["2027-02-30", "2027-13-01", "27-01-31", "2027-1-31", "2027-01-31T09", "20270131"])
def test_a_text_that_looks_like_a_date_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--expires must be .* such as 90d, a date such as 2027-02-18, or never"):
        read_expiry(text, NOW)


def test_without_a_text_the_grace_is_a_day_and_a_token_never_expires() -> None:
    assert (read_grace(None), read_grace("0")) == (DEFAULT_GRACE, timedelta(0)) == (timedelta(days=1), timedelta(0))
    assert (read_expiry(None, NOW), read_expiry("never", NOW)) == (None, None)
