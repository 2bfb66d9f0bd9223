"""The time limit of an invocation, and of its leases."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from aichats.http.deadline import time_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

type InvocationContext = LambdaContext
"""The context that Lambda gives a handler. The alias is evaluated only by type checkers, so it imports nothing."""

MARGIN_SECONDS = 2.0
"""The time before Lambda's own limit that is reserved to store the result and to answer."""
SKEW = timedelta(seconds=5)
"""The maximum difference between the clocks of two Lambda hosts."""


@contextmanager
def invocation(context: LambdaContext) -> Iterator[timedelta]:
    """Limit all calls inside the block to Lambda's own limit, minus a margin.

    Yields:
        The duration of a lease.
    """
    with time_limit(context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS):
        yield lease(context)


def lease(context: LambdaContext) -> timedelta:
    """Return the duration of a lease. The lease ends after Lambda would kill this invocation, never before."""
    return timedelta(milliseconds=context.get_remaining_time_in_millis()) + SKEW
