"""What lists show by now, and in which order."""

import hashlib
from collections.abc import Iterable
from typing import Literal, Protocol

type Order = Literal["newest", "oldest", "shuffled"]


class Listed(Protocol):
    """Something that lists show; ``created_at`` is in seconds since 1970, ``sequence`` counts as they were created."""

    id: str
    sequence: int
    created_at: float


def rank(order: Order, sequence: int, item_id: str) -> int:
    """Where something stands: the lower, the earlier in a list."""
    match order:
        case "newest":
            return -sequence
        case "oldest":
            return sequence
        case "shuffled":
            return int.from_bytes(hashlib.sha256(item_id.encode()).digest())


def listed[T: Listed](items: Iterable[T], order: Order, *, until: float) -> list[T]:
    """What was created ``until`` then, in that order."""
    shown = [item for item in items if item.created_at <= until]
    return sorted(shown, key=lambda item: rank(order, item.sequence, item.id))
