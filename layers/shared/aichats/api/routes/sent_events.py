"""``GET /events``: the stored events of aichats, to read once or to follow."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from aichats.api.cursors import read_cursor, write_cursor
from aichats.api.operation import ApiCall, Reply, operation
from aichats.api.run_filters import WindowTime
from aichats.errors import InputError
from aichats.events.feed import FINAL_AFTER, EventFeed, FeedPosition
from aichats.events.model import SentEvent
from aichats.models import Request, RunId, WholeNumber
from aichats.subscriptions.model import known_pattern, selects

DEFAULT_SPAN = timedelta(hours=24)


def _key(text: str) -> str:
    date.fromisoformat(text[:10])
    return text


def _patterns(text: str) -> str:
    for pattern in text.split(","):
        known_pattern(pattern)
    return text


class ListEvents(Request):
    """The events to return."""

    type: Annotated[
        Annotated[str, Field(max_length=1000), AfterValidator(_patterns)] | None,
        Field(description="Types of events or groups such as `run.*`, separated by commas", examples=["run.failed"]),
    ] = None
    run_id: Annotated[RunId | None, Field(description="Only events about this run")] = None
    since: Annotated[
        WindowTime | None,
        Field(description="The time of the first event; by default 24 hours ago. Events are stored for 30 days"),
    ] = None
    until: Annotated[
        WindowTime | None,
        Field(description="The time of the last event. Then the last page has no `next_cursor`"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=100, description="The maximum number of events in a page"), WholeNumber] = 50
    cursor: Annotated[
        Annotated[str, Field(min_length=1, max_length=1000)] | None,
        Field(description="The `next_cursor` of the page before"),
    ] = None


class EventView(BaseModel):
    """An event, as receivers get it."""

    id: Annotated[str, Field(description="Identifies the event, however often it comes")]
    type: Annotated[str, Field(examples=["run.failed"])]
    version: int
    timestamp: Annotated[str, Field(description="The time of what happened, in UTC")]
    stack: Annotated[str, Field(description="The name of the stack")]
    data: Annotated[dict[str, Any], Field(description="What happened")]


class EventPage(BaseModel):
    """A page of events, oldest first."""

    data: list[EventView]
    has_more: Annotated[bool, Field(description="Whether there are more events now")]
    next_cursor: Annotated[
        str | None, Field(description="The `cursor` of the next page; null if the last event up to `until` was read")
    ]


type CursorKey = Annotated[str, Field(pattern=r"^[0-9-]{10}T[0-9:.]{8,15}Z(#[a-z0-9_]{1,64})?$"), AfterValidator(_key)]
type CursorPosition = tuple[CursorKey, CursorKey, Annotated[int, Field(ge=0)]]


class EventsCursor(Request):
    """The content of ``next_cursor``: the positions among all events and among the late ones."""

    events: CursorPosition
    late: CursorPosition


@operation(
    "GET",
    "/events",
    "List events",
    scopes=("runs:read", "automations:read"),
    query=ListEvents,
    answers={200: EventPage},
    limited=True,
)
def list_events(call: ApiCall[None, ListEvents]) -> Reply:
    """Return the events that aichats has sent, oldest first: those of the last 24 hours, or since a time.

    To follow the events, repeat the request with `next_cursor`: immediately while `has_more` is true, otherwise after
    some seconds. This misses no event. Late events come when aichats stores them, even if they are older than `since`.
    An event can come twice, with the same `id`. With `until`, late events are left out, and `next_cursor` is null on
    the last page. A page can be empty although there are more. A client that is limited to companies gets only the
    events of runs for these companies.
    """
    query, now = call.query, call.app.event_log.clock()
    if query.since and query.until and query.since > query.until:
        raise InputError([("since", "must not be after until")])
    feed = EventFeed(call.app.event_log, now, lambda event: _is_wanted(call, event))
    after, late_after = _read_positions(query.cursor) if query.cursor else _first_positions(feed, query.since)
    if query.until:
        page = feed.events(after, query.limit, query.until)
        return _reply(page.events, None if page.is_last else (page.position, late_after), has_more=not page.is_last)
    late = feed.late_events(late_after, query.limit, after)
    left = query.limit - len(late.events)
    if not left:
        return _reply(late.events, (after, late.position), has_more=True)
    page = feed.events(after, left)
    has_more = not (page.is_last and late.is_last)
    return _reply([*late.events, *page.events], (page.position, late.position), has_more=has_more)


def _is_wanted(call: ApiCall[None, ListEvents], event: SentEvent) -> bool:
    query = call.query
    return (
        (query.type is None or selects(query.type.split(","), event.type))
        and query.run_id in (None, event.data.get("run_id"))
        and call.limit.has_event(event)
    )


def _reply(events: list[SentEvent], positions: tuple[FeedPosition, FeedPosition] | None, *, has_more: bool) -> Reply:
    unique = {event.id: EventView.model_construct(**event.envelope) for event in events}
    cursor = _write_positions(*positions) if positions else None
    return Reply(EventPage.model_construct(data=list(unique.values()), has_more=has_more, next_cursor=cursor))


def _first_positions(feed: EventFeed, since: datetime | None) -> tuple[FeedPosition, FeedPosition]:
    # A client whose clock is fast must not miss the events of the next minutes.
    begin = min(since or feed.now - DEFAULT_SPAN, feed.now)
    return FeedPosition.at(begin), FeedPosition.at(feed.now - FINAL_AFTER)


def _write_positions(events: FeedPosition, late: FeedPosition) -> str:
    return write_cursor(EventsCursor(events=tuple(events), late=tuple(late)))


def _read_positions(cursor: str) -> tuple[FeedPosition, FeedPosition]:
    read = read_cursor(EventsCursor, cursor)
    return FeedPosition(*read.events), FeedPosition(*read.late)
