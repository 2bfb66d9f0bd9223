"""Reads of many rows: by id, and from the table's indexes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from aichats.aws.observability import count_now, logger
from aichats.aws.table import BATCH_KEYS, Table
from aichats.errors import UnreadableError
from aichats.frozen import frozen
from aichats.json_types import Json, JsonObject
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.rows import OPEN, OPEN_STATES, Row, row_from
from aichats.runs.ledger.times import to_text


@frozen
class Reads:
    """Reads rows of the table of runs. Safe to share between threads.

    An index may be about a second behind the table.
    """

    items: Table

    def rows(self, run_ids: Sequence[str]) -> list[Row]:
        """Return rows as they are now, in the order of their ids. A row with a long action has only its type."""
        return list(_readable(self.items.get_all(run_ids)))

    def existing(self, run_ids: Sequence[str]) -> set[str]:
        """Return the ids of the runs that have a row. A row of the last second may be missing."""
        items = self.items.get_all(run_ids, ConsistentRead=False, ProjectionExpression="run_id")
        return {item["run_id"] for item in items}

    def created(
        self, lane: str, *, since: str, until: str, only: RunFilter, limit: int
    ) -> tuple[list[str], str | None]:
        """Return the ``made_at`` of runs in a lane of the history, newest first. Make one query.

        Args:
            lane: one of :data:`LANES <aichats.runs.ledger.rows.LANES>`.
            since: the smallest ``made_at``.
            until: the largest ``made_at``.
            only: the filter. Only its conditions on the attributes of the index count.
            limit: the number of runs to read, whether or not they match.

        Returns:
            The ``made_at`` of each run, and that of the last run that was read; ``None`` if there are no more runs.
        """
        expression, values = only.in_index()
        pages = self.items.query_pages(
            "by_time",
            "#lane = :lane AND #made_at BETWEEN :since AND :until",
            {"lane": lane, "since": since, "until": until, **values},
            ScanIndexForward=False,
            Limit=limit,
            **({"FilterExpression": expression} if expression else {}),
        )
        items, last = next(pages)
        return [item["made_at"] for item in items], last["made_at"] if last else None

    def newest(self, lane: str, limit: int) -> tuple[list[JsonObject], bool]:
        """Return the newest runs of automations in a lane of the history, newest first. Make one query.

        Returns:
            The ``made_at`` and the ``automation`` of each run, and whether the lane has older runs.
        """
        values, options = {"lane": lane}, {"ScanIndexForward": False, "Limit": limit}
        items, last = next(self.items.query_pages("by_time", "#lane = :lane", values, **options))
        return items, last is not None

    def overdue(self, before: datetime, *, first: int = 0) -> Iterator[list[Row]]:
        """Yield open runs that have been due for a while, up to 100 at a time.

        Args:
            before: the time before which they were due.
            first: the number of the index key to begin with. Under each key, the runs that were due first come first.
        """
        keys = (OPEN, *OPEN_STATES)
        condition = "#open_state = :open_state AND #due_at < :before"
        for number in range(len(keys)):
            values = {"open_state": keys[(first + number) % len(keys)], "before": to_text(before)}
            for entries, _ in self.items.query_pages("by_open", condition, values, Limit=BATCH_KEYS):
                items = self.items.get_all([entry["run_id"] for entry in entries])
                # The index may be behind the table.
                yield list(_readable(item for item in items if item.get("due_at", "~") < values["before"]))

    def newest_slot(self, automation: str) -> Json | None:
        """Return the ``run_id`` and the ``slot`` of a run of an automation's newest slot; ``None`` without one."""
        values = {"automation": automation}
        pages = self.items.query_pages("by_slot", "#automation = :automation", values, ScanIndexForward=False, Limit=1)
        return next(iter(next(pages)[0]), None)

    def of_slot(self, automation: str, slot: str) -> set[str]:
        """Return the ids of an automation's runs for a slot. A run of the last second may be missing."""
        values = {"automation": automation, "slot": slot}
        items = self.items.query("by_slot", "#automation = :automation AND #slot = :slot", values)
        return {item["run_id"] for item in items}

    def slots(self, automation: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the slots of an automation, newest first, each with the ids of its runs.

        A run of the last second may be missing.
        """
        values = {"automation": automation}
        # Small pages, because most callers need the newest slots only.
        options = {"ScanIndexForward": False, "Limit": BATCH_KEYS}
        items = self.items.query("by_slot", "#automation = :automation", values, **options)
        for slot, runs in groupby(items, key=itemgetter("slot")):
            yield slot, [item["run_id"] for item in runs]


def _readable(items: Iterable[Json]) -> Iterator[Row]:
    """Yield the rows that this version of the code can read. Log and count the others, so that they stop nothing."""
    for item in items:
        try:
            yield row_from(item)
        except UnreadableError as error:
            count_now("RunsUnreadable")
            logger.error("run left out", extra={"run_id": item["run_id"], "error": str(error)})
