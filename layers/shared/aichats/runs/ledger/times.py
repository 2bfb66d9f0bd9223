"""Times as the ledger stores them: in UTC with milliseconds, so that texts sort like times."""

from datetime import UTC, datetime


def to_text(time: datetime) -> str:
    """Return a time as a text, such as ``2026-11-20T09:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Return a text as a time."""
    return datetime.fromisoformat(text)


def utc_now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)
