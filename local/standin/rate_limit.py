"""How many calls a minute are let through."""

import math
from collections import defaultdict, deque
from collections.abc import Hashable

from local.standin.clock import Clock

WINDOW_SECONDS = 60.0


class RateLimit:
    """Counts calls by key over the minute that ends now; a call that was refused does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: defaultdict[Hashable, deque[float]] = defaultdict(deque)

    def spend(self, key: Hashable, limit: int) -> int:
        """Count one call for ``key``: 0 if it may go on, else the whole seconds until one may."""
        now, calls = self._clock.now(), self._calls[key]
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now)
            return 0
        frees_up = calls[len(calls) - limit] if limit else now
        return max(1, math.ceil(frees_up + WINDOW_SECONDS - now))
