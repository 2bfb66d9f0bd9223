"""Pages of lists."""

import base64
from bisect import bisect_left, bisect_right
from typing import NamedTuple, Self

from local.standins.shared.listing import Order, rank
from local.standins.whop.chats import Chat
from local.standins.whop.errors import WhopError
from local.standins.whop.parameters import ListAiChats

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
"""Upper limit for the size of a page."""


class Place(NamedTuple):
    """The position of a chat in lists, which is valid even after the chat was deleted."""

    sequence: int
    chat_id: str

    def rank(self, order: Order) -> int:
        """Return the sort key for this order."""
        return rank(order, self.sequence, self.chat_id)

    @property
    def cursor(self) -> str:
        """The opaque cursor for this place."""
        return base64.urlsafe_b64encode(f"{self.sequence}:{self.chat_id}".encode()).decode()

    @classmethod
    def at(cls, cursor: str, param: str) -> Self:
        """Return the place of a cursor.

        Raises:
            WhopError: 400, the cursor is invalid.
        """
        try:
            sequence, chat_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().split(":")
            return cls(int(sequence), chat_id)
        except ValueError as error:
            message = f"Invalid parameter: {param}. It is no cursor of a list"
            raise WhopError(400, message, code="parameter_invalid", param=param) from error


class Page(NamedTuple):
    """A part of a list, with flags for more chats on either side."""

    chats: list[Chat]
    has_next: bool
    has_previous: bool

    def info(self) -> dict[str, str | bool | None]:
        """Return the ``page_info`` of a list."""
        return {
            "start_cursor": place_of(self.chats[0]).cursor if self.chats else None,
            "end_cursor": place_of(self.chats[-1]).cursor if self.chats else None,
            "has_next_page": self.has_next,
            "has_previous_page": self.has_previous,
        }


def place_of(chat: Chat) -> Place:
    """Return the place of a chat."""
    return Place(chat.sequence, chat.id)


def page_of(chats: list[Chat], query: ListAiChats, order: Order) -> Page:
    """Return the query's page of ``chats`` in this order: cut by cursors, then by ``first``, then by ``last``.

    Raises:
        WhopError: 400, a cursor is invalid.
    """
    ranks = [place_of(chat).rank(order) for chat in chats]
    start, stop = 0, len(chats)
    if query.after:
        start = bisect_right(ranks, Place.at(query.after, "after").rank(order))
    if query.before:
        stop = max(start, bisect_left(ranks, Place.at(query.before, "before").rank(order)))
    if query.first or not query.last:
        stop = min(stop, start + min(query.first or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE))
    if query.last:
        start = max(start, stop - min(query.last, MAX_PAGE_SIZE))
    return Page(chats[start:stop], has_next=stop < len(chats), has_previous=start > 0)
