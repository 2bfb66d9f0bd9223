"""How many calls a minute are let through."""

import math
from collections import defaultdict, deque
from collections.abc import Hashable
from typing import NamedTuple

from local.standins.shared.clock import Clock

WINDOW_SECONDS = 60.0


class Budget(NamedTuple):
    """The calls that are left; ``grows_at``, in Unix seconds, is when there will be one more."""

    remaining: int
    grows_at: int


class RateLimit:
    """Counts calls by key over the minute that ends now; a call that was refused does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def spend(self, key: Hashable, limit: int) -> int:
        """Count one call for ``key``: 0 if it may go on, else the whole seconds until one may."""
        now, calls = self._clock.now(), self._counted(key)
        if len(calls) < limit:
            calls.append(now)
            return 0
        frees_up = calls[len(calls) - limit] if limit else now
        return max(1, math.ceil(frees_up + WINDOW_SECONDS - now))

    def budget(self, key: Hashable, limit: int) -> Budget:
        """What ``key`` has left of ``limit``."""
        now, calls = self._clock.now(), self._counted(key)
        oldest = calls[0] if calls else now - WINDOW_SECONDS
        return Budget(max(0, limit - len(calls)), math.ceil(oldest + WINDOW_SECONDS))

    def _counted(self, key: Hashable) -> deque[float]:
        """When the calls of the last minute came."""
        now, calls = self._clock.now(), self._calls[key]
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        return calls
