"""What the ledger can be asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aichats.errors import UnreadableError
from aichats.observability import count_now, logger
from aichats.runs.items import DynamoDB, Items
from aichats.runs.rows import OPEN, Json, Row, row_of
from aichats.runs.times import to_text, utc_now


@dataclass(frozen=True)
class Reader:
    """Reads the table. Safe to share between threads.

    Args:
        settle: how long after a call of unknown outcome its effect may still appear.
    """

    client: DynamoDB
    table: str
    settle: timedelta
    clock: Callable[[], datetime] = utc_now

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
        return list(_readable(items)), following

    def overdue(self, before: datetime, *, limit: int) -> list[Row]:
        """Up to ``limit`` open runs that somebody should have acted on, the longest waiting first."""
        values = {"open_state": OPEN, "before": to_text(before)}
        condition = "#open_state = :open_state AND #due_at < :before"
        found: list[Row] = []
        start: Json | None = None
        while True:
            # A page has at most 1 MB, which long messages fill soon.
            items, start = self._items.query("by_due", condition, values, {}, start=start, Limit=limit - len(found))
            found += _readable(items)
            if len(found) >= limit or start is None:
                return found

    def of_slot(self, automation: str, slot: str) -> set[str]:
        """Ids of the runs that an automation has for a slot. One that was written a moment ago may be left out."""
        values = {"automation": automation, "slot": slot}
        found: set[str] = set()
        start: Json | None = None
        while True:
            items, start = self._items.query(
                "by_slot", "#automation = :automation AND #slot = :slot", values, {}, start=start
            )
            found |= {item["run_id"] for item in items}
            if start is None:
                return found

    def existing(self, run_ids: Sequence[str]) -> set[str]:
        """Return which of up to 100 runs have a row. One that was written just now may be left out."""
        keys = [{"run_id": {"S": run_id}} for run_id in run_ids]
        wanted: Mapping[str, Any] = {self.table: {"Keys": keys, "ProjectionExpression": "run_id"}}
        found: set[str] = set()
        while wanted:
            answer = self.client.batch_get_item(RequestItems=wanted)
            found |= {item["run_id"]["S"] for item in answer["Responses"].get(self.table, [])}
            # What DynamoDB left out because it was too much at once.
            wanted = answer.get("UnprocessedKeys", {})
        return found

    @cached_property
    def _items(self) -> Items:
        return Items(self.client, self.table)


def _readable(items: Iterable[Json]) -> Iterator[Row]:
    """The rows that this version of the code can read: one that it cannot must not stop all others."""
    for item in items:
        try:
            yield row_of(item)
        except UnreadableError as error:
            count_now("RunsUnreadable")
            logger.error("run left out", extra={"run_id": item["run_id"], "error": str(error)})
