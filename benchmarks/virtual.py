"""Threads in virtual time. One thread runs at a time, and time passes only while all wait."""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from benchmarks.errors import BenchmarkError

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)


class VirtualTime:
    """A clock and a scheduler of threads."""

    def __init__(self) -> None:
        self._now = BEGIN
        self._numbers = itertools.count()
        self._waiting: list[tuple[datetime, int, threading.Event]] = []
        self._turn_over = threading.Event()
        self._is_crashed = False

    def __call__(self) -> datetime:
        """Return the current time, in whole milliseconds."""
        return self._now

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return (self._now - BEGIN).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Wait in a thread of :meth:`spawn`."""
        turn = self._wait(seconds)
        self._turn_over.set()
        turn.wait()

    def spawn(self, act: Callable[[], object]) -> None:
        """Start a thread."""
        turn = self._wait(0)

        def run() -> None:
            turn.wait()
            has_ended = False
            try:
                act()
                has_ended = True
            finally:
                self._is_crashed = not has_ended
                self._turn_over.set()

        threading.Thread(target=run, daemon=True).start()

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Run the threads in turns until ``is_over`` returns true.

        Raises:
            BenchmarkError: a thread crashed; its error is on stderr.
        """
        while not is_over():
            time, _, turn = heapq.heappop(self._waiting)
            self._now = max(self._now, time)
            self._turn_over.clear()
            turn.set()
            self._turn_over.wait()
            if self._is_crashed:
                raise BenchmarkError("a thread crashed")

    def _wait(self, seconds: float) -> threading.Event:
        turn = threading.Event()
        time = self._now + timedelta(milliseconds=round(seconds * 1000))
        heapq.heappush(self._waiting, (time, next(self._numbers), turn))
        return turn
