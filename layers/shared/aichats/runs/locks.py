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
from functools import cached_property

from aichats.runs.items import NEW, ConditionFailedError, Items
from aichats.runs.ledger import KEEP_ENDED, Ledger
from aichats.runs.rows import Json, Row


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

    def take(self, row: Row, what: Sequence[str]) -> None:
        """Lock ``what`` for a run that is claimed, until its next effect is recorded.

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
            self._items.update(_key(what), lock, f"{NEW} OR #owner = :owner")
        except ConditionFailedError as error:
            self._take_over(_key(what), lock, error.stands)

    def is_kept(self, row: Row, what: Sequence[str]) -> bool:
        """Whether no other run had the lock since this one took it.

        Raises:
            LockedError: another run holds it.
        """
        stands = self._items.get(_key(what)) or {"owner": None}
        if stands["owner"] != row.run.run_id and self._counts(stands):
            raise LockedError(stands["owner"])
        return bool(stands["owner"] == row.run.run_id)

    def _take_over(self, key: str, lock: Json, stands: Json) -> None:
        if self._counts(stands):
            raise LockedError(stands["owner"])
        was = {"was": stands["owner"], "its": stands["token"]}
        try:
            self._items.update(key, lock, "#owner = :was AND #token = :its", was)
        except ConditionFailedError as error:
            raise LockedError(str(error.stands.get("owner"))) from error

    def _counts(self, lock: Json) -> bool:
        # Not as a row: one that cannot be read by this version of the code holds its locks as well, or does not.
        owner = self._items.get(lock["owner"]) if lock["owner"] else None
        if owner is None or "due_at" not in owner or ("chat_id" in owner) != lock["has_chat"]:
            return False
        return owner["status"] == "performing" or "unsettled_at" in owner

    @cached_property
    def _items(self) -> Items:
        return Items(self.ledger.client, self.ledger.table)


def _key(what: Sequence[str]) -> str:
    return f"lock:{hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()}"
