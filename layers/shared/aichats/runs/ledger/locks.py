"""Lets one run at a time make an effect that could be mistaken for another run's.

Where a provider gives nothing better, an effect whose outcome got lost is found by what it looks like. Two runs that
want the same thing would then find each other's. So the second waits until the first one's outcome is known.

A lock is never given back: it counts as long as the run that holds it is being performed or its outcome is unknown, and
its effect is not recorded.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from aichats.aws.table import NEW, ConditionFailedError, Json, Table
from aichats.runs.ledger.ledger import KEEP_ENDED, Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import from_text

MAX_LAG = timedelta(minutes=10)
"""After what is made, until every list shows it: the settle time of the slowest provider."""
MADE = ("made", "made_at")


class LockedError(Exception):
    """Another run holds the lock.

    Attributes:
        owner: its id.
    """

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@dataclass(frozen=True)
class Locks:
    """The locks of a ledger's runs; they are items of its table."""

    ledger: Ledger

    def take(self, row: Row, what: Sequence[str]) -> Json:
        """Lock ``what`` for a run that is claimed, until its next effect is recorded.

        Returns:
            What the run before made a short time ago, so that lists may not show it yet: its ``chat_id``, and the id of
            its ``reply``. Empty where nothing is to be waited for.

        Raises:
            LockedError: another run holds it.
        """
        # Every claim has a token of its own: a lock that was taken anew meanwhile is not taken for the old one.
        lock = {
            "owner": row.run.run_id,
            "token": row.lease,
            "has_chat": row.chat_id is not None,
            "ttl": int((self.ledger.clock() + KEEP_ENDED).timestamp()),
        }
        try:
            kept = self._items.update(_key(what), lock, f"{NEW} OR #owner = :owner", tell_old=True)
        except ConditionFailedError as error:
            return self._take_over(_key(what), lock, error.stands)
        return self._fresh(kept)

    def is_kept(self, row: Row, what: Sequence[str]) -> bool:
        """Whether no other run had the lock since this one took it.

        Raises:
            LockedError: another run holds it.
        """
        stands = self._items.get(_key(what))
        if stands is None or stands["owner"] == row.run.run_id:
            return stands is not None
        if _counts(stands, self._owner(stands)):
            raise LockedError(stands["owner"])
        return False

    def _take_over(self, key: str, lock: Json, stands: Json) -> Json:
        owner = self._owner(stands)
        if _counts(stands, owner):
            raise LockedError(stands["owner"])
        # A run that made nothing hands on what the one before it made.
        lock = {**lock, **(_made(owner) or {name: stands[name] for name in MADE if name in stands})}
        was = {"was": stands["owner"], "its": stands["token"]}
        try:
            self._items.update(key, lock, "#owner = :was AND #token = :its", was)
        except ConditionFailedError as error:
            raise LockedError(str(error.stands.get("owner"))) from error
        return self._fresh(lock)

    def _owner(self, lock: Json) -> Json:
        # Not as a row: one that cannot be read by this version of the code holds its locks as well, or does not.
        return self._items.get(lock["owner"]) or {}

    def _fresh(self, lock: Json) -> Json:
        """What was made, unless lists show it by now whatever their lag."""
        if "made_at" not in lock or self.ledger.clock() - from_text(lock["made_at"]) > MAX_LAG:
            return {}
        made: Json = lock["made"]
        return made

    @cached_property
    def _items(self) -> Table:
        return Table(self.ledger.client, self.ledger.table)


def _counts(lock: Json, owner: Json) -> bool:
    if "due_at" not in owner or ("chat_id" in owner) != lock["has_chat"]:
        return False
    return owner["status"] == "performing" or "unsettled_at" in owner


def _made(owner: Json) -> Json:
    """What a run made, and when, as its lock keeps it; empty for nothing."""
    if "result" not in owner:
        return {}
    reply = json.loads(owner["result"]).get("reply") or {}
    made = {"chat_id": owner.get("chat_id"), "reply": reply.get("id")}
    return {"made": {name: value for name, value in made.items() if value}, "made_at": owner["updated_at"]}


def _key(what: Sequence[str]) -> str:
    return f"lock:{hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()}"
