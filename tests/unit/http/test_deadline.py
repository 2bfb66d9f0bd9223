"""Nested time limits, and the threads that have them."""

import contextvars
from concurrent.futures import ThreadPoolExecutor

import pytest

from aichats.http.deadline import remaining, time_limit
from tests.support.fakes import FakeClock


def test_without_a_limit_the_default_remains() -> None:
    assert remaining(default=7.0) == 7.0


def test_what_remains_shrinks_with_the_time_and_never_below_nothing(clock: FakeClock) -> None:
    with time_limit(10.0):
        clock.sleep(4.0)
        assert remaining(default=99.0) == 6.0
        clock.sleep(60.0)
        assert remaining(default=99.0) == 0.0


def test_the_limit_that_ends_first_applies(clock: FakeClock) -> None:
    with time_limit(10.0):
        with time_limit(60.0):
            assert remaining(default=99.0) == 10.0
        with time_limit(3.0):
            assert remaining(default=99.0) == 3.0
        clock.sleep(1.0)
        assert remaining(default=99.0) == 9.0
    assert remaining(default=99.0) == 99.0


def test_a_limit_ends_with_an_error_too(clock: FakeClock) -> None:
    with pytest.raises(ZeroDivisionError), time_limit(1.0):
        clock.sleep(1 / 0)
    assert remaining(default=99.0) == 99.0


def test_a_thread_has_the_limit_only_in_a_copy_of_the_context(clock: FakeClock) -> None:
    with ThreadPoolExecutor(1) as pool, time_limit(clock.now):
        assert pool.submit(remaining, 99.0).result() == 99.0
        assert pool.submit(contextvars.copy_context().run, remaining, 99.0).result() == clock.now
