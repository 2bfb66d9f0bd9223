"""Lets one run at a time make an effect that could be mistaken for another run's.

Where a provider gives nothing better, an effect whose outcome got lost is found by what it looks like. Two runs that
want the same thing would then find each other's. So the second waits until the first one's outcome is known.

A lock is never given back: it counts as long as the run that holds it is being performed or its outcome is unknown.
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

    def take(self, row: Row, what: Sequence[str]) -> bool:
        """Lock ``what`` for a run that is claimed. Whether the run had it already, and nobody else since.

        Raises:
            LockedError: another run holds it.
        """
        key = f"lock:{hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()}"
        # Every claim has a token of its own: a lock that was taken anew meanwhile is not taken for the old one.
        lock = {
            "owner": row.run.run_id,
            "token": row.lease,
            "ttl": int((self.ledger.clock() + KEEP_ENDED).timestamp()),
        }
        try:
            return bool(self._items.update(key, lock, f"{NEW} OR #owner = :owner", tell_old=True))
        except ConditionFailedError as error:
            self._take_over(key, lock, error.stands)
        return False

    def _take_over(self, key: str, lock: Json, stands: Json) -> None:
        owner = self.ledger.get(stands["owner"])
        if owner is not None and owner.is_open and (owner.status == "performing" or owner.unsettled):
            raise LockedError(stands["owner"])
        was = {"was": stands["owner"], "its": stands["token"]}
        try:
            self._items.update(key, lock, "#owner = :was AND #token = :its", was)
        except ConditionFailedError as error:
            raise LockedError(str(error.stands.get("owner"))) from error

    @cached_property
    def _items(self) -> Items:
        return Items(self.ledger.client, self.ledger.table)
