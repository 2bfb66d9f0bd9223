"""Masks a provider's texts before they are shown. It hides the credential and the texts of the request.

A provider may repeat the request in an error, and errors appear in logs, in HTTP responses and in the history of runs.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from aichats.http.tokens import is_visible_ascii

MAX_TEXT_CHARACTERS = 500
MAX_WORD_CHARACTERS = 100
HIDDEN = "[hidden]"
TEXT_RUN, TOKEN_RUN = 24, 12
"""The minimum length of a part of a text or a token that is hidden."""
MIN_HIDDEN_CHARACTERS = 4
"""The minimum length of a text that is hidden. A shorter text would hide parts of ordinary words."""
SHORT_TEXT = 40
"""The length up to which all parts of a text are searched in a secret, instead of all parts of the secret in it."""
TEXT_FIELDS = ("message_text", "title", "content", "metadata", "filename")
"""The fields of a request whose texts are hidden."""

_LOOKED_AT = 4 * MAX_TEXT_CHARACTERS
# Compiled on demand, because few calls fail.
_UNSHOWABLE = (
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufff9-\ufffb]+"
)
_INVISIBLE = r"[^\x21-\x7e]+"


def one_line(value: str) -> str:
    """Return a text as one line. A space replaces each sequence of white space and control characters."""
    words = value.split()
    # Printable words have no such character, and need no regular expression.
    return " ".join(words) if "".join(words).isprintable() else re.sub(_UNSHOWABLE, " ", value).strip()


def identifier(value: str | None) -> str | None:
    """Return the visible ASCII characters of an id, at most 100; ``None`` if there are none."""
    text = value or ""
    visible = text if is_visible_ascii(text) else re.sub(_INVISIBLE, "", text)
    return visible[:MAX_WORD_CHARACTERS] or None


class Mask:
    """Hides the tokens and the texts of a request in the provider's answer. It prepares them on first use.

    Attributes:
        tokens: the tokens of the request, the newest first.
        body: the request's body.
    """

    def __init__(self, tokens: tuple[str, ...] = (), body: Mapping[str, Any] | None = None) -> None:
        self.tokens, self.body = tokens, body

    def text(self, value: object) -> str | None:
        """Return a field of an answer if it is a text: masked, as one line of at most 500 characters."""
        return self._shown(value, MAX_TEXT_CHARACTERS)

    def word(self, value: object) -> str | None:
        """Return a field with a code or a name if it is a text: masked, as one line of at most 100 characters."""
        return self._shown(value, MAX_WORD_CHARACTERS)

    def _shown(self, value: object, limit: int) -> str | None:
        if not isinstance(value, str):
            return None
        shown = self._masked(one_line(value[:_LOOKED_AT]))
        # If only the beginning of a text is searched, the end of that part may contain a piece of a secret.
        return (shown[:-TEXT_RUN] if len(value) > _LOOKED_AT else shown)[:limit].strip()

    def _masked(self, text: str) -> str:
        """Return a text without the secrets.

        All secrets are searched in the same text. If one was replaced before the next is searched, and they overlap,
        the rest of the next one could be too short to be found.
        """
        hidden = bytearray(len(text))
        for secret, run in self._secrets:
            for start, end in _found(text, secret, run):
                hidden[start:end] = b"\1" * (end - start)
        parts = groupby(zip(hidden, text, strict=True), itemgetter(0))
        return "".join(HIDDEN if is_hidden else "".join(map(itemgetter(1), part)) for is_hidden, part in parts)

    @cached_property
    def _secrets(self) -> list[tuple[str, int]]:
        """All forms in which a provider may repeat a secret, each with the minimum length of a hidden part."""
        tokens = [(form, min(TOKEN_RUN, len(form))) for token in self.tokens for form in _forms_of_token(token)]
        texts = [(form, TEXT_RUN) for text in _texts(self.body) for form in _forms_of_text(text)]
        return list(dict.fromkeys(tokens + texts))


def _found(text: str, secret: str, run: int) -> Iterator[tuple[int, int]]:
    """Yield where a text contains a secret, or a part of the secret that has at least ``run`` characters."""
    if len(secret) < MIN_HIDDEN_CHARACTERS:
        return
    if len(secret) < run:
        if secret not in text:
            return
        word = rf"(?<!\w)(?=\w){re.escape(secret)}(?!\w)|(?!\w){re.escape(secret)}"
        yield from (match.span() for match in re.finditer(word, text))
    else:
        yield from ((at, at + run) for at in _parts_found(text, secret, run))


def _parts_found(text: str, secret: str, run: int) -> Iterator[int]:
    """Yield each position in a text at which a part of a secret begins that has ``run`` characters.

    The work grows with the sum of the lengths, not with their product, because a message of 128 KB has forms of 800 KB.
    """
    # Every long part of the secret contains one of these pieces. So a text without any piece is searched only once.
    if len(text) <= SHORT_TEXT:
        yield from (at for at in range(len(text) - run + 1) if text[at : at + run] in secret)
        return
    half = run // 2
    pieces = {secret[at : at + half] for at in range(0, len(secret) - half + 1, half)}
    if any(text[at : at + half] in pieces for at in range(len(text) - half + 1)):
        parts = {text[at : at + run] for at in range(len(text) - run + 1)}
        common = {part for at in range(len(secret) - run + 1) if (part := secret[at : at + run]) in parts}
        yield from (at for at in range(len(text) - run + 1) if text[at : at + run] in common)


def _texts(body: object, *, is_text: bool = False) -> Iterator[str]:
    if isinstance(body, str):
        if is_text:
            yield body
    elif isinstance(body, Mapping):
        for name, value in body.items():
            yield from _texts(value, is_text=is_text or name in TEXT_FIELDS)
    elif isinstance(body, list):
        for value in body:
            yield from _texts(value, is_text=is_text)


def _in_html(text: str) -> str:
    """Return what ``html.escape`` returns. Its module imports the names of all characters."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;").replace("'", "&#x27;")


def _forms_of_token(token: str) -> list[str]:
    return [token, quote(token, safe=""), base64.b64encode(token.encode()).decode().rstrip("=")]


def _forms_of_text(text: str) -> list[str]:
    """Return a text and its forms in JSON, HTML and URLs, each as one line."""
    in_json = [json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True)]
    in_url = quote(text.encode(errors="surrogatepass"), safe="")
    return [one_line(form) for form in (text, *in_json, _in_html(text), in_url)]
