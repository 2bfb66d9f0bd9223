"""The tokens of calls."""

from collections.abc import Callable

from aichats.errors import InputError

type Token = str | Callable[[str | None], str]
"""A token, or a function that returns a token. The function is called with ``None`` before each call, and with the
rejected token after a 401 or a 403."""


def is_visible_ascii(text: str) -> bool:
    """Return whether a text is not empty and consists of visible ASCII characters, so that a header can have it."""
    return text != "" and text.isascii() and text.isprintable() and " " not in text


def current_token(token: Token, rejected: str | None = None) -> str:
    """Return the token for a call. After a rejection, return another token, or the same if there is no other.

    Raises:
        InputError: the token can't be sent in a header.
    """
    current = token if isinstance(token, str) else token(rejected)
    # Checked here, because a library that rejects a header shows the header in its error.
    if not is_visible_ascii(current):
        raise InputError([("token", "must be visible ASCII: it is empty, or contains a space or a line break")])
    return current
