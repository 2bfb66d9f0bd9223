"""The time that an invocation has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from aws_lambda_powertools.utilities.typing import LambdaContext

from aichats.http.deadline import time_limit

MARGIN_SECONDS = 2.0
"""Kept back from Lambda's own limit, to write down what happened and to answer."""
SKEW = timedelta(seconds=5)
"""By how much the clocks of two Lambda hosts may differ."""


@contextmanager
def invocation(context: LambdaContext) -> Iterator[timedelta]:
    """Bound all calls inside to Lambda's limit less a margin.

    Yields:
        How long a lease must be.
    """
    with time_limit(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS):
        yield lease(context)


def lease(context: LambdaContext) -> timedelta:
    """How long a lease must be, so that it ends after Lambda would kill this invocation, never before."""
    return timedelta(milliseconds=context.get_remaining_time_in_millis()) + SKEW
