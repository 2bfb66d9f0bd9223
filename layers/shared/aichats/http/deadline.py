"""The deadline of a Lambda invocation.

The deadline is a context variable, so functions don't have to pass it on. A new thread has no deadline unless you run
its work in ``contextvars.copy_context()``.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_limit(seconds: float, *, at_least: float = 0.0) -> Iterator[None]:
    """Limit everything inside the block to ``seconds`` from now.

    An outer limit that ends earlier still applies, but the block gets ``at_least`` seconds.
    """
    now = time.monotonic()
    outer = _deadline.get()
    token = _deadline.set(now + seconds if outer is None else min(now + seconds, max(outer, now + at_least)))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining(default: float) -> float:
    """Return the seconds until the deadline, at least 0.0; ``default`` if there is no deadline."""
    ends_at = _deadline.get()
    return default if ends_at is None else max(0.0, ends_at - time.monotonic())
