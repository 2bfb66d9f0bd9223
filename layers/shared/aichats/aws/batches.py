"""Batches of values, each small enough for one call to AWS."""

from collections.abc import Callable, Iterable, Iterator


def in_batches[T](values: Iterable[T], size: Callable[[T], int], *, max_count: int, max_size: int) -> Iterator[list[T]]:
    """Yield values in batches of at most ``max_count`` values and ``max_size`` in total.

    A value that is larger than ``max_size`` is a batch of its own.
    """
    batch: list[T] = []
    total = 0
    for value in values:
        value_size = size(value)
        if batch and (len(batch) == max_count or total + value_size > max_size):
            yield batch
            batch, total = [], 0
        batch.append(value)
        total += value_size
    if batch:
        yield batch
