"""How the parts of a sweep share its time.

A part goes through its jobs in chunks, in the order of their names. When its time is over it stores the name at which
it stopped, and the next sweep goes on after that name. So each job gets its turn, even if others fail or are slow.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self

from aichats.aws.observability import logger
from aichats.aws.table import Table

CHUNK = 100
"""Jobs in a chunk: at least one chunk is done in each sweep."""
WORKERS = 10
"""Calls at the same time: as many connections as a botocore client keeps."""


class CallAll(Protocol):
    """Calls a function for each of some values. Returns the results in the same order."""

    def __call__[T, R](self, function: Callable[[T], R], values: Sequence[T]) -> list[R]:
        """Call the function for each value."""


def side_by_side[T, R](function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Call a function for each value, ten at the same time, and return the results in order.

    Raises:
        Exception: the first error, when the calls that have begun have ended. The others are not made.
    """
    if len(values) <= 1:
        return [function(value) for value in values]
    with ThreadPoolExecutor(max_workers=min(WORKERS, len(values))) as pool:
        return list(pool.map(function, values))


@dataclass
class Attempt:
    """A context that keeps an error instead of raising it, so that it stops no other job."""

    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


@dataclass(frozen=True)
class Places:
    """The job after which each part of the sweep continues, as items ``sweep:<part>`` of the table of runs."""

    items: Table

    def get(self, part: str) -> str:
        """Return the name of the job after which a part continues; empty if it never stopped."""
        return str((self.items.get(f"sweep:{part}") or {}).get("place", ""))

    def keep(self, part: str, name: str) -> None:
        """Store the name of the last job before a part stops."""
        self.items.overwrite([{"run_id": f"sweep:{part}", "place": name}])


@dataclass(frozen=True)
class Turn:
    """What a part of the sweep may use in one round.

    Attributes:
        part: its name.
        is_over: returns whether its time is over.
        call_all: makes calls to AWS side by side.
    """

    part: str
    places: Places
    is_over: Callable[[], bool]
    call_all: CallAll = side_by_side

    def chunks[T](self, jobs: Mapping[str, T]) -> Iterator[list[T]]:
        """Yield the jobs in chunks until the time is over, beginning where the part stopped last time."""
        names = sorted(jobs)
        if len(names) > CHUNK:
            begin = bisect_right(names, self.places.get(self.part))
            names = names[begin:] + names[:begin]
        for begin in range(0, len(names), CHUNK):
            if begin and self.is_over():
                logger.warning("sweep stopped in time", extra={"part": self.part, "left": len(names) - begin})
                self.places.keep(self.part, names[begin - 1])
                return
            yield [jobs[name] for name in names[begin : begin + CHUNK]]
