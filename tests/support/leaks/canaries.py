"""Canaries: random values in place of secrets and texts. They are recognized in several encodings."""

import base64
import re
import secrets
import string
from collections.abc import Iterator

PIECE = 12
"""The number of characters by which a canary is recognized. Masking hides longer parts of a token or a text."""
_SAFE = string.ascii_letters + string.digits


class Canaries:
    """The canaries of a test. Safe to share between threads."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def add(self, kind: str, value: str) -> str:
        """Recognize a value from now on. Return the value."""
        self._kinds |= dict.fromkeys(_pieces(value), kind)
        return value

    def token(self, kind: str, prefix: str = "") -> str:
        """Return a new token."""
        return self.add(kind, prefix + _random(40))

    def text(self, kind: str) -> str:
        """Return a new text that JSON, HTML and URLs encode in different ways."""
        first, *others = (_random(2 * PIECE) for _ in range(4))
        return self.add(kind, f'{first} "{others[0]}" \u00fc\\\n{others[1]} <b> & 50% {others[2]}')

    def name(self, kind: str) -> str:
        """Return a new text of letters and digits, for keys and ids."""
        return self.add(kind, _random(2 * PIECE))

    @property
    def kinds(self) -> set[str]:
        """The kinds of all canaries."""
        return set(self._kinds.values())

    def kinds_in(self, text: str) -> set[str]:
        """Return the kinds of all canaries of which a text contains a piece."""
        kinds = self._kinds
        return {kinds[piece] for at in range(len(text) - PIECE + 1) if (piece := text[at : at + PIECE]) in kinds}


def _random(length: int) -> str:
    return "".join(secrets.choice(_SAFE) for _ in range(length))


def _pieces(value: str) -> Iterator[str]:
    for form in _forms(value):
        for at in range(len(form) - PIECE + 1):
            yield form[at : at + PIECE]


def _forms(value: str) -> Iterator[str]:
    """Yield the parts of a value that JSON, HTML and URLs leave unchanged, and the value in base64 and in hex."""
    content = value.encode()
    yield from re.findall(r"[\w.~-]{12,}", value, re.ASCII)
    yield content.hex()
    for offset in range(3):
        # The characters at both ends depend on what is around the value.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(offset) + content).decode().rstrip("=")[4:-3]
