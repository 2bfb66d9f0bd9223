"""The order of changes of a chat: for each field, the newest change wins.

A change that had to wait must not undo a newer one. So a run takes a chat before it changes the chat. In the table of
runs, the item ``latest:<chat>`` names the run that took the chat last, its owner. For each field, it also names the
newest run that changed the field. The owner's row shows whether the owner's call may still be running.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from aichats.aws.errors import AwsError
from aichats.aws.observability import logger
from aichats.aws.writes import ConditionFailedError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.failures import STILL_CHANGING
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.providers.port import NotYetError, SupersededError


@frozen
class Changes:
    """The newest changes of chats. Safe to share between threads."""

    ledger: Ledger

    def take(self, row: Row, chat_id: str, fields: Collection[str]) -> set[str]:
        """Take a chat for a claimed run that is about to change fields of the chat.

        Returns:
            The fields that no newer run has changed. The run may change only these fields.

        Raises:
            SupersededError: newer runs have changed all fields. The error names one of them.
            NotYetError: another run's change of the chat may still be running.
        """
        key = f"latest:{chat_id}"
        item = self.ledger.items.get(key) or {}
        is_owner = item.get("owner") == row.run.run_id
        owner = {} if is_owner or not item.get("owner") else self.ledger.items.get(item["owner"]) or {}
        self._wait_for(item, owner)
        done = _done(item, owner)
        order = to_text(row.opened_at)
        allowed = {name for name in fields if done.get(name, {"order": ""})["order"] <= order}
        if not allowed:
            newer = done[max(fields, key=lambda name: str(done[name]["order"]))]["by"]
            raise SupersededError(f"superseded by {newer}, which changed the same chat later")
        changes = {"owner": row.run.run_id, "token": row.lease, "order": order, "fields": sorted(allowed), "done": done}
        self._write(key, item, {**changes, **self._busy(row, item)})
        return allowed

    def note(self, chat_id: str, fields: Collection[str], call: str) -> None:
        """Store that a call, such as ``PATCH /chats/aich_1``, has just changed fields, so that no older run undoes it.

        A failure is only logged, because the chat has already been changed.
        """
        newest = {"order": to_text(self.ledger.clock()), "by": call}
        try:
            self._note(f"latest:{chat_id}", fields, newest)
        except (AwsError, NotYetError):
            logger.exception("change not noted", extra={"chat_id": chat_id})

    def _note(self, key: str, fields: Collection[str], newest: Json, tries: int = 3) -> None:
        item = self.ledger.items.get(key) or {}
        # The new token makes a run that has read the item, and takes the chat now, read it again.
        order = {"owner": item.get("owner", ""), "order": item.get("order", ""), "token": uuid.uuid4().hex}
        done = {**item.get("done", {}), **dict.fromkeys(fields, newest)}
        try:
            self._write(key, item, {**order, "fields": item.get("fields", []), "done": done})
        except NotYetError:
            if tries == 1:
                raise
            self._note(key, fields, newest, tries - 1)

    def _wait_for(self, item: Json, owner: Json) -> None:
        """Raise NotYetError if the owner's call may still be running."""
        now = self.ledger.clock()
        if owner.get("status") == "performing" and from_text(owner.get("ready_at", owner["due_at"])) > now:
            raise NotYetError(f"waits until run {item['owner']} has changed the same chat")
        until = [from_text(item["busy_until"])] if owner and "busy_until" in item else []
        if owner.get("error", {}).get("type") in STILL_CHANGING:
            until.append(from_text(owner["updated_at"]) + self.ledger.settle)
        if "cancel" in owner and owner["status"] == "pending":
            # Its error is now that it is cancelled as soon as its last call can't have an effect any more.
            until.append(from_text(owner.get("ready_at", owner["due_at"])))
        if until and max(until) > now:
            reason = f"waits until run {item['owner']} is certainly no longer changing the same chat"
            raise NotYetError(reason, max(until) - now)

    def _busy(self, row: Row, item: Json) -> Json:
        """Return the attribute with the time until which an earlier call of this run may be running.

        The time is stored in the item, because the row loses it when the run ends.
        """
        if (row.error or {}).get("type") in STILL_CHANGING:
            return {"busy_until": to_text(self.ledger.clock() + self.ledger.settle)}
        return {"busy_until": item.get("busy_until") if item.get("owner") == row.run.run_id else None}

    def _write(self, key: str, item: Json, changes: dict[str, Any]) -> None:
        changes["ttl"] = int((self.ledger.clock() + KEEP_ENDED + timedelta(days=1)).timestamp())
        condition = "#owner = :old_owner AND #token = :old_token" if item else self.ledger.items.is_absent
        values = {"old_owner": item["owner"], "old_token": item["token"]} if item else {}
        try:
            self.ledger.items.update(key, changes, condition, values)
        except ConditionFailedError as error:
            owner = error.current_item.get("owner")
            raise NotYetError(f"waits until run {owner} has changed the same chat") from error


def _done(item: Json, owner: Json) -> dict[str, Any]:
    """Return the newest run that changed each field, and the time at which that run was opened."""
    done = dict(item.get("done", {}))
    if owner.get("status") == "succeeded":
        newest = {"order": item["order"], "by": f"run {item['owner']}"}
        done |= {name: newest for name in item["fields"] if done.get(name, {"order": ""})["order"] <= item["order"]}
    return done
