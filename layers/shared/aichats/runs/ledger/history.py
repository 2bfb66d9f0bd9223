"""The history: the runs of a span of time, newest first, page by page."""

import json
import re
from collections.abc import Callable
from datetime import datetime

from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import LANES, Row
from aichats.runs.ledger.times import to_text

MAX_QUERIES = 10
"""The maximum number of queries of a lane for one page. A page needs several if few runs match the filter."""
PICKED_RUNS = 100
"""The number of runs that are read for a page if their rows decide which to return. DynamoDB reads them in one call."""
QUERY_RUNS = 1000
"""The number of runs of a lane that one query reads to find those that match the filter."""
MAX_PAGE_BYTES = 4_000_000
"""The maximum size of the providers' results and errors in a page. Lambda's limit for a response is 6 MB."""
POSITION = re.compile(r"[0-9T:.-]{23}Z [a-z2-7]{32}")
"""The form of the attribute ``made_at``: the time at which a run was created, and the run's id."""


@frozen
class History:
    """The history, read from its index. Each lane of the index lists runs in the order of their creation."""

    ledger: Ledger

    def page(
        self,
        since: datetime,
        until: datetime,
        *,
        only: RunFilter,
        limit: int,
        start: Json | None,
        pick: Callable[[Row], bool] | None = None,
    ) -> tuple[list[Row], Json | None]:
        """Return up to ``limit`` runs of the span, and the start of the next page; ``None`` on the last page.

        A page may have fewer runs than ``limit`` even if it is not the last one. A run belongs to the page if the
        filter ``only`` and the function ``pick``, if there is one, select it.

        Raises:
            InputError: ``start`` does not belong to this span.
        """
        read = max(limit, PICKED_RUNS) if pick is not None or only.needs_rows else limit
        positions, next_position = self._newest(to_text(since), _position(since, until, start), only, read)
        rows = {row.run.run_id: row for row in self.ledger.reads.rows(list(map(_run_id, positions)))}
        page: list[Row] = []
        room = MAX_PAGE_BYTES
        for index, position in enumerate(positions):
            row = rows.get(_run_id(position))
            if row is None or not only.matches(row) or not (pick is None or pick(row)):
                continue
            room -= _size(row)
            if page and (room < 0 or len(page) == limit):
                return page, {"before": positions[index - 1]}
            page.append(row)
        return page, {"before": next_position} if next_position is not None else None

    def _newest(self, since: str, before: str, only: RunFilter, limit: int) -> tuple[list[str], str | None]:
        """Return the positions of the newest runs, and the position before which to continue; ``None`` at the end."""
        positions: list[str] = []
        for _ in range(MAX_QUERIES):
            newest, end = self._query_lanes(since, before, only, QUERY_RUNS if only.in_index()[0] else limit + 1)
            positions += newest
            if len(positions) > limit or (len(positions) == limit and end is not None):
                return positions[:limit], positions[limit - 1]
            if end is None:
                return positions, None
            before = end
        return positions, before

    def _query_lanes(self, since: str, before: str, only: RunFilter, limit: int) -> tuple[list[str], str | None]:
        """Query each lane once. Return the positions down to the one up to which all lanes were read, and this one."""
        reads = self.ledger.reads
        lanes = [reads.created(lane, since=since, until=before, only=only, limit=limit) for lane in LANES]
        end = max((last for _, last in lanes if last is not None), default=None)
        positions = sorted((position for lane, _ in lanes for position in lane if position != before), reverse=True)
        return [position for position in positions if end is None or position >= end], end


def _position(since: datetime, until: datetime, start: Json | None) -> str:
    """Return the position before which a page starts.

    Raises:
        InputError: ``start`` is not the start of a page of this span.
    """
    begin, end = to_text(since), f"{to_text(until)}~"
    if start is None:
        return end
    before = start.get("before")
    if start.keys() != {"before"} or not POSITION.fullmatch(str(before)) or not begin <= str(before) <= end:
        raise InputError([("cursor", "belongs to another request; use it with the same since and until")])
    return str(before)


def _run_id(position: str) -> str:
    return position.partition(" ")[2]


def _size(row: Row) -> int:
    return sum(len(json.dumps(part, ensure_ascii=False).encode()) for part in (row.result, row.error))
