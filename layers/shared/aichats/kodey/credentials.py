"""Kodey's key: its secret, its kinds, and their rate limits."""

from functools import partial
from typing import Literal

from aichats.aws.secret_values import parse_secret, read_key
from aichats.aws.secrets import SecretKind
from aichats.records import Field, Record

type KeyKind = Literal["publishable", "secret", "user secret", "unknown"]

_PREFIXES: dict[str, KeyKind] = {"pk_live_": "publishable", "sk_live_": "secret", "usk_live_": "user secret"}

CALLS_PER_MINUTE: dict[KeyKind, int] = {"publishable": 100, "secret": 1000, "user secret": 100, "unknown": 100}
"""Kodey's rate limits. Kodey documents none for a user's secret key, so this kind gets the lowest one."""


class KodeySecret(Record):
    """Kodey's key."""

    api_key = Field(read_key, hidden=True)


KODEY_SECRET = SecretKind(partial(parse_secret, KodeySecret))


def key_kind(key: str) -> KeyKind:
    """Return the kind of a key, which its prefix shows."""
    return next((kind for prefix, kind in _PREFIXES.items() if key.startswith(prefix)), "unknown")
