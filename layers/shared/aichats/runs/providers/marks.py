"""Marks: the beginnings of titles by which aichats finds chats.

If the response to a create is lost, aichats finds the chat by its mark. The mark is at the front of the title, so it
remains even if a provider cuts the title. The mark is derived from the ledger's name and the run's id, so two stacks
with the same credential never mistake each other's chats for their own.

A run gets its title and the base of its idempotency keys once, before its first attempt.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable

from aichats.json_types import Json
from aichats.runs.action import Action
from aichats.runs.model import Run

KEY_CHARACTERS = 32
MARK_CHARACTERS = 10
"""The length of a mark (50 bits). The mark is the beginning of the key's base."""
TITLE_CHARACTERS = 120
"""The maximum length of the title with which a chat is created. A second call then sets the whole title."""


def preparation(ledger: str, *, mark_titles: bool) -> Callable[[Run], Json]:
    """Return the function that returns the title and the key's base for the row of a new run.

    Args:
        ledger: the name of the ledger's table, which identifies the ledger.
        mark_titles: whether chats are created with a mark in their title (parameter ``TitleMark``).
    """

    def prepare(run: Run) -> Json:
        if run.action.type != "whop.create_chat":
            return {}
        base = key_base(ledger, run.run_id)
        return {"key_base": base, "title": marked_title(run.action, base) if mark_titles else None}

    return prepare


def key_base(ledger: str, run_id: str) -> str:
    """Return the beginning of all idempotency keys of a run, which has 32 characters (160 bits)."""
    unique = json.dumps([ledger, run_id]).encode()
    return base64.b32encode(hashlib.sha256(unique).digest()).decode().lower()[:KEY_CHARACTERS]


def marked_title(action: Action, base: str) -> str:
    """Return the title with which a chat is created: the mark, then the action's title or the message's first line."""
    title = action.title or next(iter((action.message or "").strip().splitlines()), "")
    return f"{base[:MARK_CHARACTERS]} · {title}"[:TITLE_CHARACTERS].rstrip()


def mark_of(title: str | None) -> str | None:
    """Return the mark at the front of a title; ``None`` if there is none."""
    # Compiled at its first use, because only a lookup needs it.
    match = re.match(rf"([a-z2-7]{{{MARK_CHARACTERS}}}) ·", title or "")
    return match.group(1) if match else None
