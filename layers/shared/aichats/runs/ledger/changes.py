"""Lets the newest change of a chat's field win.

A change that had to wait must not undo a newer one. So a run takes its chat before it changes it, by an item
``latest:<chat>`` of the runs' table. The item says which run took the chat last, and by field which performed run is
the newest. The row of the run that took it says whether that run is done or its call may still be running.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.observability import logger
from aichats.aws.table import NEW, ConditionFailedError, Json, Table
from aichats.runs.ledger.ledger import KEEP_ENDED, Ledger
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.providers.port import NotYetError, SupersededError

UNSURE = ("APITimeoutError", "APIConnectionError", "InternalServerError", "ProtocolError")
"""Errors after which the provider may still be changing the chat."""


@dataclass(frozen=True)
class Changes:
    """The latest changes of chats. Safe to share between threads."""

    ledger: Ledger

    def take(self, row: Row, chat_id: str, fields: Collection[str]) -> set[str]:
        """Take a chat for a claimed run that is to change some fields of it.

        Returns:
            The fields that no newer run has changed: only these may be changed.

        Raises:
            SupersededError: there are none; names the run that changed them.
            NotYetError: another run's change of the chat may still be running.
        """
        key = f"latest:{chat_id}"
        item = self._items.get(key) or {}
        is_ours = item.get("owner") == row.run.run_id
        owner = {} if is_ours or not item.get("owner") else self._items.get(item["owner"]) or {}
        self._wait_for(item, owner)
        done = _done(item, owner)
        order = to_text(row.opened_at)
        left = {name for name in fields if done.get(name, {"order": ""})["order"] <= order}
        if not left:
            newer = done[max(fields, key=lambda name: str(done[name]["order"]))]["by"]
            raise SupersededError(f"superseded by {newer}, which changed the same chat later")
        taken = {"owner": row.run.run_id, "token": row.lease, "order": order, "fields": sorted(left), "done": done}
        self._write(key, item, {**taken, **self._busy(row, item)})
        return left

    def note(self, chat_id: str, fields: Collection[str], call: str) -> None:
        """Note that a call, such as ``PATCH /chats/aich_1``, changed fields of a chat now: no older run undoes it.

        If this fails, the change is made all the same, and only its place in the order is lost.
        """
        newest = {"order": to_text(self.ledger.clock()), "by": call}
        try:
            self._note(f"latest:{chat_id}", fields, newest)
        except (BotoCoreError, ClientError, NotYetError):
            logger.exception("change not noted", extra={"chat_id": chat_id})

    def _note(self, key: str, fields: Collection[str], newest: Json, tries: int = 3) -> None:
        item = self._items.get(key) or {}
        # Another token: a run that has read the item and takes the chat now must read it again.
        known = {"owner": item.get("owner", ""), "order": item.get("order", ""), "token": uuid.uuid4().hex}
        done = {**item.get("done", {}), **dict.fromkeys(fields, newest)}
        try:
            self._write(key, item, {**known, "fields": item.get("fields", []), "done": done})
        except NotYetError:
            if tries == 1:
                raise
            self._note(key, fields, newest, tries - 1)

    def _wait_for(self, item: Json, owner: Json) -> None:
        """Raise NotYetError while a call of the run that took the chat last may be running."""
        now = self.ledger.clock()
        if owner.get("status") == "performing" and from_text(owner.get("ready_at", owner["due_at"])) > now:
            raise NotYetError(f"waits until run {item['owner']} has changed the same chat")
        until = [from_text(item["busy_until"])] if owner and "busy_until" in item else []
        if owner.get("error", {}).get("type") in UNSURE:
            until.append(from_text(owner["updated_at"]) + self.ledger.settle)
        if until and max(until) > now:
            why = f"waits until it is sure that run {item['owner']} is not changing the same chat any more"
            raise NotYetError(why, max(until) - now)

    def _busy(self, row: Row, item: Json) -> Json:
        """Until when an earlier call of this run may still be running: its row does not say so once it has ended."""
        if (row.error or {}).get("type") in UNSURE:
            return {"busy_until": to_text(self.ledger.clock() + self.ledger.settle)}
        return {"busy_until": item.get("busy_until") if item.get("owner") == row.run.run_id else None}

    def _write(self, key: str, item: Json, changes: dict[str, Any]) -> None:
        changes["ttl"] = int((self.ledger.clock() + KEEP_ENDED + timedelta(days=1)).timestamp())
        condition = "#owner = :was AND #token = :its" if item else NEW
        values = {"was": item["owner"], "its": item["token"]} if item else {}
        try:
            self._items.update(key, changes, condition, values)
        except ConditionFailedError as error:
            owner = error.stands.get("owner")
            raise NotYetError(f"waits until run {owner} has changed the same chat") from error

    @cached_property
    def _items(self) -> Table:
        return Table(self.ledger.client, self.ledger.table)


def _done(item: Json, owner: Json) -> dict[str, Any]:
    """By field, the newest run that changed it, and when that run was opened."""
    done = dict(item.get("done", {}))
    if owner.get("status") == "succeeded":
        newest = {"order": item["order"], "by": f"run {item['owner']}"}
        done |= {name: newest for name in item["fields"] if done.get(name, {"order": ""})["order"] <= item["order"]}
    return done
