"""The changes that people make to runs: replay, cancel and resolve."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from aichats.aws.table import Table
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.failures import STILL_CHANGING, cancellation
from aichats.runs.ledger.row_changes import (
    OPEN_ATTRIBUTES,
    OUTCOME_KNOWN,
    STILL_OPEN,
    LedgerConflictError,
    change_row,
    ended_attributes,
)
from aichats.runs.ledger.rows import EndStatus, Row, awaits_reply, open_state, row_from
from aichats.runs.ledger.texts import TextExpiredError, Texts
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run

CANCEL_TRIES = 5
"""The number of times that a cancellation reads a run that changes at the same time."""
ENDED_ATTRIBUTES = ("ttl", "finished_at", "ended")
"""The attributes that only an ended row has."""
REPLACED = ". Replayed as "
REPLAYABLE: tuple[EndStatus, ...] = ("failed", "missed", "skipped", "unknown")


@frozen
class Steering:
    """Changes runs as people ask. Safe to share between threads.

    Args:
        settle: the time in which the effect of a call with an unknown outcome may still appear.
        prepare: returns attributes for the row of a new run that its effects depend on.
    """

    items: Table
    texts: Texts
    settle: timedelta
    clock: Callable[[], datetime]
    prepare: Callable[[Run], Json]

    def read(self, run_id: str) -> Row | None:
        """Return the row of a run as it is now; ``None`` if it does not exist. A long action has only its type."""
        item = self.items.get(run_id)
        return row_from(item) if item else None

    def replay(self, run_id: str, run: Run | None = None) -> Row:
        """Open an ended run again, under the same id.

        The run is due now. If its outcome is unknown, the run is due after the settle time.

        Args:
            run_id: the id of the run.
            run: the run, if its event has come. If the stored text has expired, the text of this run is used.

        Returns:
            The row, with its ``due_at``.

        Raises:
            LedgerConflictError: the run is open, can't be replayed, could not be rendered, or does not exist.
            TextExpiredError: the text of the run has expired.
        """
        row = self.read(run_id)
        if row is None or row.status not in REPLAYABLE or row.unrendered:
            raise LedgerConflictError(row)
        return self.reopen(row, run)

    def reopen(
        self,
        row: Row,
        run: Run | None = None,
        *,
        cancel: Json | None = None,
        opened_at: datetime | None = None,
        due_at: datetime | None = None,
    ) -> Row:
        """Open an ended run that was read a short time ago. See :meth:`replay`.

        Args:
            row: the run.
            run: the run with its text, if its event has come.
            cancel: the cancellation, if the run is opened only to look up its outcome.
            opened_at: the time from which the run's age counts, by default now.
            due_at: the earliest time at which the run is due, by default now.

        Raises:
            LedgerConflictError: the row changed since it was read.
            TextExpiredError: the text of the run has expired.
        """
        now = self.clock()
        action = self._kept_action(row, run, now)
        opened_at, due_at = opened_at or now, due_at or now
        due_at = max(due_at, row.unsettled_at + self.settle) if row.unsettled_at else due_at
        changes = {**_opened(row.run.run_id, now, opened_at, due_at), "cancel": cancel, **action}
        values = {"old_status": row.status, "read": to_text(row.updated_at)}
        condition = "#status = :old_status AND #updated_at = :read"
        change_row(self.items, row.run.run_id, changes, condition, values, remove=ENDED_ATTRIBUTES)
        times: dict[str, Any] = {"due_at": due_at, "opened_at": opened_at, "updated_at": now, "finished_at": None}
        return replace(row, status="pending", attempts=0, cancel=cancel, **times)

    def cancel(self, run_id: str, *, by: str, reason: str | None = None) -> Row:
        """End a run that has not begun as ``cancelled``.

        If the run may have had an effect, or is being performed, it is only marked. Its next attempt looks for the
        effect first. If there is none, the attempt ends the run as ``cancelled``. Otherwise the run continues.

        Returns:
            The row, which has ended as ``cancelled``, or is open and has the mark.

        Raises:
            LedgerConflictError: the run has begun, has ended in another way, or does not exist.
        """
        cancel: Json = {"by": by, **({"reason": reason} if reason else {})}
        row: Row | None = None
        for _ in range(CANCEL_TRIES):
            row = self.read(run_id)
            if row is not None and row.status == "cancelled":
                return row
            if row is None or row.chat_id is not None or not (row.is_open or row.status == "unknown"):
                raise LedgerConflictError(row)
            with suppress(LedgerConflictError):
                return self._cancel(row, cancel)
        raise LedgerConflictError(row)

    def _cancel(self, row: Row, cancel: Json) -> Row:
        """Cancel a run that was read a short time ago.

        Raises:
            LedgerConflictError: the row changed since it was read.
        """
        now, run_id = self.clock(), row.run.run_id
        if row.status == "unknown":
            return self.reopen(row, cancel=cancel)
        if row.status == "performing" or row.unsettled or (row.error or {}).get("type") in STILL_CHANGING:
            change_row(self.items, run_id, {"cancel": cancel}, f"{STILL_OPEN} AND attribute_not_exists(#chat_id)")
            return replace(row, cancel=cancel)
        error = cancellation(cancel)
        changes = {
            "status": "cancelled",
            "error": error,
            "updated_at": to_text(now),
            **ended_attributes("cancelled", now),
            **OUTCOME_KNOWN,
        }
        condition = "#status = :pending AND #updated_at = :read AND attribute_not_exists(#chat_id)"
        values = {"pending": "pending", "read": to_text(row.updated_at)}
        removed = OPEN_ATTRIBUTES + self.texts.dropped_at("cancelled")
        change_row(self.items, run_id, changes, condition, values, remove=removed)
        return replace(row, status="cancelled", error=error, updated_at=now, finished_at=now, due_at=None)

    def _kept_action(self, row: Row, run: Run | None, now: datetime) -> Json:
        """Extend the retention of a row's text. Return the changes of the row if its text has expired."""
        if row.action_key is None:
            return {}
        try:
            self.texts.extend(row.action_key, now)
        except TextExpiredError:
            if run is None:
                raise
            [action] = self.texts.keep([run], now)
            return {"action_key": None, **action}
        return {}

    def open_rendered(
        self, row: Row, run: Run, *, opened_at: datetime | None = None, due_at: datetime | None = None
    ) -> Row:
        """Open a failed run that had no action, because now its texts can be rendered.

        Args:
            row: the row, which was read a short time ago.
            run: the same run with its action.
            opened_at: the time from which the run's age counts, by default now.
            due_at: the earliest time at which the run is due, by default now.

        Raises:
            LedgerConflictError: the row changed since it was read.
        """
        now = self.clock()
        opened_at, due_at = opened_at or now, due_at or now
        [action] = self.texts.keep([run], now)
        changes = {
            **_opened(run.run_id, now, opened_at, due_at),
            **dict.fromkeys(("title", "key_base", "unrendered", "event_key", "error")),
            "type": run.action.type,
            "api_version": run.api_version,
            "labels": dict(run.labels) or None,
            "await_reply": awaits_reply(run),
            "budget": run.budget,
            **self.prepare(run),
            **action,
        }
        values = {"failed": "failed", "true": True, "read": to_text(row.updated_at)}
        condition = "#status = :failed AND #unrendered = :true AND #updated_at = :read"
        change_row(self.items, run.run_id, changes, condition, values, remove=ENDED_ATTRIBUTES)
        times: dict[str, Any] = {"due_at": due_at, "opened_at": opened_at, "updated_at": now, "finished_at": None}
        return replace(row, run=run, status="pending", attempts=0, unrendered=False, error=None, **times)

    def note_replacement(self, row: Row, run_ids: Sequence[str]) -> Row:
        """Store in the error of a failed run that other runs replace it. Return the row.

        Raises:
            LedgerConflictError: the row changed since it was read.
        """
        error = row.error or {}
        message = str(error.get("message", "")).partition(REPLACED)[0]
        shown = f"run {run_ids[0]}" if len(run_ids) == 1 else f"{len(run_ids)} runs, see replaced_by"
        error = {**error, "message": f"{message}{REPLACED}{shown}", "replaced_by": list(run_ids)}
        now = self.clock()
        changes = {"error": error, "updated_at": to_text(now)}
        values = {"failed": "failed", "read": to_text(row.updated_at)}
        change_row(self.items, row.run.run_id, changes, "#status = :failed AND #updated_at = :read", values)
        return replace(row, error=error, updated_at=now)

    def resolve(
        self,
        run_id: str,
        status: Literal["succeeded", "failed"],
        *,
        chat_id: str | None,
        by: str,
        reason: str | None = None,
    ) -> None:
        """End a run of unknown outcome as a person decided. If the row has a chat, it keeps the chat.

        Raises:
            LedgerConflictError: the outcome of the run is known, or the run does not exist.
        """
        now = to_text(self.clock())
        message = f"resolved as failed by {by}{f': {reason}' if reason else ''}"
        error = None if status == "succeeded" else {"type": "Resolved", "message": message}
        changes = {"status": status, "ended": status, "error": error, "updated_at": now, **OUTCOME_KNOWN}
        changes |= {"chat_id": chat_id} if chat_id else {}
        removed = self.texts.dropped_at(status)
        change_row(self.items, run_id, changes, "#status = :unknown", {"unknown": "unknown"}, remove=removed)


def _opened(run_id: str, now: datetime, opened_at: datetime, due_at: datetime) -> Json:
    """Return the changes that open a run."""
    return {
        "status": "pending",
        "open_state": open_state(run_id),
        "due_at": to_text(due_at),
        "opened_at": to_text(opened_at),
        "updated_at": to_text(now),
        "attempts": 0,
    }
