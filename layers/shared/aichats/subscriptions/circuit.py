"""When a delivery is attempted again, and when a receiver that fails is called again."""

from datetime import datetime, timedelta

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The time before each retry of a delivery."""
GIVE_UP_AFTER = timedelta(hours=76)
"""The time after which a delivery fails, about the sum of the retries."""
PAUSES = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=10),
)
"""The time for which a receiver is not called after each failure in a row. The last one is for all further failures."""
MAX_ASKED = timedelta(hours=1)
"""The longest pause that a receiver can ask for with ``Retry-After``."""
LONG_OUTAGE = timedelta(minutes=5)
"""After a longer outage, all deliveries that wait are attempted at once, even if their next retry is later."""
ATTEMPT_SECONDS = 5.0
"""The time limit of an attempt."""
SLOW_ATTEMPT_SECONDS = 15.0
"""The time limit of an attempt for a receiver that fails or is slow."""
SLOW_SECONDS = 1.0
"""A receiver that takes longer is slow. 20 attempts are made at the same time, so a receiver that takes as long delays
the others by a minute when 1,000 runs end."""


def retry_at(attempts: int, since: datetime, now: datetime, asked: float | None) -> datetime | None:
    """Return the time of the next attempt of a delivery; ``None`` if it has failed for the last time.

    Args:
        attempts: the number of attempts that failed.
        since: the time from which the delivery is tried.
        now: the time of the last failure.
        asked: the seconds that the receiver asked to wait.
    """
    if attempts > len(RETRIES) or now >= since + GIVE_UP_AFTER:
        return None
    return min(now + max(RETRIES[attempts - 1], _asked(asked)), since + GIVE_UP_AFTER)


def open_until(failures: int, now: datetime, asked: float | None) -> datetime:
    """Return the time until which a receiver is not called.

    Args:
        failures: the number of failures in a row.
        now: the time of the last failure.
        asked: the seconds that the receiver asked to wait.
    """
    return now + max(PAUSES[min(failures, len(PAUSES)) - 1], _asked(asked))


def _asked(seconds: float | None) -> timedelta:
    return min(timedelta(seconds=seconds or 0), MAX_ASKED)
