"""The token that a call is sent with."""

import re
from collections.abc import Callable

from aichats.errors import InputError

type Token = str | Callable[[str | None], str]
"""A token, or a function that returns one. It is called with ``None`` before each call, and with the rejected token
after a 401 or a 403."""


def current_token(token: Token, rejected: str | None = None) -> str:
    """Return the token for a call; after a rejection another one, or the same if there is no other.

    Raises:
        InputError: a header can't hold it.
    """
    current = token if isinstance(token, str) else token(rejected)
    # Checked here, because the error of a library that rejects a header shows the header.
    if not re.fullmatch(r"[\x21-\x7e]+", current):
        raise InputError([("token", "must be visible ASCII: it is empty, or contains a space or a line break")])
    return current
