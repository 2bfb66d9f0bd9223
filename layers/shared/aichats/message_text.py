"""The checks of the text of a message, without models."""

import json
import re
from functools import cache

MAX_MESSAGE_BYTES = 32 * 1024
"""The maximum size of a message in bytes of UTF-8, unless the stack has another limit."""
MAX_STORED_MESSAGE_BYTES = 131_072
"""The largest ``max_message_bytes`` that a stack can have."""
MAX_JSON_BYTES = 350_000
"""The maximum size of a message as JSON, where a control character takes six bytes. DynamoDB's limit is 400 KB."""
_BLANK = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
"""Invisible characters that Unicode classifies as letters, marks or symbols, or has not assigned."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""The categories of control and format characters, lone surrogates and spaces."""


def check_message(text: str, limit: int, *, stored: bool = False) -> None:
    """Check the text of a message. A ``stored`` text needs no visible character, because earlier versions accepted it.

    Raises:
        ValueError: the text is empty, too long, or invisible. The error shows nothing of the text.
    """
    if not text.strip():
        raise ValueError("must not be empty")
    if (size := len(text.encode())) > limit:
        raise ValueError(f"is {size} bytes long, the limit is {limit}")
    # Earlier versions accepted such texts, and stored texts must stay readable.
    if not stored:
        _check_new_message(text, size)


def _check_new_message(text: str, size: int) -> None:
    if not _shows_something(text):
        raise ValueError("must contain a visible character")
    if 6 * size > MAX_JSON_BYTES and len(json.dumps(text, ensure_ascii=False).encode()) > MAX_JSON_BYTES:
        raise ValueError(f"has more than {MAX_JSON_BYTES} bytes as JSON: use fewer control characters")


def _shows_something(text: str) -> bool:
    """Return whether a text has a visible character."""
    if any(char.isprintable() and char != " " and not _is_blank(char) for char in text):
        return True
    # Private and unassigned characters count as visible: newer emoji are among them.
    from unicodedata import category

    return any(category(char) not in _INVISIBLE and not _is_blank(char) for char in text)


def _is_blank(char: str) -> bool:
    # No blank character is ASCII, so most texts don't need the pattern, which takes time to compile.
    return not char.isascii() and _blanks().match(char) is not None


@cache
def _blanks() -> re.Pattern[str]:
    return re.compile(_BLANK)
