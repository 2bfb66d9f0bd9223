"""Pages of lists."""

import base64
from bisect import bisect_left, bisect_right
from typing import NamedTuple, Self

from local.standins.shared.listing import Listed, Order, rank
from local.standins.whop.errors import WhopError
from local.standins.whop.parameters import ListPage

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
"""Upper limit for the size of a page."""


class Place(NamedTuple):
    """The position of an item in lists, which is valid even after the item was deleted."""

    sequence: int
    item_id: str

    def rank(self, order: Order) -> int:
        """Return the sort key for this order."""
        return rank(order, self.sequence, self.item_id)

    @property
    def cursor(self) -> str:
        """The opaque cursor for this place."""
        return base64.urlsafe_b64encode(f"{self.sequence}:{self.item_id}".encode()).decode()

    @classmethod
    def at(cls, cursor: str, param: str) -> Self:
        """Return the place of a cursor.

        Raises:
            WhopError: 400, the cursor is invalid.
        """
        try:
            sequence, item_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().split(":")
            return cls(int(sequence), item_id)
        except ValueError as error:
            message = f"Invalid parameter: {param}. It is no cursor of a list"
            raise WhopError(400, message, code="parameter_invalid", param=param) from error


class Page[ItemT: Listed](NamedTuple):
    """A part of a list, with flags for more items on either side."""

    items: list[ItemT]
    has_next: bool
    has_previous: bool

    def info(self) -> dict[str, str | bool | None]:
        """Return the ``page_info`` of a list."""
        return {
            "start_cursor": place_of(self.items[0]).cursor if self.items else None,
            "end_cursor": place_of(self.items[-1]).cursor if self.items else None,
            "has_next_page": self.has_next,
            "has_previous_page": self.has_previous,
        }


def place_of(item: Listed) -> Place:
    """Return the place of an item."""
    return Place(item.sequence, item.id)


def page_of[ItemT: Listed](items: list[ItemT], query: ListPage, order: Order) -> Page[ItemT]:
    """Return the query's page of ``items`` in this order: cut by cursors, then by ``first``, then by ``last``.

    Raises:
        WhopError: 400, a cursor is invalid.
    """
    ranks = [place_of(item).rank(order) for item in items]
    start, stop = 0, len(items)
    if query.after:
        start = bisect_right(ranks, Place.at(query.after, "after").rank(order))
    if query.before:
        stop = max(start, bisect_left(ranks, Place.at(query.before, "before").rank(order)))
    if query.first or not query.last:
        stop = min(stop, start + min(query.first or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE))
    if query.last:
        start = max(start, stop - min(query.last, MAX_PAGE_SIZE))
    return Page(items[start:stop], has_next=stop < len(items), has_previous=start > 0)
