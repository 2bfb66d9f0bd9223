"""The filters of runs as API clients send them, and the window of time that a filter covers."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, TypeAdapter, ValidationError

from aichats.automations.definition_models import LabelFilter
from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.models import Request
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.rows import Row, RunStatus
from aichats.runs.model import Trigger
from aichats.runs.stranded import GIVE_UP
from aichats.validation import A_TIME

MAX_WINDOW = timedelta(days=31)
DEFAULT_WINDOW = timedelta(days=7)
LONGEST_RUN = GIVE_UP + timedelta(hours=1)
"""The maximum time that a run is open. The sweep finds an old run after the settle time, in one of its next rounds."""

_TIME = TypeAdapter(datetime)


def _date_and_time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    # pydantic accepts digits as seconds since 1970.
    if not isinstance(value, str) or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]", value):
        raise ValueError(A_TIME)
    try:
        # In the strict mode of bodies, pydantic accepts no text from a validator before its own.
        return _TIME.validate_python(value)
    except ValidationError:
        return value  # The error for this text is better.


type WindowTime = Annotated[
    AwareDatetime,
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC)),
    BeforeValidator(_date_and_time),
]


@frozen
class Window:
    """The time that a list or a job covers.

    A run counts if it was created inside the window, or ended inside it and was created at most 26 hours earlier.
    """

    since: datetime
    until: datetime

    @property
    def first_created(self) -> datetime:
        """The earliest time at which a run of the window was created."""
        return self.since - LONGEST_RUN

    def has(self, row: Row) -> bool:
        """Return whether a run that was created since ``first_created`` counts."""
        return row.created_at >= self.since or (
            row.finished_at is not None and self.since <= row.finished_at <= self.until
        )


class RunConditions(Request):
    """The conditions that runs can be selected by, without their statuses."""

    automation: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None, Field(description="The name of an automation")
    ] = None
    target: Annotated[
        Annotated[str, Field(min_length=1, max_length=255)] | None, Field(description="A company, a chat or an agent")
    ] = None
    label: Annotated[LabelFilter | None, Field(description="A label of the run, as `key:value`")] = None
    trigger: Annotated[Trigger | None, Field(description="The trigger that started the run")] = None
    slot_since: Annotated[WindowTime | None, Field(description="Only runs of this slot and later ones")] = None
    slot_until: Annotated[WindowTime | None, Field(description="Only runs of earlier slots")] = None
    since: Annotated[
        WindowTime | None,
        Field(description="The start of the window; by default `slot_since`, else 7 days before `until`"),
    ] = None
    until: Annotated[
        WindowTime | None, Field(description="The end of the window, at most 31 days after `since`; by default now")
    ] = None

    def with_statuses(self, *statuses: RunStatus) -> RunFilter:
        """Return the filter that these conditions and statuses describe. Without statuses, every status counts."""
        key, _, value = (self.label or "").partition(":")
        return RunFilter(
            statuses=statuses,
            automation=self.automation,
            target=self.target,
            label=(key, value) if self.label is not None else None,
            trigger=self.trigger,
            slot_since=self.slot_since,
            slot_until=self.slot_until,
        )

    def window(self, now: datetime, earlier: Window | None = None) -> Window:
        """Return the window of the runs. ``earlier`` is that of the first page: all pages have the same window.

        A run is created at or after its slot. So if only ``slot_since`` is given, the window begins with it.

        Raises:
            InputError: the window is empty or too long.
        """
        if self.since is None and earlier is None and self.slot_since is not None:
            since = self.slot_since
            until = self.until or max(since, min(now, since + MAX_WINDOW))
        else:
            until = self.until or (earlier.until if earlier else now)
            since = self.since or (earlier.since if earlier else until - DEFAULT_WINDOW)
        if not timedelta(0) <= until - since <= MAX_WINDOW:
            raise InputError([("since", "must be before until, by at most 31 days")])
        return Window(since, until)
