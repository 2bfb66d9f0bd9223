"""The time that an invocation has."""

from datetime import timedelta

import pytest

from aichats.http.deadline import remaining
from aichats.invocation import invocation, lease
from tests.support.lambda_calls import make_context


@pytest.mark.parametrize("seconds", [0.0, 3.0, 60.0, 900.0])
def test_a_lease_outlives_the_invocation_and_the_skew_of_clocks(seconds: float) -> None:
    assert lease(make_context(seconds)) == timedelta(seconds=seconds + 5)


def test_calls_end_before_the_invocation_does() -> None:
    with invocation(make_context(60.0)) as until:
        assert 57.0 < remaining(default=1000.0) <= 58.0
        assert until == timedelta(seconds=65)
    assert remaining(default=1000.0) == 1000.0


def test_an_invocation_without_time_has_none() -> None:
    with invocation(make_context(1.0)):
        assert remaining(default=1000.0) == 0.0
