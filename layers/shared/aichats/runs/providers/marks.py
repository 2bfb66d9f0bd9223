"""What a create depends on, decided once for a new run: its title with a mark, and the base of its idempotency keys.

A chat whose create's answer got lost is found again by the mark. It is at the front of the title, so that a provider
that cuts titles leaves it, and it is derived from the ledger and the run: two stacks with one credential never take
each other's chats.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable

from aichats.aws.table import Json
from aichats.runs.actions import WhopCreateChat
from aichats.runs.model import Run

KEY_CHARACTERS = 32
MARK_CHARACTERS = 10
"""The first of the key's base: 50 bits."""
TITLE_CHARACTERS = 120
"""Longest title to create a chat with. The chat gets its whole title right afterwards."""
_MARKED = re.compile(rf"([a-z2-7]{{{MARK_CHARACTERS}}}) ·")


def preparation(ledger: str, *, mark_titles: bool) -> Callable[[Run], Json]:
    """Return what a ledger's rows are prepared with.

    Args:
        ledger: identifies the ledger: the name of its table.
        mark_titles: whether chats are created under a title with a mark (parameter ``TitleMark``).
    """

    def prepare(run: Run) -> Json:
        if not isinstance(run.action, WhopCreateChat):
            return {}
        base = key_base(ledger, run.run_id)
        return {"key_base": base, "title": marked_title(run.action, base) if mark_titles else None}

    return prepare


def key_base(ledger: str, run_id: str) -> str:
    """Return what the idempotency keys of a run begin with: 32 characters (160 bits)."""
    unique = json.dumps([ledger, run_id]).encode()
    return base64.b32encode(hashlib.sha256(unique).digest()).decode().lower()[:KEY_CHARACTERS]


def marked_title(action: WhopCreateChat, base: str) -> str:
    """Return the title to create a chat with: the mark, then its own title or the message's first line."""
    title = action.title or next(iter(action.message_text.strip().splitlines()), "")
    return f"{base[:MARK_CHARACTERS]} · {title}"[:TITLE_CHARACTERS].rstrip()


def mark_of(title: str | None) -> str | None:
    """Return the mark at the front of a title; ``None`` if there is none."""
    found = _MARKED.match(title or "")
    return found.group(1) if found else None
