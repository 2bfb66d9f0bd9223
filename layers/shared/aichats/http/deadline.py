"""Until when work may go on: one deadline for everything that a Lambda invocation does.

The deadline travels in a context variable, so that it need not be handed through every call. A new thread starts
without it: run its work in ``contextvars.copy_context()``.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Bound everything inside to ``seconds`` from now, or to the limit around it, whichever ends first."""
    ends_at = time.monotonic() + seconds
    around = _deadline.get()
    token = _deadline.set(ends_at if around is None else min(ends_at, around))
    try:
        yield
    finally:
        _deadline.reset(token)


def remaining(default: float) -> float:
    """Seconds until the deadline, 0.0 at the least; ``default`` where there is none."""
    ends_at = _deadline.get()
    return default if ends_at is None else max(0.0, ends_at - time.monotonic())
