"""Looks up chats by their marks. All runs with the same credential share one walk through the list of chats.

A *walk* reads all pages of the list, one after the other. Any complete walk that began after a run's settle time shows
whether the run's chat exists. The first run that needs a walk drives it under a lease. The other runs wait without
blocking a worker. When a driver stops, it stores the cursor and the marks that it found, and the next driver continues
there. Walks are items of the table of runs::

    walk:<credential>           the current walk, the end of its driver's lease, and the last complete walk
    walk:<credential>:<stamp>   the marks that one driver found
"""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from aichats.aws.writes import ConditionFailedError
from aichats.errors import AichatsError, APIStatusError, ProtocolError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.json_types import Json
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.providers.marks import mark_of
from aichats.runs.providers.port import NotYetError
from aichats.whop.chats import PageOfTitles

STINT = timedelta(seconds=20)
"""The maximum time that an invocation drives a walk, because other runs wait for its worker."""
MIN_WAIT = timedelta(seconds=5)
"""The shortest wait for a walk that another run drives."""
MIN_PAUSE = timedelta(seconds=60)
"""The shortest pause between two walks, unless the settle time is shorter. Runs gather in it for the next walk."""
PAUSE_FACTOR = 2
"""The pause between two walks as a multiple of the duration of the first walk."""
MAX_PAUSE = timedelta(minutes=10)
"""The longest pause between two walks, two checks of a walk, or two attempts to read a page."""
STATUSES_OF_INVALID_CURSOR = (400, 404, 410, 422)
MAX_CURSOR_CHARACTERS = 4096
"""The maximum length of a cursor. A longer cursor does not fit into a URL."""
MAX_RESTARTS = 3
MARKS_OF_ITEM = 1500
"""The maximum number of marks in an item. With ids of 255 characters, the item stays below DynamoDB's 400 KB."""
WALK_LIFETIME = timedelta(days=7)
"""The retention time of an unused walk."""

type Fetch = Callable[[str | None], PageOfTitles]
"""Returns the page after a cursor, or the first page for ``None``."""
type Marks = Mapping[str, list[str]]
"""The ids of the chats with each mark."""


@frozen
class Driver:
    """A run that may drive a walk.

    Attributes:
        lease_until: the end of the run's lease. After it another run may drive the walk.
        fetch: returns a page.
        limit: the maximum duration of the call for a page.
    """

    lease_until: datetime
    fetch: Fetch
    limit: timedelta


@dataclass
class _Stint:
    """The part of a walk that one driver reads: the progress, and the marks on its pages."""

    walk: dict[str, Any]
    marks: dict[str, list[str]] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    is_complete: bool = False

    def take(self, page: PageOfTitles) -> None:
        """Add a page's marks, and note the cursor of the next page."""
        for chat_id, title in page.titles:
            if (mark := mark_of(title)) is not None:
                self.marks.setdefault(mark, []).append(chat_id or "")
        self.walk["pages"] += 1
        self.is_complete = not page.has_next_page
        if not self.is_complete:
            self._continue_after(page.end_cursor)

    def _continue_after(self, cursor: str | None) -> None:
        if not cursor or len(cursor) > MAX_CURSOR_CHARACTERS or cursor in {*self.cursors, self.walk.get("cursor")}:
            raise ProtocolError("the list has another page, but no valid cursor for it", provider="whop")
        self.cursors.add(cursor)
        self.walk["cursor"] = cursor

    def restart(self, now: datetime) -> bool:
        """Start the walk again, because its cursor is no longer valid. Return ``False`` if this happened too often."""
        restarts: int = self.walk["restarts"] + 1
        self.walk = _new_walk(now, restarts if restarts <= MAX_RESTARTS else 0)
        self.marks.clear()
        self.cursors.clear()
        return restarts <= MAX_RESTARTS


@frozen
class Walks:
    """The walks of a ledger's credentials. Safe to share between threads."""

    ledger: Ledger
    randomness: random.Random = field(default_factory=random.SystemRandom)
    _complete: dict[str, tuple[datetime, Marks]] = field(default_factory=dict)
    """The newest complete walk that this container knows for each credential: the time of its begin, and its marks."""

    def find(self, credential: str, mark: str, since: datetime, driver: Driver) -> list[str]:
        """Return the ids of all chats with a mark, from a complete walk that began at ``since`` or later.

        An id is empty if Whop shows the chat without an id.

        Args:
            credential: the name of the list's credential; never a token.
            mark: the mark.
            since: the earliest begin of a walk that can settle the run.
            driver: the run. It drives the walk if no other run does.

        Raises:
            NotYetError: no such walk is complete yet.
            AichatsError: a page can't be read.
        """
        walk = self._complete.get(credential)
        if walk is None or walk[0] < since:
            walk = self._complete[credential] = self._walked(credential, since, driver)
        return list(dict.fromkeys(walk[1].get(mark, [])))

    def _walked(self, credential: str, since: datetime, driver: Driver) -> tuple[datetime, Marks]:
        """Return a complete walk that began at ``since`` or later: the time of its begin, and its marks."""
        key = f"walk:{credential}"
        item = self.ledger.items.get(key) or {}
        while True:
            done = item.get("done")
            if done is not None and from_text(done["began_at"]) >= since:
                marks = self._marks(done["parts"])
                if marks is not None:
                    return from_text(done["began_at"]), marks
            self._wait_for_turn(item, since)
            try:
                item = self._take(key, item, driver)
            except ConditionFailedError as error:
                item = error.current_item
                continue
            item = self._drive(key, item, driver)

    # ------------------------------------------------------------------ waiting for others

    def _wait_for_turn(self, item: Json, since: datetime) -> None:
        """Raise NotYetError if another run drives the walk, or if the walk must not continue or begin yet."""
        now = self.ledger.clock()
        if _time_in(item, "lease_until", now) > now:
            self._wait(self._expected_end(item, since) - now)
        if _time_in(item, "not_before", now) > now:
            self._wait(_time_in(item, "not_before", now) - now)
        if "walk" not in item and "done" in item and (begins := self._next_begin(item["done"])) > now:
            self._wait(begins - now)

    def _expected_end(self, item: Json, since: datetime) -> datetime:
        """Return the time at which the walk that this run needs will probably be complete."""
        now, began_at = self.ledger.clock(), from_text(item["walk"]["began_at"])
        elapsed = now - began_at
        left = max(MIN_WAIT, elapsed / 2)
        if "done" in item:
            left = max(left, _duration(item["done"]) - elapsed)
        left = min(left, MAX_PAUSE)
        return now + left if began_at >= since else now + left + self._pause_after(elapsed + left)

    def _next_begin(self, done: Json) -> datetime:
        return from_text(done["ended_at"]) + self._pause_after(_duration(done))

    def _pause_after(self, duration: timedelta) -> timedelta:
        return max(min(MIN_PAUSE, self.ledger.settle), min(MAX_PAUSE, PAUSE_FACTOR * duration))

    def _wait(self, wait: timedelta) -> None:
        longest = max(MIN_WAIT, wait * 1.2).total_seconds()
        shortest = max(timedelta(0), wait).total_seconds()
        jittered = timedelta(seconds=self.randomness.uniform(shortest, longest))
        raise NotYetError("waits until the list of chats is read", jittered)

    # ------------------------------------------------------------------ driving

    def _take(self, key: str, item: Json, driver: Driver) -> dict[str, Any]:
        """Make a run the driver until its lease ends. Return the walk's item.

        Raises:
            ConditionFailedError: another run acted first.
        """
        now = self.ledger.clock()
        walk = item.get("walk") or _new_walk(now)
        return self._write(key, item, {"walk": walk, "lease_until": to_text(driver.lease_until)})

    def _drive(self, key: str, item: dict[str, Any], driver: Driver) -> dict[str, Any]:
        """Read pages until the walk is complete. Return the walk's item.

        Raises:
            NotYetError: this driver's time is over. Its marks are stored.
            AichatsError: a page can't be read. The marks of the earlier pages are stored.
        """
        stop, needed = min(self.ledger.clock() + STINT, driver.lease_until - driver.limit), driver.limit.total_seconds()
        stint = _Stint(dict(item["walk"]))
        try:
            while not stint.is_complete and self.ledger.clock() <= stop and remaining(float("inf")) >= needed:
                self._fetch(stint, driver.fetch)
        except AichatsError as error:
            self._store(key, item, stint, error)
            raise
        item = self._store(key, item, stint)
        if not stint.is_complete:
            raise NotYetError("continues to read the list of chats", timedelta(0))
        return item

    def _fetch(self, stint: _Stint, fetch: Fetch) -> None:
        """Read the next page. If the cursor is no longer valid, start the walk again."""
        cursor = stint.walk.get("cursor")
        try:
            page = fetch(cursor)
        except APIStatusError as error:
            is_rejected = cursor is not None and error.status in STATUSES_OF_INVALID_CURSOR
            if is_rejected and stint.restart(self.ledger.clock()):
                return
            raise
        stint.take(page)
        if stint.is_complete and cursor is not None:
            # The first page is read again, because a chat may have moved to the front of the list meanwhile.
            titles = fetch(None).titles
            stint.take(PageOfTitles(titles, has_next_page=page.has_next_page, end_cursor=page.end_cursor))

    def _store(self, key: str, item: Json, stint: _Stint, error: AichatsError | None = None) -> dict[str, Any]:
        """Store the progress of a driver, and release the walk.

        Raises:
            NotYetError: the lease was over, and another run continued.
        """
        now, walk = self.ledger.clock(), stint.walk
        walk["parts"] = [*walk["parts"], *self._store_marks(key, stint.marks)]
        changes: dict[str, Any] = {"walk": walk, "lease_until": None, "not_before": None, "failures": None}
        if error is not None:
            failures = 1 if walk["pages"] > item["walk"]["pages"] else item.get("failures", 0) + 1
            changes |= {"failures": failures, "not_before": to_text(now + _pause(error, failures))}
        elif stint.is_complete:
            done = {"began_at": walk["began_at"], "ended_at": to_text(now), "parts": walk["parts"]}
            changes |= {"walk": None, "done": done}
        try:
            return self._write(key, item, changes)
        except ConditionFailedError:
            raise NotYetError("another run reads the list of chats", MIN_WAIT) from None

    def _store_marks(self, key: str, marks: Marks) -> list[str]:
        """Store marks in items that only this driver writes. Return the keys of the items."""
        pairs = [(mark, chat_id) for mark, ids in marks.items() for chat_id in ids]
        keys = []
        for part in batched(pairs, MARKS_OF_ITEM, strict=False):
            keys.append(f"{key}:{uuid.uuid4().hex}")
            text = json.dumps(part, separators=(",", ":"))
            self.ledger.items.put({"run_id": keys[-1], "marks": text, "ttl": self._ttl()})
        return keys

    def _marks(self, parts: list[str]) -> Marks | None:
        """Return the marks of a walk; ``None`` if some marks have expired. Such a walk proves nothing."""
        marks: dict[str, list[str]] = {}
        for part in parts:
            item = self.ledger.items.get(part)
            if item is None:
                return None
            for mark, chat_id in json.loads(item["marks"]):
                marks.setdefault(mark, []).append(chat_id)
        return marks

    def _write(self, key: str, item: Json, changes: dict[str, Any]) -> dict[str, Any]:
        """Change a walk's item if it has not changed since it was read. Return the new item.

        Raises:
            ConditionFailedError: another run has changed the item.
        """
        changes = {**changes, "stamp": uuid.uuid4().hex, "ttl": self._ttl()}
        condition, values = ("#stamp = :was", {"was": item["stamp"]}) if item else (self.ledger.items.is_absent, {})
        self.ledger.items.update(key, changes, condition, values)
        return {name: value for name, value in {**item, **changes}.items() if value is not None}

    def _ttl(self) -> int:
        return int((self.ledger.clock() + WALK_LIFETIME).timestamp())


def _new_walk(now: datetime, restarts: int = 0) -> dict[str, Any]:
    return {"began_at": to_text(now), "pages": 0, "parts": [], "restarts": restarts}


def _time_in(item: Json, name: str, default: datetime) -> datetime:
    return from_text(item[name]) if name in item else default


def _duration(done: Json) -> timedelta:
    return from_text(done["ended_at"]) - from_text(done["began_at"])


def _pause(error: AichatsError, failures: int) -> timedelta:
    retry_after = error.retry_after if isinstance(error, APIStatusError) else None
    longer = MIN_WAIT * 2 ** min(failures, 10)
    return min(MAX_PAUSE, longer) if retry_after is None else timedelta(seconds=retry_after)
