"""Kodey's key: its secret, its kinds, and their rate limits."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from aichats.aws.secret_values import ApiKey, parse_secret
from aichats.aws.secrets import SecretKind

type KeyKind = Literal["publishable", "secret", "user secret", "unknown"]

_PREFIXES: dict[str, KeyKind] = {"pk_live_": "publishable", "sk_live_": "secret", "usk_live_": "user secret"}

CALLS_PER_MINUTE: dict[KeyKind, int] = {"publishable": 100, "secret": 1000, "user secret": 100, "unknown": 100}
"""Kodey's rate limits. Kodey documents none for a user's secret key, so this kind gets the lowest one."""


class KodeySecret(BaseModel):
    """Kodey's key."""

    api_key: Annotated[ApiKey, Field(repr=False)]


KODEY_SECRET = SecretKind(partial(parse_secret, KodeySecret))


def key_kind(key: str) -> KeyKind:
    """Return the kind of a key, which its prefix shows."""
    return next((kind for prefix, kind in _PREFIXES.items() if key.startswith(prefix)), "unknown")
