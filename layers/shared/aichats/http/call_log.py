"""Records the calls to providers that are made inside a block, for the log of a run's attempts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CALLS: ContextVar[list["CallRecord"] | None] = ContextVar("calls", default=None)


class CallRecord:
    """One attempt of a call.

    Attributes:
        began: the value of ``time.monotonic()`` when the attempt began.
        seconds: the duration of the attempt.
        call: the method and the path.
        status: the status of the response; ``None`` if there was no response.
        request_id: the provider's id of the request.
    """

    def __init__(self, began: float, seconds: float, call: str, status: int | None, request_id: str | None) -> None:
        self.began, self.seconds, self.call, self.status, self.request_id = began, seconds, call, status, request_id


@contextmanager
def recorded_calls() -> Iterator[None]:
    """Record the calls inside the block. :func:`take_calls` returns them."""
    token = _CALLS.set([])
    try:
        yield
    finally:
        _CALLS.reset(token)


def take_calls() -> list[CallRecord]:
    """Return the calls that were recorded since the last time, in the order of their ends."""
    calls = _CALLS.get() or []
    taken = calls.copy()
    calls.clear()
    return taken


def is_recorded() -> bool:
    """Return whether the calls of this context are recorded."""
    return _CALLS.get() is not None


def record_call(began: float, call: str, status: int | None, request_id: str | None) -> None:
    """Record an attempt that ends now, if calls are recorded."""
    calls = _CALLS.get()
    if calls is not None:
        calls.append(CallRecord(began, time.monotonic() - began, call, status, request_id))
