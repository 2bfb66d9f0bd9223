"""The kinds of Kodey's keys, told apart by how they begin."""

from typing import Literal

type KeyKind = Literal["publishable", "secret", "user secret", "unknown"]

_PREFIXES: dict[str, KeyKind] = {"pk_live_": "publishable", "sk_live_": "secret", "usk_live_": "user secret"}

CALLS_PER_MINUTE: dict[KeyKind, int] = {"publishable": 100, "secret": 1000, "user secret": 100, "unknown": 100}
"""What Kodey allows. It states no limit for a user's secret key: the lowest one is taken, as for an unknown kind."""


def key_kind(key: str) -> KeyKind:
    """What kind of key it is."""
    return next((kind for prefix, kind in _PREFIXES.items() if key.startswith(prefix)), "unknown")
