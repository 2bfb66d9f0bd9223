"""The token that calls are made with: kept for a while, and asked for again when it is refused.

Its age is measured by wall clock, because a frozen Lambda environment may stop the monotonic clock.
"""

import re
import threading
from collections.abc import Callable

from aichats.errors import InputError

KEEP_SECONDS = 30.0
"""After this long a token is asked for again, so a new one is taken up while the old one still works."""

type Token = str | Callable[[str | None], str]
"""A token, or what gives one: called with ``None`` at first, and with the refused token after a 401 or a 403."""


class Tokens:
    """Gives the token to call with. Safe to share between threads."""

    def __init__(self, token: Token, clock: Callable[[], float]) -> None:
        self._ask: Callable[[str | None], str] = (lambda _: token) if isinstance(token, str) else token
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._asked_at = 0.0

    def current(self) -> str:
        """The token, asked for at most ``KEEP_SECONDS`` ago.

        Raises:
            InputError: it cannot stand in a header.
        """
        with self._lock:
            # An age below zero means that the clock was set back: how old the token is, is not known then.
            if self._token is None or not 0 <= self._clock() - self._asked_at < KEEP_SECONDS:
                return self._renew(None)
            return self._token

    def instead_of(self, refused: str) -> str:
        """Another token than the refused one; the same if there is none.

        Raises:
            InputError: it cannot stand in a header.
        """
        with self._lock:
            # Another thread, refused with the same token, may have got a new one already.
            return self._renew(refused) if self._token in (None, refused) else self._token

    def _renew(self, refused: str | None) -> str:
        token = self._ask(refused)
        # Checked here, because the error of a library that refuses a header shows the header.
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise InputError([("token", "must be visible ASCII; it is empty, or holds a space or a line break")])
        self._token, self._asked_at = token, self._clock()
        return token
