"""Events of aichats as people read them, and the names of their types."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aichats_cli.models import EventPattern
    from aichats_cli.session import Session

SUBJECTS = ("automation", "connection", "scope", "subscription", "target")
"""The fields of an event's data that say what it is about, the most important first."""
STYLES = {
    "succeeded": "green",
    "replied": "green",
    "restored": "green",
    "failed": "red",
    "unknown": "red",
    "missed": "red",
    "broken": "red",
    "unreadable": "red",
    "reply_overdue": "yellow",
    "skipped": "yellow",
    "cancelled": "yellow",
    "paused": "yellow",
    "reached": "yellow",
}
"""The style of a type, by its last part."""


def known_patterns() -> tuple[EventPattern, ...]:
    """Return all types of events, and the groups such as ``run.*``."""
    from typing import get_args

    from aichats_cli import models

    return get_args(models.EventPattern.__value__)


def event_patterns(_: typer.Context, incomplete: str) -> list[str]:
    """Return the lists of types that begin with ``incomplete``, the last of which is completed."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{pattern}" for pattern in known_patterns() if pattern.startswith(last)]


def checked_types(texts: Sequence[str]) -> list[EventPattern]:
    """Return the types in lists that have commas.

    Raises:
        UsageError: a type is unknown.
    """
    names = [name.strip() for text in texts for name in text.split(",") if name.strip()]
    known = {str(pattern): pattern for pattern in known_patterns()}
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"use some of {', '.join(known)}"
            raise UsageError(f"aichats sends no event {name}", hint)
    return [known[name] for name in dict.fromkeys(names)]


def style_of(type_: str) -> str | None:
    """Return the style in which to print a type of events."""
    return STYLES.get(type_.rpartition(".")[2])


def subject_of(event: Mapping[str, Any]) -> str:
    """Return what an event is about, such as an automation and a company."""
    data = event["data"]
    return " ".join(str(data[name]) for name in SUBJECTS if data.get(name))


def details_of(session: Session, event: Mapping[str, Any]) -> str:
    """Return what an event says besides its type and its subject: at most one line."""
    data: Mapping[str, Any] = event["data"]
    kind = event["type"].partition(".")[0]
    if kind == "run":
        text = (data.get("error") or {}).get("message") or data.get("reply_overdue_reason") or reply_words(event)
    elif kind == "slot":
        text = ", ".join(f"{number} {status}" for status, number in data["counts"].items() if number)
    elif kind == "budget":
        text = f"{data['percent']}% of {data['limit']} {data['kind']} a {data['per']}"
    elif kind == "automation":
        times = [f"{word} {session.when(data[word])}" for word in ("from", "until") if data.get(word)]
        text = ", ".join(filter(None, [*times, data.get("reason"), data.get("by") and f"by {data['by']}"]))
    else:
        text = data.get("reason")
    return " ".join(str(text or "").split())


def reply_words(event: Mapping[str, Any]) -> str | None:
    """Return how long a reply took."""
    seconds = event["data"].get("reply_seconds")
    return f"after {seconds:g} s" if event["type"] == "run.replied" and seconds is not None else None


def time_of(session: Session, event: Mapping[str, Any]) -> str:
    """Return the time of an event to the second, with its day unless that is today."""
    now = session.now()
    local = datetime.fromisoformat(event["timestamp"]).astimezone(now.tzinfo)
    day = "" if local.date() == now.date() else f"{local:%a} {local.day} {local:%b} "
    return f"{day}{local:%H:%M:%S}"
