"""Rate limits in calls a minute."""

import math
from collections import defaultdict, deque
from collections.abc import Hashable
from typing import NamedTuple

from local.standins.shared.clock import Clock

WINDOW_SECONDS = 60.0


class Budget(NamedTuple):
    """The remaining calls, and the time in Unix seconds when their number grows."""

    remaining: int
    grows_at: int


class RateLimit:
    """A counter of the calls of the last minute, by key. Rejected calls don't count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def spend(self, key: Hashable, limit: int) -> int:
        """Count one call for ``key`` and return 0, or return the whole seconds until the next call is allowed."""
        now, calls = self._clock.now(), self._counted(key)
        if len(calls) < limit:
            calls.append(now)
            return 0
        frees_up = calls[len(calls) - limit] if limit else now
        return max(1, math.ceil(frees_up + WINDOW_SECONDS - now))

    def budget(self, key: Hashable, limit: int) -> Budget:
        """Return the remaining budget of ``key``."""
        now, calls = self._clock.now(), self._counted(key)
        oldest = calls[0] if calls else now - WINDOW_SECONDS
        return Budget(max(0, limit - len(calls)), math.ceil(oldest + WINDOW_SECONDS))

    def _counted(self, key: Hashable) -> deque[float]:
        """Return the times of the calls of the last minute."""
        now, calls = self._clock.now(), self._calls[key]
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        return calls
