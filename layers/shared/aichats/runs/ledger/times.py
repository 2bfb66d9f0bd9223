"""Moments as the ledger keeps them: UTC, milliseconds, so that text compares as time does."""

from datetime import UTC, datetime


def to_text(moment: datetime) -> str:
    """``2026-11-20T09:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The moment that a text means."""
    return datetime.fromisoformat(text)


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)
