"""The runs of a span of time, newest first, page by page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aichats.aws.table import Json
from aichats.errors import InputError
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import LANES, Row
from aichats.runs.ledger.times import to_text

MAX_LOOKS = 10
"""Queries of each lane for one page: more than one where few runs fit the filter."""
LOOK = 1000
"""Runs of a lane that a query looks at to find those that fit the filter."""
MAX_PAGE_BYTES = 4_000_000
"""Of what providers answered, in a page. Lambda answers with at most 6 MB."""
POSITION = re.compile(r"[0-9T:.-]{23}Z [a-z2-7]{32}")
"""When a run was made, and its id."""


@dataclass(frozen=True)
class History:
    """Reads the index of the history: lanes, in each of which runs stand in the order in which they were made."""

    ledger: Ledger

    def page(
        self,
        since: datetime,
        until: datetime,
        *,
        only: Mapping[str, str],
        limit: int,
        start: Json | None,
    ) -> tuple[list[Row], Json | None]:
        """Up to ``limit`` runs that were created in the span, and where the next page starts (``None``: there is none).

        A page may hold fewer runs than ``limit`` although there are more.

        Raises:
            InputError: ``start`` is not of this span.
        """
        made, following = self._newest(to_text(since), _position(since, until, start), only, limit)
        rows = {row.run.run_id: row for row in self.ledger.rows([_run_id(each) for each in made])}
        page: list[Row] = []
        room = MAX_PAGE_BYTES
        for number, each in enumerate(made):
            row = rows.get(_run_id(each))
            if row is None or not _fits(row, only):
                continue
            room -= _size(row)
            if page and room < 0:
                return page, {"before": made[number - 1]}
            page.append(row)
        return page, {"before": following} if following is not None else None

    def _newest(self, since: str, before: str, only: Mapping[str, str], limit: int) -> tuple[list[str], str | None]:
        """Return when the newest runs were made, and before when there may be others; ``None``: there is none."""
        found: list[str] = []
        for _ in range(MAX_LOOKS):
            made, end = self._look(since, before, only, LOOK if only else limit + 1)
            found += made
            if len(found) > limit or (len(found) == limit and end is not None):
                return found[:limit], found[limit - 1]
            if end is None:
                return found, None
            before = end
        return found, before

    def _look(self, since: str, before: str, only: Mapping[str, str], limit: int) -> tuple[list[str], str | None]:
        """Look at each lane once. Return what was found as far back as all lanes were seen, and how far that is."""
        looked = [self.ledger.made(lane, since=since, until=before, only=only, limit=limit) for lane in LANES]
        seen_until = max((last for _, last in looked if last is not None), default=None)
        made = sorted((each for lane, _ in looked for each in lane if each != before), reverse=True)
        return [each for each in made if seen_until is None or each >= seen_until], seen_until


def _position(since: datetime, until: datetime, start: Json | None) -> str:
    """Where a page starts: after this.

    Raises:
        InputError: ``start`` is not what a page of this span ended with.
    """
    begin, end = to_text(since), f"{to_text(until)}~"
    if start is None:
        return end
    before = start.get("before")
    if start.keys() != {"before"} or not POSITION.fullmatch(str(before)) or not begin <= str(before) <= end:
        raise InputError([("cursor", "belongs to another question")])
    return str(before)


def _run_id(made_at: str) -> str:
    return made_at.partition(" ")[2]


def _fits(row: Row, only: Mapping[str, str]) -> bool:
    """Whether a row is as asked for. The index may be a moment behind, and does not tell pending from performing."""
    return only.get("status") in (None, row.status)


def _size(row: Row) -> int:
    return sum(len(json.dumps(part, ensure_ascii=False).encode()) for part in (row.result, row.error))
