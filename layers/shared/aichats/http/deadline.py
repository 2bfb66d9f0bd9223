"""The deadline for everything that a Lambda invocation does.

The deadline is in a context variable, so that functions don't have to pass it on. A new thread starts without it: run
its work in ``contextvars.copy_context()``.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit everything inside the block to ``seconds`` from now, or to the limit around it if that ends first."""
    ends_at = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(ends_at if outer is None else min(ends_at, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining(default: float) -> float:
    """Return the seconds until the deadline, at least 0.0; ``default`` if there is no deadline."""
    ends_at = _deadline.get()
    return default if ends_at is None else max(0.0, ends_at - time.monotonic())
