"""The times that you type for the token of an API client: its end, and the end of the token that it replaces."""

import re
from datetime import UTC, date, datetime, time, timedelta

from aichats_cli.errors import UsageError

DEFAULT_GRACE = timedelta(hours=24)
MAX_GRACE = timedelta(days=30)
MAX_LIFETIME = timedelta(days=3650)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_EXPIRES = (
    f"--expires must be a time to live such as 90d, a date such as {{date}}, or never; at most {MAX_LIFETIME.days}d"
)
_GRACE = f"--grace must be 0 or a duration such as 30m, 2h or 7d, at most {MAX_GRACE.days}d"


def read_grace(text: str | None) -> timedelta:
    """Return how long a replaced token stays valid; 24 hours if there is no text.

    Raises:
        UsageError: the text is not a duration of at most 30 days.
    """
    if text is None:
        return DEFAULT_GRACE
    grace = timedelta(0) if text == "0" else _duration(text)
    if grace is None or grace > MAX_GRACE:
        raise UsageError(f"{_GRACE}, not {text!r}")
    return grace


def read_expiry(text: str | None, now: datetime) -> datetime | None:
    """Return the time from which a token is no longer valid, in UTC; ``None`` if it never expires.

    A date means the beginning of this day.

    Raises:
        UsageError: the text is neither a duration nor a date, or the time is not within the next ten years.
    """
    if text is None or text == "never":
        return None
    duration = _duration(text)
    expiry = now.replace(microsecond=0) + duration if duration is not None else _midnight(text)
    if expiry is None or expiry > now + MAX_LIFETIME:
        raise UsageError(f"{_EXPIRES.format(date=(now + timedelta(days=90)).date())}, not {text!r}")
    if expiry <= now:
        raise UsageError(f"--expires {text} is in the past (now: {time_text(now)})")
    return expiry


def time_text(moment: datetime) -> str:
    """Return a time in UTC with whole seconds, such as ``2027-01-31T00:00:00Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _duration(text: str) -> timedelta | None:
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def _midnight(text: str) -> datetime | None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None
