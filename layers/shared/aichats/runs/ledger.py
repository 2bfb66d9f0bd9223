"""The ledger: a DynamoDB table of runs. It decides who may act, and it is the history.

::

                 claim                            finish
    pending ───────────────> performing ───────────────────────> succeeded
       ^  ^                   │    │  ├────────────────────────> failed
       │  └───────────────────┘    │  └────────────────────────> unknown
       │     put back: it waits    │
       │                           └─ its process died: claimed again when
       │                              the lease and the settle time are over
       └─ replay: from failed, missed, unknown

Every change is one conditional write, so of two that act at once one is refused and told what the row says.

A row is *open* while it is pending or performing; then it stands in the index of open rows under ``due_at``, the
moment at which somebody may act on it. While it is performed that moment is the end of the lease plus the settle time:
when the process dies, nobody has to write anything for the row to be found.

``unsettled_at`` says when the outcome of a call to the provider became unknown. The claim sets it to the end of its
lease, before any call: a process that dies after its claim may have called, so such a row is looked up first.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import batched
from typing import Any, Literal

from aichats.runs.items import NEW, ConditionFailedError, DynamoDB, Items, together
from aichats.runs.model import Run
from aichats.runs.rows import OPEN, EndStatus, Json, Row, new_item, row_of
from aichats.runs.times import to_text

REPLAYABLE: tuple[EndStatus, ...] = ("failed", "missed", "unknown")
KEEP_ENDED = timedelta(days=90)
"""Never under 30 days: queues keep messages for 14, and a late one must still meet its run."""
STILL_OPEN = "attribute_exists(#open_state)"
SETTLED = {"unsettled_at": None, "seen": None}
"""What a row says while no outcome is unknown."""
NOT_OPEN = ("open_state", "due_at", "lease", "lease_until")
"""What only an open row has."""


class RefusedByLedgerError(Exception):
    """A conditional write was refused: somebody else acted first.

    Attributes:
        row: the row as it is; ``None`` if there is none.
    """

    def __init__(self, row: Row | None) -> None:
        super().__init__("refused by the ledger")
        self.row = row


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Ledger:
    """The table. Safe to share between threads.

    Args:
        settle: how long after a call of unknown outcome its effect may still appear.
    """

    client: DynamoDB
    table: str
    settle: timedelta
    clock: Callable[[], datetime] = utc_now

    # ------------------------------------------------------------------ before a run

    def add(self, runs: Sequence[Run], due_at: Callable[[int], datetime]) -> list[Run]:
        """Write runs as pending, where there is no row yet. ``due_at`` gives the moment for each by its index.

        Returns:
            The runs that are open now: all but those which were there already and have ended.
        """
        now = self.clock()
        items = [(run, new_item(run, now, due_at(index))) for index, run in enumerate(runs)]
        fresh: list[Run] = []
        for part in batched(items, together([item for _, item in items]), strict=False):
            if self._items.put_all([item for _, item in part]):
                fresh += [run for run, _ in part]
            else:
                fresh += [run for run, item in part if self._add_alone(item)]
        return fresh

    def _add_alone(self, item: Json) -> bool:
        """Whether the row is open now."""
        try:
            self._items.put(item)
        except ConditionFailedError as error:
            return "due_at" in error.stands
        return True

    # ------------------------------------------------------------------ one run

    def claim(self, run: Run | str, lease: timedelta) -> Row:
        """Take a run, to act on it until the lease ends. A run that has no row yet gets one in the same write.

        Args:
            run: the run, or only the id of one that has a row.
            lease: for how long nobody else may take it.

        Returns:
            The row. Its ``unsettled_at`` is that of *before* the claim: whether an earlier call must be settled first.

        Raises:
            RefusedByLedgerError: it is ended, taken, not due yet, or unknown.
        """
        now, token = self.clock(), uuid.uuid4().hex
        lease_until = now + lease
        changes = {
            "status": "performing",
            "lease": token,
            "lease_until": to_text(lease_until),
            "due_at": to_text(lease_until + self.settle),
            "unsettled_at": to_text(lease_until),
            "updated_at": to_text(now),
            "open_state": OPEN,
        }
        takable = "#open_state = :open_state AND #due_at <= :now"
        if isinstance(run, str):
            new, run_id, condition = {}, run, takable
        else:
            new, run_id, condition = new_item(run, now, now), run.run_id, f"{NEW} OR ({takable})"
        old = self._write(
            run_id, changes, condition, {"now": to_text(now)}, defaults=new, count="attempts", tell_old=True
        )
        before = row_of(old or new)
        # Our own token: boto3 repeated the write, because its first answer got lost. What stood there before is not
        # known any more, so the run counts as unsettled.
        attempts = before.attempts + (before.lease != token)
        return replace(before, status="performing", attempts=attempts, lease=token, lease_until=lease_until)

    def put_back(self, row: Row, due_at: datetime, *, unsettled_at: datetime | None, error: Json | None) -> None:
        """Let a claimed run wait until ``due_at``; its attempts and key number become those of ``row``.

        ``unsettled_at`` says since when an effect's outcome is unknown, if it is.

        Raises:
            RefusedByLedgerError: the lease is not ours any more.
        """
        changes = {
            "status": "pending",
            "due_at": to_text(due_at),
            "attempts": row.attempts,
            "key_number": row.key_number,
            "error": error,
            "updated_at": to_text(self.clock()),
            **({"unsettled_at": to_text(unsettled_at)} if unsettled_at else SETTLED),
        }
        self._write(row.run.run_id, changes, "#lease = :token", {"token": row.lease}, remove=("lease", "lease_until"))

    def begin(self, row: Row, seen: Sequence[str]) -> None:
        """Note what there is already of what an effect could be mistaken for: it begins now.

        Raises:
            RefusedByLedgerError: the lease is not ours any more.
        """
        now = self.clock()
        unknown_from = to_text(row.lease_until or now)
        changes = {"seen": list(seen), "unsettled_at": unknown_from, "updated_at": to_text(now)}
        self._write(row.run.run_id, changes, "#lease = :token", {"token": row.lease})

    def record(self, row: Row, chat_id: str, result: Json) -> Row:
        """Note what an effect made. Needs no lease: whoever knows the chat knows more than who holds the lease.

        ``result`` is added to what is known already.

        Raises:
            RefusedByLedgerError: the run has ended.
        """
        known = {**row.result, **result}
        changes = {"chat_id": chat_id, "result": _json(known), "updated_at": to_text(self.clock())}
        self._write(row.run.run_id, changes | SETTLED, STILL_OPEN)
        return replace(row, chat_id=chat_id, result=known, unsettled_at=None, seen=None)

    def finish(
        self,
        row: Row,
        status: EndStatus,
        *,
        chat_id: str | None = None,
        result: Json | None = None,
        error: Json | None = None,
    ) -> None:
        """End a run. Success with a chat needs only that it has not ended; every other end needs the lease.

        Raises:
            RefusedByLedgerError: it has ended, or the lease is not ours any more.
        """
        now = self.clock()
        changes = {
            "status": status,
            "error": error,
            "attempts": row.attempts,
            "key_number": row.key_number,
            "finished_at": to_text(now),
            "updated_at": to_text(now),
            "ttl": int((now + KEEP_ENDED).timestamp()),
            **({"unsettled_at": to_text(now)} if status == "unknown" else SETTLED),
        }
        if chat_id is not None:
            known = {"chat_id": chat_id, "result": _json(result or {})}
            self._write(row.run.run_id, changes | known, STILL_OPEN, remove=NOT_OPEN)
        else:
            self._write(
                row.run.run_id, changes, f"{STILL_OPEN} AND #lease = :token", {"token": row.lease}, remove=NOT_OPEN
            )

    def give_up(self, row: Row, status: EndStatus) -> None:
        """End a run that nobody performs any more.

        Raises:
            RefusedByLedgerError: somebody acted on it since.
        """
        now = self.clock()
        changes = {
            "status": status,
            "error": row.error or {"type": "GivenUp", "message": "nobody could perform it"},
            "finished_at": to_text(now),
            "updated_at": to_text(now),
            "ttl": int((now + KEEP_ENDED).timestamp()),
        }
        condition = f"{STILL_OPEN} AND #updated_at = :seen"
        self._write(row.run.run_id, changes, condition, {"seen": to_text(row.updated_at)}, remove=NOT_OPEN)

    def replay(self, run_id: str) -> Row:
        """Open a run that ended without success again; its id stays.

        It is due now; one of unknown outcome when the settle time since its end is over.

        Returns:
            The row, with its ``due_at``.

        Raises:
            RefusedByLedgerError: it is open or has succeeded, or there is none.
        """
        now, row = self.clock(), self.get(run_id)
        if row is None or row.status not in REPLAYABLE:
            raise RefusedByLedgerError(row)
        due_at = max(now, row.unsettled_at + self.settle) if row.unsettled_at else now
        changes = {
            "status": "pending",
            "open_state": OPEN,
            "due_at": to_text(due_at),
            "opened_at": to_text(now),
            "updated_at": to_text(now),
            "attempts": 0,
        }
        values = {"was": row.status, "seen": to_text(row.updated_at)}
        condition = "#status = :was AND #updated_at = :seen"
        self._write(run_id, changes, condition, values, remove=("ttl", "finished_at"))
        moments: dict[str, Any] = {"due_at": due_at, "opened_at": now, "updated_at": now, "finished_at": None}
        return replace(row, status="pending", attempts=0, **moments)

    def resolve(self, run_id: str, status: Literal["succeeded", "failed"], *, chat_id: str | None, by: str) -> None:
        """End a run of unknown outcome as a person decided. A chat that it is known to have made stays known.

        Raises:
            RefusedByLedgerError: its outcome is not unknown, or there is no such run.
        """
        now = to_text(self.clock())
        error = None if status == "succeeded" else {"type": "Resolved", "message": f"resolved as failed by {by}"}
        changes = {"status": status, "error": error, "updated_at": now, **SETTLED}
        changes |= {"chat_id": chat_id} if chat_id else {}
        self._write(run_id, changes, "#status = :unknown", {"unknown": "unknown"})

    # ------------------------------------------------------------------ history

    def get(self, run_id: str) -> Row | None:
        """A run, as of now; ``None`` if there is none."""
        item = self._items.get(run_id)
        return row_of(item) if item else None

    def page(
        self,
        day: str,
        *,
        since: str,
        until: str,
        only: Mapping[str, str],
        limit: int,
        start: Json | None,
    ) -> tuple[list[Row], Json | None]:
        """Runs that were created on a UTC day, newest first, and where the next page of that day starts.

        ``only`` are attributes that must have just this value, such as ``{"status": "failed"}``.
        """
        condition = "#day = :day AND #created_at BETWEEN :since AND :until"
        values = {"day": day, "since": since, "until": until}
        newest_first = {"ScanIndexForward": False, "Limit": limit}
        items, following = self._items.query("by_day", condition, values, only, start=start, **newest_first)
        return [row_of(item) for item in items], following

    def overdue(self, before: datetime, *, limit: int) -> list[Row]:
        """Up to ``limit`` open runs that somebody should have acted on, the longest waiting first."""
        values = {"open_state": OPEN, "before": to_text(before)}
        condition = "#open_state = :open_state AND #due_at < :before"
        found: list[Row] = []
        start: Json | None = None
        while True:
            # A page has at most 1 MB, which long messages fill soon.
            items, start = self._items.query("by_due", condition, values, {}, start=start, Limit=limit - len(found))
            found += [row_of(item) for item in items]
            if len(found) >= limit or start is None:
                return found

    def reserve(self, use: Sequence[str], body: str) -> bool:
        """Bind a caller's idempotency key to a body. Whether the body is the one that it is bound to."""
        unique = hashlib.sha256(json.dumps(list(use)).encode()).hexdigest()
        digest = hashlib.sha256(body.encode()).hexdigest()
        ttl = int((self.clock() + KEEP_ENDED).timestamp())
        item = {"run_id": f"key:{unique}", "body": digest, "ttl": ttl}
        try:
            self._items.put(item)
        except ConditionFailedError as error:
            return bool(error.stands.get("body") == digest)
        return True

    @cached_property
    def _items(self) -> Items:
        return Items(self.client, self.table)

    def _write(
        self, run_id: str, changes: Json, condition: str, values: Json | None = None, **how: Any
    ) -> dict[str, Any]:
        try:
            return self._items.update(run_id, changes, condition, values, **how)
        except ConditionFailedError as error:
            raise RefusedByLedgerError(row_of(error.stands) if error.stands else None) from error


def _json(result: Json) -> str:
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
