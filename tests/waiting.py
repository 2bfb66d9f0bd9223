"""Waiting for what other threads and processes do: no longer than needed, and not for ever."""

import time
from collections.abc import Callable


def until[T](found: Callable[[], T], limit: float = 30) -> T:
    """What ``found`` returns once that counts as true. The test fails after ``limit`` seconds."""
    deadline = time.monotonic() + limit
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)
    return result
