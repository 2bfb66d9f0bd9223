"""The content and the order of lists."""

import hashlib
from collections.abc import Iterable
from typing import Literal, Protocol

type Order = Literal["newest", "oldest", "shuffled"]


class Listed(Protocol):
    """An item of a list. ``created_at`` is in seconds since 1970, and ``sequence`` is the number of its creation."""

    id: str
    sequence: int
    created_at: float


def rank(order: Order, sequence: int, item_id: str) -> int:
    """Return the sort key of an item."""
    match order:
        case "newest":
            return -sequence
        case "oldest":
            return sequence
        case "shuffled":
            return int.from_bytes(hashlib.sha256(item_id.encode()).digest())


def listed[T: Listed](items: Iterable[T], order: Order, *, until: float) -> list[T]:
    """Return the items that were created no later than ``until``, in this order."""
    shown = [item for item in items if item.created_at <= until]
    return sorted(shown, key=lambda item: rank(order, item.sequence, item.id))
