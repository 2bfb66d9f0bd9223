"""The mark in a title by which a chat is known again when the answer to its create got lost."""

from collections.abc import Iterable

from aichats.runs.actions import WhopCreateChat
from aichats.whop import AiChat

MARK_CHARACTERS = 8
"""Of the run_id: 40 bits, so two runs of one credential share a mark once in about a million runs."""
TITLE_CHARACTERS = 120


def mark(run_id: str) -> str:
    """What a marked title ends with."""
    return f" · {run_id[:MARK_CHARACTERS]}"


def marked_title(action: WhopCreateChat, run_id: str) -> str:
    """The title that a chat is created with: its own, or the message's first line, and the mark."""
    title = action.title or action.message_text.strip().splitlines()[0]
    return title[:TITLE_CHARACTERS].rstrip() + mark(run_id)


def find_marked(chats: Iterable[AiChat], run_id: str) -> list[str]:
    """Ids of the chats that carry the run's mark. All are looked at: Whop promises no order."""
    wanted = mark(run_id)
    return list(dict.fromkeys(chat.id for chat in chats if chat.title and chat.title.endswith(wanted)))
