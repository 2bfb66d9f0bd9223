"""The runs of a span of time, newest first, page by page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from aichats.errors import InputError
from aichats.runs.ledger import Ledger
from aichats.runs.rows import Json, Row
from aichats.runs.times import to_text

MAX_QUERIES = 40
"""For one page: a day each, and more where few rows of a day fit the filter."""


POSITION = {"day", "created_at", "run_id"}
"""The keys by which DynamoDB goes on within a day."""


@dataclass(frozen=True)
class History:
    """Reads the ledger's index of days."""

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
        first, day = since.astimezone(UTC).date(), _first_day(since, until, start)
        position = start if start and "run_id" in start else None
        found: list[Row] = []
        for _ in range(MAX_QUERIES):
            rows, position = self.ledger.page(
                day.isoformat(),
                since=to_text(since),
                until=to_text(until),
                only=only,
                limit=limit - len(found),
                start=position,
            )
            found += rows
            if position is None:
                day -= timedelta(days=1)
            if len(found) == limit or day < first:
                break
        if position is not None:
            return found, position
        return found, {"day": day.isoformat()} if day >= first else None


def _first_day(since: datetime, until: datetime, start: Json | None) -> date:
    """The day on which a page starts.

    Raises:
        InputError: ``start`` is not what a page of this span ended with.
    """
    if start is None:
        return until.astimezone(UTC).date()
    begin, end = to_text(since), to_text(until)
    if start.keys() == POSITION:
        fits = start["created_at"][:10] == start["day"] and begin <= start["created_at"] <= end
    else:
        fits = start.keys() == {"day"} and begin[:10] <= start["day"] <= end[:10]
    try:
        day = date.fromisoformat(start["day"]) if fits else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != start["day"]:
        raise InputError([("cursor", "belongs to another question")])
    return day
