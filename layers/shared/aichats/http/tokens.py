"""The tokens of calls."""

import re
from collections.abc import Callable

from aichats.errors import InputError

type Token = str | Callable[[str | None], str]
"""A token, or a function that returns a token. The function is called with ``None`` before each call, and with the
rejected token after a 401 or a 403."""


def current_token(token: Token, rejected: str | None = None) -> str:
    """Return the token for a call. After a rejection, return another token, or the same if there is no other.

    Raises:
        InputError: the token can't be sent in a header.
    """
    current = token if isinstance(token, str) else token(rejected)
    # Checked here, because a library that rejects a header shows the header in its error.
    if not re.fullmatch(r"[\x21-\x7e]+", current):
        raise InputError([("token", "must be visible ASCII: it is empty, or contains a space or a line break")])
    return current
