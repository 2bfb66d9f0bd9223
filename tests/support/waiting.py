"""Waits for other threads and processes: no longer than needed, and not for ever."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 180.0
"""Seconds. A busy machine may take many times as long as an idle one."""


def until[T](found: Callable[[], T], limit: float = PATIENCE) -> T:
    """Call ``found`` until it returns something true, and return that. The test fails after ``limit`` seconds.

    The pauses grow with the wait, to a second at most: each call takes processor time from what the test waits for.
    """
    begun = time.monotonic()
    while not (result := found()):
        waited = time.monotonic() - begun
        assert waited < limit, "it did not happen in time"
        # A pause of a tenth of the time so far makes no wait more than a tenth longer.
        time.sleep(max(0.01, min(waited / 10, 1)))
    return result


def turns(limit: int = 100) -> Iterator[int]:
    """Yield the number of each turn of a loop. The test fails at the turn after ``limit`` turns."""
    yield from range(limit)
    raise AssertionError(f"the loop did not end within {limit} turns")


@contextmanager
def within_cpu_seconds(limit: float) -> Iterator[None]:
    """Fail if the block takes more processor time than ``limit``. Time that it waits doesn't count."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < limit
