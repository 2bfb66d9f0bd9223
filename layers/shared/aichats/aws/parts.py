"""Splits what is sent together into parts that a call to AWS takes."""

from collections.abc import Callable, Iterable, Iterator


def parts[T](values: Iterable[T], size: Callable[[T], int], *, most: int, most_size: int) -> Iterator[list[T]]:
    """Split values into parts of at most ``most`` values and ``most_size`` in all; a larger value is a part alone."""
    part: list[T] = []
    total = 0
    for value in values:
        own = size(value)
        if part and (len(part) == most or total + own > most_size):
            yield part
            part, total = [], 0
        part.append(value)
        total += own
    if part:
        yield part
