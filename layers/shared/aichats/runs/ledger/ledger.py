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
when the process dies, nobody has to write anything for the row to be found. A row for which a message was sent again is
moved to a later ``due_at``, so that it is not found again at once; ``ready_at`` then says since when one may act on it.

An ended row has ``ended``, which is its status again: the index of the history holds it, and is not written when a run
is claimed.

``unsettled_at`` says when the outcome of a call to the provider became unknown. The claim sets it to the end of its
lease, before any call: a process that dies after its claim may have called, so such a row is looked up first.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from aichats.aws.table import ConditionFailedError, Json, Update
from aichats.errors import UnreadableError
from aichats.runs.actions import ABRIDGED
from aichats.runs.ledger.reads import Reader
from aichats.runs.ledger.rows import EndStatus, Row, new_item, open_state, row_of
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run

REPLAYABLE: tuple[EndStatus, ...] = ("failed", "missed", "unknown")
KEEP_ENDED = timedelta(days=90)
"""Never under 30 days: queues keep messages for 14, and a late one must still meet its run."""
STILL_OPEN = "attribute_exists(#open_state)"
SETTLED = {"unsettled_at": None, "seen": None}
"""What a row says while no outcome is unknown."""
NOT_OPEN = ("open_state", "due_at", "ready_at", "lease", "lease_until")
"""What only an open row has."""


class RefusedByLedgerError(Exception):
    """A conditional write was refused: somebody else acted first.

    Attributes:
        row: the row as it is; ``None`` if there is none.
    """

    def __init__(self, row: Row | None) -> None:
        super().__init__("refused by the ledger")
        self.row = row


@dataclass(frozen=True)
class Ledger(Reader):
    """The table. Safe to share between threads.

    Args:
        prepare: returns further attributes for the row of a new run: what its effects depend on.
    """

    prepare: Callable[[Run], Json] = lambda _run: {}

    # ------------------------------------------------------------------ before a run

    def add(self, runs: Sequence[Run], due_at: Callable[[int], datetime]) -> list[Run]:
        """Write runs as pending, where there is no row yet. ``due_at`` gives the moment for each by its index.

        Returns:
            The runs that are open now: all but those which were there already and have ended.
        """
        now = self.clock()
        moments = {run.run_id: due_at(index) for index, run in enumerate(runs)}
        items = [self._new_item(run, now, moments[run.run_id], said) for run, said in self._stored(runs, now)]
        found = self._items.insert(items)
        return [run for run, stands in zip(runs, found, strict=True) if stands is None or self._is_open(stands)]

    def _is_open(self, stands: Json) -> bool:
        """Whether a run that is there already is open now. One that counts as missed is opened: its event came late."""
        if stands.get("status") != "missed":
            return "due_at" in stands
        with suppress(RefusedByLedgerError):
            self._replay(row_of(stands))
        return True

    def note(
        self, runs: Sequence[Run], status: Literal["failed", "missed"], error: Json, *, unrendered: bool = False
    ) -> int:
        """Write runs that nobody performed, for one reason. See :meth:`note_each`."""
        return self.note_each([(run, error) for run in runs], status, unrendered=unrendered)

    def note_each(
        self, runs: Sequence[tuple[Run, Json]], status: Literal["failed", "missed"], *, unrendered: bool = False
    ) -> int:
        """Write runs that nobody performed, where there is no row yet. Return how many were written.

        Args:
            runs: the runs, each with the reason, for people.
            status: why nobody did. A run that was ``missed`` is performed all the same if its event comes late.
            unrendered: whether their texts could not be made: then nobody ever can, and no text is stored.
        """
        now = self.clock()
        errors = {run.run_id: error for run, error in runs}
        each = [run for run, _ in runs]
        stored: Iterable[tuple[Run, Json]] = [(run, {}) for run in each] if unrendered else self._stored(each, now)
        ended = {**_ended(status, now), "status": status, "unrendered": unrendered}
        items = [{**self._new_item(run, now, now, said), **ended, "error": errors[run.run_id]} for run, said in stored]
        items = [{name: value for name, value in item.items() if name not in NOT_OPEN} for item in items]
        return sum(stands is None for stands in self._items.insert(items))

    def _stored(self, runs: Sequence[Run], now: datetime) -> Iterable[tuple[Run, Json]]:
        """Store the actions of runs. Return each run with what its row says of its action."""
        return zip(runs, self._texts.keep(runs, now), strict=True)

    def _new_item(self, run: Run, now: datetime, due_at: datetime, said: Json) -> dict[str, Any]:
        return new_item(run, now, due_at, {**said, **self.prepare(run)})

    # ------------------------------------------------------------------ one run

    def claim(self, run: Run | str, lease: timedelta) -> Row:
        """Take a run, to act on it until the lease ends. A run that has no row yet gets one in the same write.

        Args:
            run: the run, or only the id of one that has a row.
            lease: for how long nobody else may take it.

        Returns:
            The row. Its ``unsettled_at`` is that of *before* the claim: whether an earlier call must be settled first.

        Raises:
            RefusedByLedgerError: it is ended, taken, not due yet, or unknown. A run that counts as missed is taken by
                its late event, not by its id alone.
        """
        try:
            return self._claim(run, lease)
        except RefusedByLedgerError as refused:
            if isinstance(run, str) or refused.row is None or refused.row.status != "missed":
                raise
        self.replay(run.run_id)
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
            [(_, said)] = self._stored([run], now)
            new = self._new_item(run, now, now, said)
            if self._insert({**new, **changes, "attempts": 1}):
                before = row_of(new, run.action)
                return replace(before, status="performing", attempts=1, lease=token, lease_until=lease_until)
        run_id = run if isinstance(run, str) else run.run_id
        # A row of an earlier version gets the key that it has now in the index of open rows.
        changes["open_state"] = open_state(run_id)
        takable = f"{STILL_OPEN} AND (#due_at <= :now OR #ready_at <= :now)"
        values = {"now": to_text(now)}
        old = self._write(run_id, changes, takable, values, remove=("ready_at",), count="attempts", tell_old=True)
        try:
            before = self._whole(old)
        except Exception:
            self._let_go(old, token)
            raise
        # Our own token: boto3 repeated the write, because its first answer got lost. What stood there before is not
        # known any more, so the run counts as unsettled.
        attempts = before.attempts + (before.lease != token)
        ours: dict[str, Any] = {"lease": token, "lease_until": lease_until, "updated_at": now}
        return replace(before, status="performing", attempts=attempts, **ours)

    def _let_go(self, old: Json, token: str) -> None:
        """Undo a claim after which the action could not be read: nothing was called, so nothing is to be settled."""
        with suppress(RefusedByLedgerError, UnreadableError, BotoCoreError, ClientError):
            row = replace(row_of(old, ABRIDGED.get(old["type"])), lease=token)
            due_at = row.due_at or row.updated_at
            self.put_back(row, due_at, unsettled_at=row.unsettled_at, error=row.error)

    def _insert(self, item: Json) -> bool:
        """Write a new row that is claimed already. Return ``False`` if the run has a row."""
        try:
            self._items.put(item)
        except ConditionFailedError as error:
            # Our own lease: boto3 repeated the write, because its first answer got lost.
            return bool(error.stands.get("lease") == item["lease"])
        return True

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
        gone = ("lease", "lease_until", "ready_at")
        self._write(row.run.run_id, changes, "#lease = :token", {"token": row.lease}, remove=gone)

    def begin(self, row: Row, seen: Json) -> None:
        """Note what there is already of what an effect could be mistaken for: it begins now.

        Raises:
            RefusedByLedgerError: the lease is not ours any more.
        """
        now = self.clock()
        unknown_from = to_text(row.lease_until or now)
        changes = {"seen": seen, "unsettled_at": unknown_from, "updated_at": to_text(now)}
        self._write(row.run.run_id, changes, "#lease = :token", {"token": row.lease})

    def record(self, row: Row, chat_id: str, result: Json) -> Row:
        """Note what an effect made. Needs no lease: whoever knows the chat knows more than who holds the lease.

        ``result`` is added to what is known already.

        Raises:
            RefusedByLedgerError: the run has ended.
        """
        known, now = {**row.result, **result}, self.clock()
        moment = to_text(now)
        changes = {"chat_id": chat_id, "result": _json(known), "recorded_at": moment, "updated_at": moment}
        self._write(row.run.run_id, changes | SETTLED, STILL_OPEN)
        return replace(row, chat_id=chat_id, result=known, recorded_at=now, unsettled_at=None, seen=None)

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
            **_ended(status, now),
            "updated_at": to_text(now),
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
            **_ended(status, now),
            "updated_at": to_text(now),
        }
        condition = f"{STILL_OPEN} AND #updated_at = :seen"
        self._write(row.run.run_id, changes, condition, {"seen": to_text(row.updated_at)}, remove=NOT_OPEN)

    def postpone(self, rows: Sequence[Row], until: Callable[[Row], datetime]) -> None:
        """Note that up to 100 open rows need not be looked after until then. They can be claimed all the same.

        A row that somebody acted on since stays as it is.
        """
        condition = f"{STILL_OPEN} AND #updated_at = :seen"
        self._items.update_all(
            [
                Update(
                    row.run.run_id,
                    {"due_at": to_text(until(row)), "ready_at": to_text(row.due_at or row.updated_at)},
                    condition,
                    {"seen": to_text(row.updated_at)},
                )
                for row in rows
            ]
        )

    def replay(self, run_id: str) -> Row:
        """Open a run that ended without success again; its id stays.

        It is due now; one of unknown outcome when the settle time since its end is over.

        Returns:
            The row, with its ``due_at``.

        Raises:
            RefusedByLedgerError: it is open or has succeeded, or there is none.
        """
        item = self._items.get(run_id)
        row = row_of(item) if item else None
        if row is None or row.status not in REPLAYABLE or row.unrendered:
            raise RefusedByLedgerError(row)
        return self._replay(row)

    def _replay(self, row: Row) -> Row:
        now = self.clock()
        if row.action_key is not None:
            self._texts.keep_on(row.action_key, now)
        due_at = max(now, row.unsettled_at + self.settle) if row.unsettled_at else now
        changes = {
            "status": "pending",
            "open_state": open_state(row.run.run_id),
            "due_at": to_text(due_at),
            "opened_at": to_text(now),
            "updated_at": to_text(now),
            "attempts": 0,
        }
        values = {"was": row.status, "seen": to_text(row.updated_at)}
        condition = "#status = :was AND #updated_at = :seen"
        self._write(row.run.run_id, changes, condition, values, remove=("ttl", "finished_at", "ended"))
        moments: dict[str, Any] = {"due_at": due_at, "opened_at": now, "updated_at": now, "finished_at": None}
        return replace(row, status="pending", attempts=0, **moments)

    def resolve(self, run_id: str, status: Literal["succeeded", "failed"], *, chat_id: str | None, by: str) -> None:
        """End a run of unknown outcome as a person decided. A chat that it is known to have made stays known.

        Raises:
            RefusedByLedgerError: its outcome is not unknown, or there is no such run.
        """
        now = to_text(self.clock())
        error = None if status == "succeeded" else {"type": "Resolved", "message": f"resolved as failed by {by}"}
        changes = {"status": status, "ended": status, "error": error, "updated_at": now, **SETTLED}
        changes |= {"chat_id": chat_id} if chat_id else {}
        self._write(run_id, changes, "#status = :unknown", {"unknown": "unknown"})

    # ------------------------------------------------------------------ keys of callers

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

    def _write(
        self, run_id: str, changes: Json, condition: str, values: Json | None = None, **how: Any
    ) -> dict[str, Any]:
        try:
            return self._items.update(run_id, changes, condition, values, **how)
        except ConditionFailedError as error:
            raise RefusedByLedgerError(row_of(error.stands) if error.stands else None) from error


def _ended(status: EndStatus, now: datetime) -> Json:
    """Return what only an ended row has."""
    return {"ended": status, "finished_at": to_text(now), "ttl": int((now + KEEP_ENDED).timestamp())}


def _json(result: Json) -> str:
    return json.dumps(result, ensure_ascii=False, separators=(",", ":"))
