"""The ledger: the DynamoDB table of runs. It decides which process performs a run, and keeps the history of runs.

::

                 claim                            finish
    pending ───────────────> performing ───────────────────────> succeeded
       ^  ^                   │    │  ├────────────────────────> failed
       │  └───────────────────┘    │  └────────────────────────> unknown
       │     put back: it waits    │
       │                           └─ its process died: claimed again after
       │                              the lease and the settle time
       └─ replay: from failed, missed, unknown

Every change is one conditional write. If two writers change a row at once, one of them is rejected and gets the row.

A row is *open* while its run is pending or performing. The index of open rows sorts them by ``due_at``, the time from
which a row may be claimed. During a claim, ``due_at`` is the end of the lease plus the settle time, so the sweep finds
the row if the process dies. When the sweep sends another message for a row, it moves ``due_at`` to a later time, so
that the next sweep skips the row. Then ``ready_at`` is the time from which the row may be claimed.

An ended row repeats its status in the attribute ``ended``. The index of the history has ``ended`` instead of the
status, so a claim does not write to that index.

``unsettled_at`` is the time at which the outcome of a call to the provider became unknown. A claim sets it to the end
of its lease before any call. If the process dies, it may have called the provider, so the next process looks for the
effect first.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import replace
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from aichats.aws.errors import AwsError
from aichats.aws.table import DynamoDB, Table
from aichats.aws.writes import ConditionFailedError, Update
from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.action import ABRIDGED
from aichats.runs.ledger.events import KeptEvents
from aichats.runs.ledger.reads import Reads
from aichats.runs.ledger.replies import as_utc, replied
from aichats.runs.ledger.row_changes import (
    OPEN_AS_READ,
    OPEN_ATTRIBUTES,
    OUTCOME_KNOWN,
    STILL_OPEN,
    LedgerConflictError,
    change_row,
    ended_attributes,
    ended_item,
)
from aichats.runs.ledger.rows import EndStatus, Row, new_item, open_state, row_from
from aichats.runs.ledger.steering import Steering
from aichats.runs.ledger.texts import KEEP_TEXTS, TextExpiredError, Texts
from aichats.runs.ledger.times import to_text, utc_now
from aichats.runs.model import Run

type DueAt = Callable[[int], datetime]
"""Returns the time at which a run is due, given its index."""
type Insert = Callable[[Sequence[Json]], Sequence[Json | None]]
"""Writes new items. Returns the current item for each item that was not written as it is; otherwise ``None``."""


@frozen
class Ledger:
    """The table of runs. Safe to share between threads.

    Args:
        client: the client of DynamoDB.
        table: the name of the table.
        settle: the time in which the effect of a call with an unknown outcome may still appear.
        clock: returns the current time.
        prepare: returns attributes for the row of a new run that its effects depend on.
        keep_texts: the retention time of texts.
    """

    client: DynamoDB
    table: str
    settle: timedelta
    clock: Callable[[], datetime] = utc_now
    prepare: Callable[[Run], Json] = lambda _run: {}
    keep_texts: timedelta = KEEP_TEXTS

    @cached_property
    def items(self) -> Table:
        """The table, with all its items."""
        return Table(self.client, self.table)

    @cached_property
    def reads(self) -> Reads:
        """The reads that return many rows."""
        return Reads(self.items)

    @cached_property
    def steering(self) -> Steering:
        """The changes that people make."""
        return Steering(self.items, self._texts, self.settle, self.clock, self.prepare)

    @cached_property
    def events(self) -> KeptEvents:
        """The kept events of runs whose texts could not be rendered."""
        return KeptEvents(self._texts, self.clock)

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self.items, self.keep_texts)

    def get(self, run_id: str) -> Row | None:
        """Return the row of a run as it is now; ``None`` if it does not exist.

        If the text of the run has expired, its action has only its type.
        """
        item = self.items.get(run_id)
        if item is None:
            return None
        try:
            return self._row(item)
        except TextExpiredError:
            return row_from(item)

    def keeps_text(self, row: Row) -> bool:
        """Return whether the retention time of a run's text is not over. It begins when the run is opened."""
        # Without a retention time, no text counts as kept, even if the clock that opened the run was ahead.
        return bool(self.keep_texts) and self.clock() < row.opened_at + self.keep_texts

    def _row(self, item: Json) -> Row:
        """Return an item as a row with its complete action."""
        return row_from(item, self._texts.of(item))

    # ------------------------------------------------------------------ new runs

    def add(self, runs: Sequence[Run], due_at: DueAt, insert: Insert | None = None) -> list[Run]:
        """Write runs as pending, unless they have a row.

        Args:
            runs: the runs.
            due_at: returns the time at which a run is due, given its index.
            insert: writes the rows, as :meth:`Table.insert` does by default.

        Returns:
            The runs that are open now. A run that had a row and has ended is left out.
        """
        now = self.clock()
        actions = enumerate(self._texts.keep(runs, now))
        items = [self._new_item(runs[index], now, due_at(index), action) for index, action in actions]
        current_items = (insert or self.items.insert)(items)
        current = zip(runs, current_items, strict=True)
        return [run for run, item in current if item is None or self._is_open(item, run)]

    def _is_open(self, item: Json, run: Run) -> bool:
        """Return whether an existing run is open now. Open a missed run, because its event has come late."""
        if item.get("status") != "missed":
            return "due_at" in item
        with suppress(LedgerConflictError):
            self.steering.reopen(row_from(item), run)
        return True

    def add_ended(
        self,
        runs: Sequence[tuple[Run, Json]],
        status: Literal["failed", "missed", "skipped"],
        *,
        unrendered: bool = False,
        event_keys: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        """Write runs that were not performed, unless they have a row. Return the number of written runs.

        Args:
            runs: the runs, each with its error.
            status: the status. A ``missed`` run is performed if its event comes late.
            unrendered: whether the runs' texts could not be rendered. Such runs cannot be performed before they are
                rendered again, and their actions are not stored.
            event_keys: the key of the kept event for the ids of runs that have one.
        """
        now = self.clock()
        actions: Sequence[Json] = [{}] * len(runs) if unrendered else self._texts.keep([run for run, _ in runs], now)
        items = []
        for (run, error), action in zip(runs, actions, strict=True):
            more = {"unrendered": unrendered, "event_key": event_keys.get(run.run_id)}
            items.append(ended_item({**self._new_item(run, now, now, action), **more}, status, error, now))
        return sum(current_item is None for current_item in self.items.insert(items))

    def _new_item(self, run: Run, now: datetime, due_at: datetime, action: Json) -> dict[str, Any]:
        return new_item(run, now, due_at, {**action, **self.prepare(run)})

    # ------------------------------------------------------------------ one run

    def claim(self, run: Run | str, lease: timedelta) -> Row:
        """Claim a run until the lease ends. A run without a row gets one in the same write.

        Args:
            run: the run, or the id of a run that has a row.
            lease: the time in which no other process can claim the run.

        Returns:
            The row. Its ``unsettled_at`` is the value *before* the claim. It shows whether the outcome of an earlier
            call must be settled first.

        Raises:
            LedgerConflictError: the run has ended, is claimed, is not due yet, or does not exist. A missed run can be
                claimed if it comes with its late event, but not by its id alone.
        """
        try:
            return self._claim(run, lease)
        except LedgerConflictError as conflict:
            if isinstance(run, str) or conflict.row is None or conflict.row.status != "missed":
                raise
        self.steering.replay(run.run_id, run)
        return self._claim(run, lease)

    def _claim(self, run: Run | str, lease: timedelta) -> Row:
        now, token = self.clock(), uuid.uuid4().hex
        lease_until = now + lease
        changes = {
            "status": "performing",
            "lease": token,
            "lease_until": to_text(lease_until),
            "due_at": to_text(lease_until + self.settle),
            "unsettled_at": to_text(lease_until),
            "updated_at": to_text(now),
        }
        if isinstance(run, Run):
            [action] = self._texts.keep([run], now)
            new = self._new_item(run, now, now, action)
            with suppress(ConditionFailedError):
                self.items.put({**new, **changes, "attempts": 1})
                before = row_from(new, run.action)
                return replace(before, status="performing", attempts=1, lease=token, lease_until=lease_until)
        run_id = run if isinstance(run, str) else run.run_id
        # Rows of earlier versions have another value of this attribute.
        changes["open_state"] = open_state(run_id)
        is_due = f"{STILL_OPEN} AND (#due_at <= :now OR #ready_at <= :now)"
        values = {"now": to_text(now)}
        old = change_row(
            self.items, run_id, changes, is_due, values, remove=("ready_at",), count="attempts", return_old=True
        )
        try:
            before = self._row(old)
        except Exception:
            self._unclaim(old, token)
            raise
        # If the client repeated the write, it returns the row after the claim, with this claim's token. Then the row
        # before the claim is unknown, so the run counts as unsettled.
        attempts = before.attempts + (before.lease != token)
        claimed: dict[str, Any] = {"lease": token, "lease_until": lease_until, "updated_at": now}
        return replace(before, status="performing", attempts=attempts, **claimed)

    def _unclaim(self, old: Json, token: str) -> None:
        """Undo the claim of a run whose action cannot be read. No call was made, so no outcome is unknown."""
        with suppress(LedgerConflictError, UnreadableError, AwsError):
            row = replace(row_from(old, ABRIDGED.get(old["type"])), lease=token)
            due_at = row.due_at or row.updated_at
            self.put_back(row, due_at, unsettled_at=row.unsettled_at, error=row.error)

    def put_back(self, row: Row, due_at: datetime, *, unsettled_at: datetime | None, error: Json | None) -> None:
        """End a claim and let the run wait until ``due_at``. Store the attempts and the key number of ``row``.

        ``unsettled_at`` is the time from which the outcome of an effect is unknown; ``None`` if the outcome is known.

        Raises:
            LedgerConflictError: the lease was over, and another process claimed the run.
        """
        changes = {
            "status": "pending",
            "due_at": to_text(due_at),
            "attempts": row.attempts,
            "key_number": row.key_number,
            "error": error,
            "calls": row.calls,
            "updated_at": to_text(self.clock()),
        }
        outcome: Json = _unknown(row, unsettled_at) if unsettled_at else OUTCOME_KNOWN
        removed, values = ("lease", "lease_until", "ready_at"), {"token": row.lease}
        change_row(self.items, row.run.run_id, {**changes, **outcome}, "#lease = :token", values, remove=removed)

    def begin(self, row: Row, seen: Json) -> None:
        """Store that an effect begins now. ``seen`` are existing objects that could be mistaken for the effect.

        Raises:
            LedgerConflictError: the lease was over, and another process claimed the run.
        """
        now = self.clock()
        unknown_from = to_text(row.lease_until or now)
        changes = {"seen": seen, "unsettled_at": unknown_from, "updated_at": to_text(now)}
        change_row(self.items, row.run.run_id, changes, "#lease = :token", {"token": row.lease})

    def keep_files(self, row: Row, files: Json) -> Row:
        """Store the files that this run has uploaded, before an effect that needs them.

        Returns:
            The row with the files, and with the cancellation if a person has cancelled the run meanwhile.

        Raises:
            LedgerConflictError: the lease was over, and another process claimed the run.
        """
        changes = {"files": files, "updated_at": to_text(self.clock())}
        old = change_row(self.items, row.run.run_id, changes, "#lease = :token", {"token": row.lease}, return_old=True)
        return replace(row, files=files, cancel=old.get("cancel"))

    def record(self, row: Row, chat_id: str, result: Json) -> Row:
        """Store the result of an effect, in addition to earlier results.

        This needs no valid lease, because a process that knows the chat knows more than a process that claimed the run.

        Raises:
            LedgerConflictError: the run has ended.
        """
        results, now = {**row.result, **result}, self.clock()
        time = to_text(now)
        changes = {"chat_id": chat_id, "result": _json(results), "calls": row.calls}
        changes |= {"recorded_at": time, "updated_at": time}
        change_row(self.items, row.run.run_id, changes | OUTCOME_KNOWN, STILL_OPEN)
        return replace(row, chat_id=chat_id, result=results, recorded_at=now, unsettled_at=None, seen=None)

    def finish(
        self,
        row: Row,
        status: EndStatus,
        *,
        chat_id: str | None = None,
        result: Json | None = None,
        error: Json | None = None,
        replied_at: datetime | None = None,
    ) -> None:
        """End a run. With a chat, the run must be open. Without a chat, this process must have claimed the run.

        ``replied_at`` is the time of the reply in the result, if there is one.

        A run without an effect can't end as ``failed`` if a person has cancelled it since ``row`` was read.

        Raises:
            LedgerConflictError: the run has ended, was cancelled, or another process claimed it.
        """
        now = self.clock()
        changes = {
            "status": status,
            "error": error,
            "attempts": row.attempts,
            "key_number": row.key_number,
            "calls": row.calls,
            **ended_attributes(status, now),
            "updated_at": to_text(now),
            **(_unknown(row, now) if status == "unknown" else OUTCOME_KNOWN),
        }
        removed = OPEN_ATTRIBUTES + self._texts.dropped_at(status)
        if chat_id is not None:
            changes |= {"chat_id": chat_id, "result": _json(result or {})}
            # The provider's clock may be ahead, but no event has a time in the future.
            changes |= replied(min(as_utc(replied_at), now), row.updated_at) if replied_at else {}
            change_row(self.items, row.run.run_id, changes, STILL_OPEN, remove=removed)
        else:
            condition = f"{STILL_OPEN} AND #lease = :token"
            if status == "failed" and row.chat_id is None and row.cancel is None:
                condition += " AND attribute_not_exists(#cancel)"
            change_row(self.items, row.run.run_id, changes, condition, {"token": row.lease}, remove=removed)

    def give_up(self, row: Row, status: EndStatus, error: Json) -> None:
        """End an open run that has waited too long.

        Raises:
            LedgerConflictError: the row changed since it was read.
        """
        now = self.clock()
        changes = {"status": status, "error": error, **ended_attributes(status, now), "updated_at": to_text(now)}
        removed, values = OPEN_ATTRIBUTES + self._texts.dropped_at(status), {"read": to_text(row.updated_at)}
        change_row(self.items, row.run.run_id, changes, OPEN_AS_READ, values, remove=removed)

    def postpone(self, rows: Sequence[Row], until: Callable[[Row], datetime]) -> None:
        """Hide open rows from :meth:`Reads.overdue` until a later time. The rows can still be claimed.

        A row that changed since it was read stays as it is.
        """
        self.items.update_all(
            [
                Update(
                    row.run.run_id,
                    {"due_at": to_text(until(row)), "ready_at": to_text(row.due_at or row.updated_at)},
                    OPEN_AS_READ,
                    {"read": to_text(row.updated_at)},
                )
                for row in rows
            ]
        )


def _unknown(row: Row, since: datetime) -> Json:
    """Return the changes that record an unknown outcome."""
    return {"unsettled_at": to_text(since), "credential": row.credential}


def _json(result: Json) -> str:
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
