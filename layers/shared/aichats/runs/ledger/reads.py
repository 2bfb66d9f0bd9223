"""What the ledger can be asked."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from aichats.aws.observability import count_now, logger
from aichats.aws.table import DynamoDB, Json, Table
from aichats.errors import UnreadableError
from aichats.runs.ledger.rows import OPEN, OPEN_STATES, Row, row_of
from aichats.runs.ledger.texts import Texts
from aichats.runs.ledger.times import to_text, utc_now

BATCH = 100
"""Rows that are read at once."""
OPEN_STATUSES = ("pending", "performing")


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
        return self._whole(item) if item else None

    def rows(self, run_ids: Sequence[str]) -> list[Row]:
        """Return up to 100 runs as of now, in this order. Of a long action they know no more than its type."""
        return list(_readable(self._items.get_all(run_ids)))

    def made(
        self, lane: str, *, since: str, until: str, only: Mapping[str, str], limit: int
    ) -> tuple[list[str], str | None]:
        """Return what tells when runs of a lane of the history were made, newest first, as far as one query sees.

        Args:
            lane: which of :data:`LANES <aichats.runs.ledger.rows.LANES>`.
            since: the oldest, as :attr:`made_at <aichats.runs.ledger.rows.new_item>` has it.
            until: the newest, likewise.
            only: the automation and the status that the runs must have, if given. A status ``pending`` or
                ``performing`` means both.
            limit: how many runs to look at, whether or not they fit.

        Returns:
            ``made_at`` of each run, and of the last one that was looked at, if there are more.
        """
        wanted: dict[str, str | None] = dict(only)
        if (status := wanted.pop("status", None)) is not None:
            wanted["ended"] = None if status in OPEN_STATUSES else status
        condition = "#lane = :lane AND #made_at BETWEEN :since AND :until"
        values = {"lane": lane, "since": since, "until": until}
        newest_first = {"ScanIndexForward": False, "Limit": limit}
        items, following = self._items.query("by_time", condition, values, wanted, start=None, **newest_first)
        return [item["made_at"] for item in items], following["made_at"] if following else None

    def overdue(self, before: datetime, *, first: int = 0) -> Iterator[list[Row]]:
        """Return open runs that somebody should have acted on, up to 100 at a time.

        Args:
            before: until when.
            first: which key of the index to begin with. Of each key the longest waiting come first.
        """
        keys = (OPEN, *OPEN_STATES)
        condition = "#open_state = :open_state AND #due_at < :before"
        for number in range(len(keys)):
            values = {"open_state": keys[(first + number) % len(keys)], "before": to_text(before)}
            start: Json | None = None
            while True:
                found, start = self._items.query("by_open", condition, values, {}, start=start, Limit=BATCH)
                items = self._items.get_all([item["run_id"] for item in found])
                # The index may be a moment behind.
                yield list(_readable(item for item in items if item.get("due_at", "~") < values["before"]))
                if start is None:
                    break

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

    def _whole(self, item: Json) -> Row:
        """The row of an item, with its whole action."""
        return row_of(item, self._texts.of(item))

    @cached_property
    def _items(self) -> Table:
        return Table(self.client, self.table)

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self._items)


def _readable(items: Iterable[Json]) -> Iterator[Row]:
    """The rows that this version of the code can read: one that it cannot must not stop all others."""
    for item in items:
        try:
            yield row_of(item)
        except UnreadableError as error:
            count_now("RunsUnreadable")
            logger.error("run left out", extra={"run_id": item["run_id"], "error": str(error)})
