"""Locks for effects that aichats finds by their content.

If a provider offers nothing better, aichats finds an effect of unknown outcome by its content. Two runs with the same
content could find each other's effects. So the second run waits until the outcome of the first run is known.

A lock is never released. It counts while its owner is performing or has an unknown outcome. After the owner's effect is
recorded, the lock no longer counts.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta

from aichats.aws.writes import ConditionFailedError
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import from_text

EFFECT_ATTRIBUTES = ("made", "made_at")


class LockedError(AichatsError):
    """Another run has the lock.

    Attributes:
        owner: the id of that run.
    """

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@frozen
class Locks:
    """The locks of a ledger's runs, as items of its table."""

    ledger: Ledger

    def take(self, row: Row, name: Sequence[str], settle: timedelta) -> Json:
        """Take a lock for a claimed run, until the run's next effect is recorded.

        Args:
            row: the claimed run.
            name: the name of the lock.
            settle: the provider's settle time, after which every list shows an effect.

        Returns:
            The effect of the previous owner if lists may not show it yet: its ``chat_id``, and the id of its ``reply``.
            Otherwise an empty object.

        Raises:
            LockedError: another run has the lock.
        """
        # Every claim has another token, so a lock that was taken again differs from the one that was read.
        items = self.ledger.items
        lock = {
            "owner": row.run.run_id,
            "token": row.lease,
            "has_chat": row.chat_id is not None,
            "ttl": int((self.ledger.clock() + KEEP_ENDED).timestamp()),
        }
        try:
            effect: Json = items.update(_key(name), lock, f"{items.is_absent} OR #owner = :owner", return_old=True)
        except ConditionFailedError as error:
            effect = self._take_over(_key(name), lock, error.current_item)
        if "made_at" not in effect or self.ledger.clock() - from_text(effect["made_at"]) > settle:
            return {}
        made: Json = effect["made"]
        return made

    def is_kept(self, row: Row, name: Sequence[str]) -> bool:
        """Return whether no other run has taken the lock since this run took it.

        Raises:
            LockedError: another run has the lock.
        """
        lock = self.ledger.items.get(_key(name))
        if lock is None or lock["owner"] == row.run.run_id:
            return lock is not None
        if _counts(lock, self._owner(lock)):
            raise LockedError(lock["owner"])
        return False

    def _take_over(self, key: str, lock: Json, old_lock: Json) -> Json:
        """Take the lock of another run. Return the attributes of its effect, or of an earlier owner's effect."""
        owner = self._owner(old_lock)
        if _counts(old_lock, owner):
            raise LockedError(old_lock["owner"])
        # If the old owner had no effect, the lock keeps the effect of an earlier owner.
        effect = _effect(owner) or {name: old_lock[name] for name in EFFECT_ATTRIBUTES if name in old_lock}
        values = {"old_owner": old_lock["owner"], "old_token": old_lock["token"]}
        try:
            self.ledger.items.update(key, {**lock, **effect}, "#owner = :old_owner AND #token = :old_token", values)
        except ConditionFailedError as error:
            raise LockedError(str(error.current_item.get("owner"))) from error
        return effect

    def _owner(self, lock: Json) -> Json:
        # Read as an item, because the lock counts even if this version of the code cannot read the row.
        return self.ledger.items.get(lock["owner"]) or {}


def _counts(lock: Json, owner: Json) -> bool:
    """Return whether a lock still belongs to its owner, given the attributes of the owner's row."""
    if "due_at" not in owner or ("chat_id" in owner) != lock["has_chat"]:
        return False
    return owner["status"] == "performing" or "unsettled_at" in owner


def _effect(owner: Json) -> Json:
    """Return the effect of a run and the effect's time as attributes of a lock; empty if there is no effect."""
    if "result" not in owner:
        return {}
    reply = json.loads(owner["result"]).get("reply") or {}
    effect = {"chat_id": owner.get("chat_id"), "reply": reply.get("id")}
    return {"made": {name: value for name, value in effect.items() if value}, "made_at": owner["updated_at"]}


def _key(name: Sequence[str]) -> str:
    return f"lock:{hashlib.sha256(json.dumps(list(name)).encode()).hexdigest()}"
