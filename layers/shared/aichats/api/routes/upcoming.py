"""``/upcoming``: the next times of all automations."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Annotated

from pydantic import Field

from aichats.api.cursors import read_cursor, write_cursor
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.preview_view import FireTime, times_of
from aichats.api.run_filters import WindowTime
from aichats.api.stored_automations import READ
from aichats.automations.definition_models import Name
from aichats.automations.model import ScheduleTrigger
from aichats.automations.row import AutomationRow
from aichats.errors import InputError
from aichats.frozen import frozen
from aichats.models import DeferredModel, Request, WholeNumber
from aichats.schedules.pauses import Pauses

SHOWN_TIMES = 50
"""The maximum number of times of an automation. So a page has at most 5,000, which take less than 500 KB."""
LONGEST_VIEW = timedelta(days=7)
DEFAULT_VIEW = timedelta(hours=24)


class ListUpcoming(Request, defer_build=True):
    """The window, and the page."""

    until: Annotated[
        WindowTime | None, Field(description="The end of the window, at most 7 days ahead; by default 24 hours ahead")
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="The maximum number in a page"), WholeNumber] = 50
    cursor: Annotated[
        Annotated[str, Field(min_length=1, max_length=1000)] | None,
        Field(description="The `next_cursor` of the page before"),
    ] = None


class UpcomingCursor(Request, defer_build=True):
    """The content of ``next_cursor``: the window of the first page, and the last automation of the page."""

    since: WindowTime
    until: WindowTime
    first: WindowTime
    automation: Name


class UpcomingTimes(DeferredModel):
    """The next times of an automation."""

    automation: Name
    expression: str
    timezone: Annotated[str, Field(description="The time zone of the schedule")]
    targets: Annotated[int, Field(description="The number of targets: the runs that each time starts")]
    times: Annotated[list[FireTime], Field(description="The first times in the window, at most 50")]
    more: Annotated[bool, Field(description="Whether the window has more times")]


class Upcoming(DeferredModel):
    """A page of automations, sorted by their first time and then by name."""

    since: Annotated[datetime, Field(description="The start of the window: the time of the first page's request")]
    until: Annotated[datetime, Field(description="The end of the window")]
    data: list[UpcomingTimes]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


@frozen
class UpcomingWindow:
    """A window of time without the pauses of the stack."""

    since: datetime
    until: datetime
    stack: Pauses

    def times(self, row: AutomationRow) -> Iterator[datetime]:
        """Return the times of an automation in the window, oldest first, without those in a pause."""
        return takewhile(lambda time: time <= self.until, self.stack.skip(row.unpaused_slots, self.since))

    def view(self, row: AutomationRow, trigger: ScheduleTrigger) -> UpcomingTimes:
        """Return the times of an automation as API clients see them."""
        times = list(islice(self.times(row), SHOWN_TIMES + 1))
        return UpcomingTimes.model_construct(
            automation=row.name,
            expression=trigger.expression,
            timezone=trigger.timezone,
            targets=len(row.automation.targets),
            times=times_of(trigger, times[:SHOWN_TIMES]),
            more=len(times) > SHOWN_TIMES,
        )


@operation(
    "GET", "/upcoming", "List the next runs", scopes=READ, query=ListUpcoming, answers={200: Upcoming}, limited=True
)
def list_upcoming(call: ApiCall[None, ListUpcoming]) -> Reply:
    """Return the next times of all automations: those of the next 24 hours, or until a time.

    Automations without a time in the window are left out, and so are times inside a pause. The first time of an
    automation decides its place in the list. All pages have the window of the first one. A client that is limited to
    companies gets only its own automations.
    """
    cursor = read_cursor(UpcomingCursor, call.query.cursor) if call.query.cursor else None
    window = _window(call, cursor)
    found = dict(_schedules(call, window))
    rest = sorted(place for place in found if cursor is None or place > (cursor.first, cursor.automation))
    page = rest[: call.query.limit]
    data = [window.view(*found[place]) for place in page]
    next_cursor = None
    if len(page) < len(rest):
        first, name = page[-1]
        position = UpcomingCursor(since=window.since, until=window.until, first=first, automation=name)
        next_cursor = write_cursor(position)
    body = Upcoming.model_construct(since=window.since, until=window.until, data=data, next_cursor=next_cursor)
    return Reply(body)


def _window(call: ApiCall[None, ListUpcoming], cursor: UpcomingCursor | None) -> UpcomingWindow:
    """Return the window that a request asks for, or that of the first page.

    Raises:
        InputError: the window is empty or too long.
    """
    now = call.app.ledger.clock()
    since = cursor.since if cursor else now
    until = call.query.until or (cursor.until if cursor else since + DEFAULT_VIEW)
    if not timedelta(0) < until - since <= LONGEST_VIEW:
        raise InputError([("until", "must be in the future, by at most 7 days")])
    return UpcomingWindow(since, until, call.app.stack_pause.pauses(now))


def _schedules(
    call: ApiCall[None, ListUpcoming], window: UpcomingWindow
) -> Iterator[tuple[tuple[datetime, str], tuple[AutomationRow, ScheduleTrigger]]]:
    """Yield the place of each automation in the list, and the automation. Those without a time are not in the list."""
    for row in call.app.automation_table.rows():
        trigger = row.schedule
        if trigger is None or not trigger.enabled or not call.limit.has_automation(row):
            continue
        if first := next(window.times(row), None):
            yield (first, row.name), (row, trigger)
