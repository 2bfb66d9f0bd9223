"""Reads stored events page after page, oldest first, without missing those that are stored late.

Events are stored by their time, but a few seconds after it, and after an outage hours later. So an event can appear
before one that was read already. Two things make the reading complete:

- An event that is stored more than :data:`~aichats.events.log.LATE_AFTER` after its time has a copy among the late
  events, which are in the order in which they are stored.
- A position is final only up to :data:`FINAL_AFTER` before now. The rest is counted, and counted again for the next
  page. If the number has grown, the rest is read again. So an event may be returned twice, but none is left out.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from aichats.events.log import BY_ARRIVAL, BY_TIME, LATE_AFTER, EventLog, sort_key
from aichats.events.model import SentEvent
from aichats.frozen import frozen
from aichats.runs.ledger.times import to_text

WRITE_TIME = timedelta(seconds=75)
"""The maximum time of a write: that of ``publish_events``, and 15 seconds for clocks that differ."""
FINAL_AFTER = LATE_AFTER + WRITE_TIME
"""The time after which no event appears any more, except among the late ones."""
SEARCHED_EVENTS = 1000
"""The maximum number of events that are read for a page."""


class FeedPosition(NamedTuple):
    """A position in one of the two orders.

    Attributes:
        final: everything up to this key was read, and nothing can appear there.
        last: the last key that was read.
        unsettled: the number of keys after ``final``, up to ``last``.
    """

    final: str
    last: str
    unsettled: int = 0

    @classmethod
    def at(cls, time: datetime) -> "FeedPosition":
        """Return the position before the events of a time."""
        return cls(to_text(time), to_text(time))


class FeedPage(NamedTuple):
    """Events in the order of their keys.

    Attributes:
        position: the position after them.
        is_last: whether there are no more events now.
    """

    events: list[SentEvent]
    position: FeedPosition
    is_last: bool


@frozen
class EventFeed:
    """Reads events.

    Args:
        log: the stored events.
        now: the current time.
        wanted: returns whether an event is to be returned.
    """

    log: EventLog
    now: datetime
    wanted: Callable[[SentEvent], bool]

    def events(self, after: FeedPosition, limit: int, until: datetime | None = None) -> FeedPage:
        """Return the next events up to ``until``, by their times."""
        return self._page(BY_TIME, after, limit, self.wanted, to_text(until or self.now + FINAL_AFTER))

    def late_events(self, after: FeedPosition, limit: int, read: FeedPosition) -> FeedPage:
        """Return the next late events that have appeared before the position ``read``. All others are still to come."""

        def wanted(event: SentEvent) -> bool:
            return sort_key(event) <= read.last and self.wanted(event)

        return self._page(BY_ARRIVAL, after, limit, wanted, to_text(self.now + FINAL_AFTER))

    def _page(
        self, order: str, after: FeedPosition, limit: int, wanted: Callable[[SentEvent], bool], until: str
    ) -> FeedPage:
        keys = list(self._keys(order, after))
        start = after.last
        if len(keys) != after.unsettled:
            keys, start = [], after.final
        events: list[SentEvent] = []
        last, is_last = start, True
        for number, (key, event) in enumerate(self.log.after(order, start, until), 1):
            if wanted(event):
                events.append(event)
            keys.append(key)
            last = key
            if len(events) == limit or number == SEARCHED_EVENTS:
                is_last = False
                break
        return FeedPage(events, self._position(after, keys, last, is_last=is_last), is_last)

    def _keys(self, order: str, position: FeedPosition) -> Iterator[str]:
        """Yield the keys that are now in the part that was not final."""
        return self.log.keys(order, position.final, position.last) if position.final < position.last else iter(())

    def _position(self, before: FeedPosition, keys: list[str], last: str, *, is_last: bool) -> FeedPosition:
        settled = to_text(self.now - FINAL_AFTER)
        last = max(last, settled) if is_last else last
        final = max(before.final, min(last, settled))
        return FeedPosition(final, last, sum(final < key <= last for key in keys))
