"""The clock of a mock server."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Literal


class Clock:
    """The machine's own clock, moved ahead by ``ahead`` seconds. Tests replace it."""

    ahead: float = 0.0

    def now(self) -> float:
        """Return the seconds since 1970, UTC."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Move the clock ahead."""
        self.ahead += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``. A move of the clock doesn't shorten the wait."""
        await asyncio.sleep(seconds)


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 of a text that :func:`iso` wrote."""
    return datetime.fromisoformat(text).timestamp()


def iso(seconds: float, precision: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    """Return seconds since 1970 as ISO 8601, cut off at the precision, such as ``2023-12-01T05:00:00.401Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
