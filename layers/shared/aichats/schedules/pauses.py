"""Pauses: windows of time whose slots are neither run nor missed. They are immutable values."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.frozen import frozen

MAX_WINDOWS = 20
"""The maximum number of windows that have not ended."""
MAX_ENDED = 30
"""The maximum number of windows that have ended. The newest are kept."""
KEEP_WINDOWS = timedelta(days=31)
"""The time for which a window that has ended is kept, so that its slots never count as missed."""
BY_BUDGET = "budget"
"""The name that pauses by a budget have in place of an API client's, and their reason."""
INSTANT = timedelta(microseconds=1)
"""The smallest difference of two times."""


@frozen
class PauseWindow:
    """A window of time in which nothing runs.

    Attributes:
        begins: the first time in the window.
        until: the first time after the window, which runs again; ``None``: the window has no end.
        by: the API client that paused.
        at: the time at which it paused.
        reason: the reason, for people.
        resumed_by: the API client that ended the window; ``None`` if the window ended as planned or has not ended.
    """

    begins: datetime
    until: datetime | None
    by: str
    at: datetime
    reason: str | None = None
    resumed_by: str | None = None

    @property
    def end(self) -> datetime:
        """The time ``until``; a time after all slots if the window has no end."""
        return self.until or datetime.max.replace(tzinfo=UTC)

    def has(self, time: datetime) -> bool:
        """Return whether a time is in the window."""
        return self.begins <= time < self.end

    def in_words(self) -> str:
        """Return who paused, until when and why, such as ``paused by ops until 2026-12-27T00:00:00Z: holidays``."""
        until = f" until {_to_text(self.until)}" if self.until else ""
        if self.by == self.reason == BY_BUDGET:
            return f"paused{until}, because its budget is used up"
        # Another sentence may follow, so the reason has no period.
        reason = (self.reason or "").rstrip(". ")
        return f"paused by {self.by}{until}{': ' if reason else ''}{reason}"


@frozen
class Pauses:
    """The pauses of an automation or of the stack, sorted by their beginning. They may overlap."""

    windows: tuple[PauseWindow, ...] = ()

    def at(self, time: datetime) -> PauseWindow | None:
        """Return the window that a time is in; ``None`` if it is in none. Of several windows, the last to end."""
        return max((window for window in self.windows if window.has(time)), key=_end_of, default=None)

    def after(self, time: datetime) -> tuple[PauseWindow, ...]:
        """Return the windows that end after a time."""
        return tuple(window for window in self.windows if window.end > time)

    def add(self, window: PauseWindow, now: datetime) -> "Pauses":
        """Return the pauses with another window.

        Raises:
            ValueError: there are too many windows that have not ended.
        """
        if len(self.after(now)) >= MAX_WINDOWS:
            raise ValueError(f"there are {MAX_WINDOWS} pauses already. Resume one of them first")
        return self.with_window(window, now)

    def with_window(self, window: PauseWindow, now: datetime) -> "Pauses":
        """Return the pauses with another window, however many there are."""
        return _pauses([*self.windows, window], now)

    def ended_by(self, by: str, now: datetime) -> "Pauses":
        """Return the pauses after all windows by ``by`` ended as planned, at the latest now."""
        windows = (replace(each, until=now) if each.by == by and each.end > now else each for each in self.windows)
        return _pauses(windows, now)

    def resumed(self, now: datetime, by: str) -> "Pauses":
        """Return the pauses after an API client resumed: each window that ``now`` is in ends at ``now``."""
        if self.at(now) is None:
            return self
        return _pauses([_ended(window, now, by) if window.has(now) else window for window in self.windows], now)

    def without(self, begins: datetime, now: datetime, by: str) -> "Pauses":
        """Return the pauses after an API client removed the windows that begin at a time.

        Windows that have begun end at ``now``, so slots that they have skipped stay skipped.

        Raises:
            LookupError: no window that has not ended begins then.
        """
        chosen = [window for window in self.after(now) if window.begins == begins]
        if not chosen:
            others = ", ".join(_to_text(window.begins) for window in self.after(now))
            remedy = f"the pauses begin at {others}" if others else "there is no pause"
            raise LookupError(f"no pause begins at {_to_text(begins)}; {remedy}")
        rest = [window for window in self.windows if window not in chosen]
        # A window that hasn't begun is empty now.
        return _pauses([*rest, *(_ended(window, now, by) for window in chosen)], now)

    def skip(self, slots: Callable[[datetime], Iterable[datetime]], after: datetime) -> Iterator[datetime]:
        """Yield the slots later than a time that are in no window.

        Args:
            slots: returns the slots later than a time, ascending.
            after: the time after which the slots begin.
        """
        start = after
        while True:
            window = None
            for slot in slots(start):
                window = self.at(slot)
                if window is not None:
                    break
                yield slot
            if window is None or window.until is None:
                return
            # A long window can have millions of slots, so they are not gone through.
            start = window.until - INSTANT

    def to_text(self) -> str:
        """Return the pauses as JSON. Equal pauses have the same text."""
        return json.dumps([_fields(window) for window in self.windows], ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str | None) -> "Pauses":
        """Return pauses from JSON. ``None`` has no pauses. Unknown fields are ignored.

        Raises:
            ValueError: the text is malformed.
        """
        try:
            return cls(tuple(_window(fields) for fields in json.loads(text or "[]")))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"malformed pauses: {type(error).__name__}") from error


def _pauses(windows: Iterable[PauseWindow], now: datetime) -> Pauses:
    """Return pauses without empty windows and without old ones."""
    full = [window for window in windows if window.begins < window.end]
    open_windows = [window for window in full if window.end > now]
    ended = sorted((window for window in full if now - KEEP_WINDOWS < window.end <= now), key=_end_of)
    return Pauses(tuple(sorted([*ended[-MAX_ENDED:], *open_windows], key=lambda window: (window.begins, window.end))))


def _ended(window: PauseWindow, now: datetime, by: str) -> PauseWindow:
    return replace(window, until=now, resumed_by=by)


def _end_of(window: PauseWindow) -> datetime:
    return window.end


def _fields(window: PauseWindow) -> dict[str, Any]:
    return {
        "from": _to_text(window.begins),
        "until": _to_text(window.until) if window.until else None,
        "by": window.by,
        "at": _to_text(window.at),
        "reason": window.reason,
        "resumed_by": window.resumed_by,
    }


def _window(fields: Mapping[str, Any]) -> PauseWindow:
    return PauseWindow(
        begins=_from_text(fields["from"]),
        until=_from_text(fields["until"]) if fields["until"] else None,
        by=str(fields["by"]),
        at=_from_text(fields["at"]),
        reason=fields.get("reason"),
        resumed_by=fields.get("resumed_by"),
    )


def _to_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _from_text(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time has no time zone")
    return time
