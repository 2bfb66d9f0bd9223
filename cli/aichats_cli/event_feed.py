"""Follows the events of a stack: each once, in the order in which they become known, whatever the network does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aichats_cli.models import EventPage, EventView
    from aichats_cli.session import Session

PAUSE_SECONDS = 1.5
"""The wait between two requests if there are no more events."""
REMEMBERED = 10_000
"""The number of events whose ids are kept. The API repeats events of the last 90 seconds only."""


class FollowedEvents:
    """The events of a stack from a time on.

    Args:
        session: the API is that of its profile.
        since: the time of the first event.
        types: the types and groups of events; none: all.
        run: only events about this run.
    """

    def __init__(self, session: Session, since: str, types: Sequence[str], run: str | None) -> None:
        self._session = session
        self._query: dict[str, object] = {"type": ",".join(types) or None, "run_id": run, "limit": 100}
        self._position: dict[str, object] = {"since": since}
        self._seen: dict[str, None] = {}
        self._is_cut = False

    def __iter__(self) -> Iterator[EventView]:
        """Yield events as they come, without an end. The first request must succeed; later ones are sent again.

        Raises:
            CommandError: the first request failed, or the API rejects a later one.
        """
        page: EventPage | None = self._page()
        while True:
            yield from self._new(page)
            if page is None or not page["has_more"]:
                self._session.system.sleep(PAUSE_SECONDS)
            page = self._page_or_none()

    def _page(self) -> EventPage:
        page: EventPage = self._session.api.get("/events", **self._query, **self._position)
        self._position = {"cursor": page["next_cursor"]}
        return page

    def _page_or_none(self) -> EventPage | None:
        """Return the next page; ``None`` if the network fails. Then the same page is asked for again.

        Raises:
            CommandError: the API rejects the request, and would again.
        """
        try:
            page = self._page()
        except CommandError as error:
            if not error.is_temporary:
                raise
            if not self._is_cut:
                self._session.note(f"{error.message}. Trying again …")
            self._is_cut = True
            return None
        if self._is_cut:
            self._session.note("Connected again. Events of the meantime follow.")
        self._is_cut = False
        return page

    def _new(self, page: EventPage | None) -> Iterator[EventView]:
        """Yield the events of a page that were not yielded before."""
        for event in page["data"] if page else ():
            if event["id"] not in self._seen:
                self._seen[event["id"]] = None
                yield event
        for event_id in list(self._seen)[:-REMEMBERED]:
            del self._seen[event_id]
