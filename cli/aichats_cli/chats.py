"""The chats that commands read and change: those that are named, those of a company, and all."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from aichats_cli.errors import UsageError
from aichats_cli.ids import read_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aichats_cli.models import AiChat, AiChatPage, RunView
    from aichats_cli.session import Session

PREFIX = "aich_"
"""The beginning of the IDs of Whop's chats."""
CHAT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,199}")
"""The IDs of Whop's and Kodey's chats."""
WINDOW = timedelta(days=30)
"""The length of the windows in which runs are looked for. The API takes 31 days."""
WINDOWS = 4
"""The number of these windows. aichats keeps a run for 90 days."""


def chats_of(session: Session, company: str | None = None) -> Iterator[AiChat]:
    """Yield the chats that the stack's Whop credential sees.

    Args:
        session: the session of the command.
        company: yield only those that aichats created for this company in the last 90 days. Whop doesn't show the
            company of a chat, but the run that created it does.
    """
    wanted = None if company is None else _created_for(session, company)
    after: str | None = None
    while wanted is None or wanted:
        page: AiChatPage = session.api.get("/chats", first=100, after=after)
        for chat in page["data"]:
            if wanted is None:
                yield chat
            elif chat["id"] in wanted:
                wanted.remove(chat["id"])
                yield chat
        after = page["page_info"].get("end_cursor")
        if not page["page_info"]["has_next_page"] or after is None:
            return


def _created_for(session: Session, company: str) -> set[str]:
    """Return the IDs of the chats that aichats created for a company."""
    created: set[str] = set()
    end = session.system.now() + timedelta(days=1)  # The clock of this machine may be slow.
    times = [(end - WINDOW * number).isoformat(timespec="seconds") for number in range(WINDOWS + 1)]
    for until, since in pairwise(times):
        runs: Iterator[RunView] = session.api.pages("/runs", target=company, since=since, until=until)
        created |= {str(run["chat_id"]) for run in runs if run["chat_id"] and run["action"] == "whop.create_chat"}
    return created


def named_chats(session: Session, texts: Sequence[str]) -> list[str]:
    """Return the IDs that were typed, each once.

    Args:
        session: the session of the command.
        texts: IDs, IDs with commas or spaces between them, and `-` for those of standard input.

    Raises:
        UsageError: a text isn't an ID, or standard input is a terminal.
    """
    chat_ids = read_ids(session, texts)
    for chat_id in chat_ids:
        path_to_chat(chat_id)
    return chat_ids


def is_of_whop(chat_id: str) -> bool:
    """Return whether a chat is Whop's. All others are Kodey's."""
    return chat_id.startswith(PREFIX)


def path_to_chat(chat_id: str) -> str:
    """Return the path of a chat of Whop or of Kodey in the API.

    Raises:
        UsageError: no chat can have this ID.
    """
    if not CHAT_ID.fullmatch(chat_id):
        raise UsageError(f"{chat_id!r} is not the ID of a chat", "list the chats: aichats chats list")
    return f"/chats/{chat_id}" if is_of_whop(chat_id) else f"/kodey/chats/{chat_id}"


def path_to_kodey_chat(chat_id: str) -> str:
    """Return the path of a chat of Kodey in the API.

    Raises:
        UsageError: no chat of Kodey can have this ID.
    """
    if is_of_whop(chat_id):
        raise UsageError(f"{chat_id} is a chat of Whop, which has no operation for its messages", "open it in Whop")
    return path_to_chat(chat_id)
