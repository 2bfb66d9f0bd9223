"""The policy alone: the failures that are retried, and the waits."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aichats.http.retry import FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS, MAX_WAIT_SECONDS, backoff, named_wait
from tests.support.http_calls import Lot

NOW = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC)


def http_date(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


def wait_named_by(status: int = 503, message: str = "", in_body: object = None, **headers: str) -> float | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return named_wait(status, named, message, now=NOW, in_body=in_body)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12", 12.0),
        (" 12 ", 12.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (str(int(MAX_WAIT_SECONDS)), MAX_WAIT_SECONDS),
        (http_date(30), 30.0),
        (http_date(-3600), 0.0),
        ("Fri, 20 Nov 2026 09:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 10:00:30 +0100", 30.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float) -> None:
    assert wait_named_by(retry_after=value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "nan",
        "inf",
        "-inf",
        str(MAX_WAIT_SECONDS + 1),
        "9" * 400,
        http_date(MAX_WAIT_SECONDS + 60),
        "Mon, 01 Jan 99999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999999",
        "Mon, 99 Foo 2026 99:99:99 GMT",
    ],
)
def test_a_retry_after_that_is_nonsense_counts_as_none(value: str) -> None:
    assert wait_named_by(retry_after=value) is None


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit exceeded. Try again in 12 seconds.", 12.0),
        ("try again in 1 second", 1.0),
        ("Try again in 0.5s", 0.5),
        ("Please retry after 30 seconds.", 30.0),
        ("Try again later.", None),
        ("Try again in 5 minutes.", None),
        ("Try again in 999999 seconds.", None),
        ("Try again in -3 seconds.", None),
    ],
)
def test_a_wait_that_stands_in_the_message_is_found(message: str, seconds: float | None) -> None:
    assert wait_named_by(429, message) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [(str(NOW.timestamp() + 7), 7.0), ("1", 0.0), ("soon", None), ("nan", None), ("inf", None)]
)
def test_the_reset_of_a_rate_limit_is_a_time_in_unix_seconds(value: str, seconds: float | None) -> None:
    assert wait_named_by(429, x_ratelimit_reset=value) == seconds


@pytest.mark.parametrize("status", [200, 409, 500, 503])
def test_the_reset_of_a_rate_limit_counts_only_with_a_429(status: int) -> None:
    assert wait_named_by(status, x_ratelimit_reset=str(NOW.timestamp() + 7)) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (60, 60.0),
        (0, 0.0),
        (1.5, 1.5),
        ("7", 7.0),
        *[(nonsense, None) for nonsense in (None, True, -1, "soon", "", [5], {"seconds": 5}, float("nan"), 10**30)],
    ],
)
def test_a_wait_may_mock_the_body(value: object, seconds: float | None) -> None:
    assert wait_named_by(429, in_body=value) == seconds


def test_the_body_goes_before_the_header() -> None:
    assert wait_named_by(429, "Try again in 2 seconds.", in_body=5, retry_after="1") == 5.0
    assert wait_named_by(429, in_body="nonsense", retry_after="1") == 1.0


def test_the_header_goes_before_the_words_and_the_words_before_the_reset() -> None:
    words, reset = "Try again in 2 seconds.", str(NOW.timestamp() + 3)
    assert wait_named_by(429, words, retry_after="1", x_ratelimit_reset=reset) == 1.0
    assert wait_named_by(429, words, x_ratelimit_reset=reset) == 2.0
    assert wait_named_by(429, words, retry_after="nonsense") == 2.0


@given(
    status=st.integers(300, 599),
    retry_after=st.text() | st.floats().map(str) | st.integers().map(str),
    reset=st.text() | st.floats().map(str),
    message=st.text() | st.floats().map(lambda seconds: f"Try again in {seconds} seconds."),
    in_body=st.none() | st.floats() | st.integers() | st.text(),
)
@example(429, "Mon, 01 Jan 2024 00:00:00 +99999999999999999", "", "", None)
def test_a_named_wait_is_never_negative_nor_too_long_whatever_was_sent(
    status: int, retry_after: str, reset: str, message: str, in_body: object
) -> None:
    wait = wait_named_by(status, message, in_body, retry_after=retry_after, x_ratelimit_reset=reset)
    assert wait is None or 0.0 <= wait <= MAX_WAIT_SECONDS


@given(
    day=st.integers(), year=st.integers(), hour=st.integers(), zone=st.integers(), name=st.sampled_from(["Jan", "Dec"])
)
def test_a_date_out_of_all_bounds_is_survived(day: int, year: int, hour: int, zone: int, name: str) -> None:
    wait = wait_named_by(retry_after=f"Mon, {day} {name} {year} {hour}:00:00 {zone:+05}")
    assert wait is None or 0.0 <= wait <= MAX_WAIT_SECONDS


@given(attempt=st.integers(1, 12), share=st.floats(0.0, 1.0))
def test_the_backoff_stays_between_nothing_and_its_exponential_limit(attempt: int, share: float) -> None:
    wait = backoff(attempt, Lot(share))
    assert 0.0 <= wait <= min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1))


def test_the_backoff_doubles_up_to_its_limit_and_its_jitter_reaches_down_to_nothing() -> None:
    assert [backoff(attempt, Lot(1.0)) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert [backoff(attempt, Lot(0.5)) for attempt in range(1, 4)] == [0.25, 0.5, 1.0]
    assert backoff(6, Lot(0.0)) == 0.0
