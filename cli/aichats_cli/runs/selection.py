"""The runs that options select, as filters of the HTTP API.

A run is in a window of time if it was created in it, if it ended in it, or if its slot is in it. The API has no filter
that means all three. A window without an end needs only one filter, because a run is created at or after its slot. A
window with an end needs a second one, for runs that were created later than their slot: those that were missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aichats_cli.errors import UsageError
from aichats_cli.runs.options import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aichats_cli.models import RunView
    from aichats_cli.session import Session

MAX_WINDOW = timedelta(days=31) - timedelta(hours=1)
"""The longest window of one filter. The API takes 31 days until its own time, which is later than ours."""
DEFAULT_SINCE = "7d"


@dataclass(frozen=True)
class Selection:
    """Runs that meet conditions, in a window of time.

    Attributes:
        conditions: the conditions of the API without statuses and times.
        statuses: the wanted statuses; none: all.
        until: the end of the window; ``None``: now.
        now: the time of this machine.
    """

    conditions: dict[str, str]
    statuses: tuple[str, ...]
    since: datetime
    until: datetime | None
    now: datetime

    @property
    def filters(self) -> list[dict[str, str]]:
        """The filters of the API without statuses, those for newer runs first."""
        end = self.until or self.now
        windows: list[dict[str, str]] = []
        if self.until is not None and self.conditions.get("trigger", "schedule") == "schedule":
            late = {"slot_since": self.since, "slot_until": self.until, "since": self.until}
            windows.append(_texts(late | {"until": min(self.now, self.until + MAX_WINDOW)}))
        while end > self.since:
            start = max(self.since, end - MAX_WINDOW)
            is_open = self.until is None and not windows
            windows.append(_texts({"since": start} if is_open else {"since": start, "until": end}))
            end = start
        return [self.conditions | window for window in windows]

    def in_words(self, session: Session) -> str:
        """Return the window for people, such as `since Mon 23 Nov 08:30`."""
        until = f" until {session.when(self.until.isoformat())}" if self.until else ""
        return f"since {session.when(self.since.isoformat())}{until}"


def _texts(times: dict[str, datetime]) -> dict[str, str]:
    return {name: time.isoformat() for name, time in times.items()}


def select(
    session: Session,
    statuses: Iterable[str],
    conditions: dict[str, str | None],
    *,
    since: str | None,
    until: str | None,
    label: str | None = None,
    default_since: str = DEFAULT_SINCE,
) -> Selection:
    """Return what options select.

    Args:
        session: reads the times.
        statuses: statuses, each perhaps several with commas between.
        conditions: the conditions of the API that need no reading; ``None``: not typed.
        since: the start as it was typed.
        until: the end as it was typed.
        label: a label as ``key=value`` or ``key:value``.
        default_since: the start if none was typed.

    Raises:
        UsageError: a time or a status can't be read, or the window is empty.
    """
    now = session.system.now()
    begin = datetime.fromisoformat(session.past(since or default_since))
    end = datetime.fromisoformat(session.past(until)) if until else None
    if begin >= min(end or now, now):
        raise UsageError(f"--since {since or default_since} must be before --until {until or 'now'}, and in the past")
    labels = {"label": label if ":" in label else label.replace("=", ":", 1)} if label is not None else {}
    given = {name: value for name, value in (conditions | labels).items() if value is not None}
    return Selection(given, tuple(known_statuses(statuses)), begin, end if end and end < now else None, now)


def known_statuses(typed: Iterable[str]) -> list[str]:
    """Return statuses one by one, without duplicates.

    Raises:
        UsageError: a text is no status.
    """
    found = list(dict.fromkeys(status.strip() for text in typed for status in text.split(",")))
    if unknown := [status for status in found if status not in STATUSES]:
        raise UsageError(f"{unknown[0]!r} is not a status. A run is one of these: {', '.join(STATUSES)}")
    return found


def find_runs(session: Session, selection: Selection, limit: int | None) -> tuple[list[RunView], bool]:
    """Return the newest runs of a selection, newest first, and whether there are more than ``limit``."""
    found: dict[str, RunView] = {}
    for query in _queries(selection):
        for run in session.api.pages("/runs", limit=None if limit is None else limit + 1, **query):
            found.setdefault(run["run_id"], run)
        if limit is not None and len(found) > limit:
            break
    runs = sorted(found.values(), key=lambda run: datetime.fromisoformat(run["created_at"]), reverse=True)
    return runs[:limit], limit is not None and len(runs) > limit


def _queries(selection: Selection) -> Iterator[dict[str, Any]]:
    status = ",".join(selection.statuses) or None
    for each in selection.filters:
        yield each | {"status": status}


def with_flags(status: Sequence[str] | None, *, failed: bool, missed: bool) -> list[str]:
    """Return the statuses of ``--status``, ``--failed`` and ``--missed`` together."""
    return [*(status or ()), *(["failed"] if failed else []), *(["missed"] if missed else [])]
