"""Looks chats up by their marks: one walk through a credential's list serves every run that waits for it.

Which chats there are is known after a *walk*: all pages of the list, one after the other. A run is settled by any
complete walk that began when its settle time was over. The first run that needs a walk drives it under a lease; the
others wait without holding a worker. A driver that stops stores the cursor and the marks it met, and whoever comes
next drives on from there. Walks are items of the runs' table::

    walk:<credential>           the walk that is under way, who drives it until when, and the last complete walk
    walk:<credential>:<stamp>   marks that one driver met
"""

import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from aichats.aws.table import ConditionFailedError, Json
from aichats.errors import AichatsError, APIStatusError, ProtocolError
from aichats.http.deadline import remaining
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.providers.marks import mark_of
from aichats.runs.providers.port import NotYetError
from aichats.whop.models import TitledPage

STINT = timedelta(seconds=20)
"""How long one invocation drives a walk: other runs wait for its worker."""
SHORTEST = timedelta(seconds=5)
"""Between two looks at a walk that somebody drives."""
APART = timedelta(seconds=60)
"""From a walk's end to the next one's beginning, or the settle time if that is shorter: so runs can gather for it."""
APART_FOR_LONG = 2
"""The same as a multiple of the walk's duration."""
MAX_PAUSE = timedelta(minutes=10)
"""Between two walks, two looks at one, or two attempts to get a page."""
REFUSES_CURSOR = (400, 404, 410, 422)
MAX_CURSOR_CHARACTERS = 4096
"""A longer one fits into no URL."""
MAX_RESTARTS = 3
MARKS_OF_ITEM = 1500
"""At 255 characters of an id this is under DynamoDB's 400 KB."""
KEEP = timedelta(days=7)

type Fetch = Callable[[str | None], TitledPage]
"""Gets the page after a cursor; ``None``: the first."""
type Marks = Mapping[str, list[str]]
"""Ids of chats by mark."""


@dataclass(frozen=True)
class Driver:
    """A run that may drive a walk.

    Attributes:
        lease_until: when its lease ends: then others may drive on.
        fetch: gets a page.
        limit: the longest that a page may take.
    """

    lease_until: datetime
    fetch: Fetch
    limit: timedelta


@dataclass
class _Stint:
    """What one driver does of a walk: which pages it got and what it met."""

    walk: dict[str, Any]
    met: dict[str, list[str]] = field(default_factory=dict)
    cursors: set[str] = field(default_factory=set)
    is_complete: bool = False

    def take(self, page: TitledPage) -> None:
        """Note a page's marks, and where the list goes on."""
        for chat in page.chats:
            if (mark := mark_of(chat.title)) is not None:
                self.met.setdefault(mark, []).append(chat.id or "")
        self.walk["pages"] += 1
        self.is_complete = not page.page_info.has_next_page
        if not self.is_complete:
            self._go_on_after(page.page_info.end_cursor)

    def _go_on_after(self, cursor: str | None) -> None:
        if not cursor or len(cursor) > MAX_CURSOR_CHARACTERS or cursor in {*self.cursors, self.walk.get("cursor")}:
            raise ProtocolError("the list says that there is more, and not where", provider="whop")
        self.cursors.add(cursor)
        self.walk["cursor"] = cursor

    def begin_again(self, now: datetime) -> bool:
        """Forget what was met, because the cursor is not valid any more. Return ``False`` if this happens too often."""
        restarts: int = self.walk["restarts"] + 1
        self.walk = _new_walk(now, restarts if restarts <= MAX_RESTARTS else 0)
        self.met.clear()
        self.cursors.clear()
        return restarts <= MAX_RESTARTS


@dataclass(frozen=True)
class Walks:
    """The walks of a ledger's credentials. Safe to share between threads."""

    ledger: Ledger
    randomness: random.Random = field(default_factory=random.SystemRandom)
    _complete: dict[str, tuple[datetime, Marks]] = field(default_factory=dict)
    """By credential: when the newest complete walk that is known here began, and its marks."""

    def find(self, credential: str, mark: str, since: datetime, driver: Driver) -> list[str]:
        """Return the ids of all chats that carry a mark, as a complete walk saw them that began at ``since`` or later.

        An id is empty if Whop shows the chat and no id.

        Args:
            credential: names whose list it is; never a token.
            mark: the mark.
            since: when the run may be settled.
            driver: the run, which drives the walk if no other does.

        Raises:
            NotYetError: no such walk is complete.
            AichatsError: a page could not be had.
        """
        known = self._complete.get(credential)
        if known is None or known[0] < since:
            known = self._complete[credential] = self._walked(credential, since, driver)
        return list(dict.fromkeys(known[1].get(mark, [])))

    def _walked(self, credential: str, since: datetime, driver: Driver) -> tuple[datetime, Marks]:
        """Return when a complete walk that began at ``since`` or later began, and its marks."""
        key = f"walk:{credential}"
        item = self.ledger.items.get(key) or {}
        while True:
            done = item.get("done")
            if done is not None and from_text(done["began_at"]) >= since:
                marks = self._marks(done["parts"])
                if marks is not None:
                    return from_text(done["began_at"]), marks
            self._hold_off(item, since)
            try:
                item = self._take(key, item, driver)
            except ConditionFailedError as error:
                item = error.current_item
                continue
            item = self._drive(key, item, driver)

    # ------------------------------------------------------------------ waiting for others

    def _hold_off(self, item: Json, since: datetime) -> None:
        """Raise NotYetError if a walk is driven by another run, or must not go on or begin now."""
        now = self.ledger.clock()
        if _moment(item, "lease_until", now) > now:
            self._wait(self._expected_end(item, since) - now)
        if _moment(item, "not_before", now) > now:
            self._wait(_moment(item, "not_before", now) - now)
        if "walk" not in item and "done" in item and (begins := self._next_begin(item["done"])) > now:
            self._wait(begins - now)

    def _expected_end(self, item: Json, since: datetime) -> datetime:
        """Return when the walk that this run needs will probably be complete."""
        now, began_at = self.ledger.clock(), from_text(item["walk"]["began_at"])
        elapsed = now - began_at
        left = max(SHORTEST, elapsed / 2)
        if "done" in item:
            left = max(left, _duration(item["done"]) - elapsed)
        left = min(left, MAX_PAUSE)
        return now + left if began_at >= since else now + left + self._apart(elapsed + left)

    def _next_begin(self, done: Json) -> datetime:
        return from_text(done["ended_at"]) + self._apart(_duration(done))

    def _apart(self, duration: timedelta) -> timedelta:
        return max(min(APART, self.ledger.settle), min(MAX_PAUSE, APART_FOR_LONG * duration))

    def _wait(self, wait: timedelta) -> None:
        longest = max(SHORTEST, wait * 1.2).total_seconds()
        shortest = max(timedelta(0), wait).total_seconds()
        jittered = timedelta(seconds=self.randomness.uniform(shortest, longest))
        raise NotYetError("waits for a walk through the list of chats", jittered)

    # ------------------------------------------------------------------ driving

    def _take(self, key: str, item: Json, driver: Driver) -> dict[str, Any]:
        """Become the driver until the run's lease ends.

        Raises:
            ConditionFailedError: somebody acted first.
        """
        now = self.ledger.clock()
        walk = item.get("walk") or _new_walk(now)
        return self._write(key, item, {"walk": walk, "lease_until": to_text(driver.lease_until)})

    def _drive(self, key: str, item: dict[str, Any], driver: Driver) -> dict[str, Any]:
        """Get pages until the walk is complete. Return the item then.

        Raises:
            NotYetError: this driver's time is over; what it met is stored.
            AichatsError: a page could not be had; what came before it is stored.
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
            raise NotYetError("its walk through the list of chats goes on", timedelta(0))
        return item

    def _fetch(self, stint: _Stint, fetch: Fetch) -> None:
        """Get the next page. A cursor that is not valid any more begins the walk again."""
        cursor = stint.walk.get("cursor")
        try:
            page = fetch(cursor)
        except APIStatusError as error:
            is_refused = cursor is not None and error.status in REFUSES_CURSOR
            if is_refused and stint.begin_again(self.ledger.clock()):
                return
            raise
        stint.take(page)
        if stint.is_complete and cursor is not None:
            # A chat that moved to the front of the list meanwhile is there.
            first = fetch(None)
            stint.take(first.model_copy(update={"page_info": page.page_info}))

    def _store(self, key: str, item: Json, stint: _Stint, error: AichatsError | None = None) -> dict[str, Any]:
        """Store how far a driver came, and let go of the walk.

        Raises:
            NotYetError: the lease was over, and somebody else went on.
        """
        now, walk = self.ledger.clock(), stint.walk
        walk["parts"] = [*walk["parts"], *self._store_marks(key, stint.met)]
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
            raise NotYetError("another run drives its walk", SHORTEST) from None

    def _store_marks(self, key: str, met: Marks) -> list[str]:
        """Store marks. Return the keys of their items, which no other driver's have."""
        pairs = [(mark, chat_id) for mark, ids in met.items() for chat_id in ids]
        keys = []
        for part in batched(pairs, MARKS_OF_ITEM, strict=False):
            keys.append(f"{key}:{uuid.uuid4().hex}")
            text = json.dumps(part, separators=(",", ":"))
            self.ledger.items.put({"run_id": keys[-1], "marks": text, "ttl": self._ttl()})
        return keys

    def _marks(self, parts: list[str]) -> Marks | None:
        """Return the marks that a walk met; ``None`` if some of them have expired, so that it proves nothing more."""
        found: dict[str, list[str]] = {}
        for part in parts:
            item = self.ledger.items.get(part)
            if item is None:
                return None
            for mark, chat_id in json.loads(item["marks"]):
                found.setdefault(mark, []).append(chat_id)
        return found

    def _write(self, key: str, item: Json, changes: dict[str, Any]) -> dict[str, Any]:
        """Change the item, if nobody did since it was read. Return it as it is then.

        Raises:
            ConditionFailedError: somebody did.
        """
        changes = {**changes, "stamp": uuid.uuid4().hex, "ttl": self._ttl()}
        condition, values = ("#stamp = :was", {"was": item["stamp"]}) if item else (self.ledger.items.is_absent, {})
        self.ledger.items.update(key, changes, condition, values)
        return {name: value for name, value in {**item, **changes}.items() if value is not None}

    def _ttl(self) -> int:
        return int((self.ledger.clock() + KEEP).timestamp())


def _new_walk(now: datetime, restarts: int = 0) -> dict[str, Any]:
    return {"began_at": to_text(now), "pages": 0, "parts": [], "restarts": restarts}


def _moment(item: Json, name: str, default: datetime) -> datetime:
    return from_text(item[name]) if name in item else default


def _duration(done: Json) -> timedelta:
    return from_text(done["ended_at"]) - from_text(done["began_at"])


def _pause(error: AichatsError, failures: int) -> timedelta:
    named = error.retry_after if isinstance(error, APIStatusError) else None
    longer = SHORTEST * 2 ** min(failures, 10)
    return min(MAX_PAUSE, longer) if named is None else timedelta(seconds=named)
