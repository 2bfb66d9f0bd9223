"""A part of the sweep, with its time limit and its progress.

A part does its jobs in chunks, in the order of their names. If the time is up, the part stores the name of its last
job, and the next sweep continues after this name. So each job gets its turn, even if other jobs fail or are slow.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from aichats.aws.observability import logger
from aichats.aws.table import Table
from aichats.frozen import frozen

CHUNK_JOBS = 100
"""The number of jobs in a chunk. Each part does at least one chunk."""
MAX_CONCURRENT_CALLS = 10
"""The maximum number of calls at the same time. A client keeps ten connections open."""


class CallAll(Protocol):
    """A function that calls another function for each value and returns the results in the order of the values."""

    def __call__[T, R](self, function: Callable[[T], R], values: Sequence[T]) -> list[R]:
        """Call the function for each value."""


def call_concurrently[T, R](function: Callable[[T], R], values: Sequence[T]) -> list[R]:
    """Call a function for each value, ten at the same time. Return the results in the order of the values.

    Raises:
        Exception: the first error. Calls that had begun have ended. The remaining calls are not made.
    """
    if len(values) <= 1:
        return [function(value) for value in values]
    with ThreadPoolExecutor(max_workers=min(MAX_CONCURRENT_CALLS, len(values))) as pool:
        return list(pool.map(function, values))


@frozen
class SweepProgress:
    """The names at which the parts of the sweep stopped, stored in the table of runs under ``sweep:<part>``."""

    items: Table

    def get(self, part: str) -> str:
        """Return the name at which a part stopped; empty if the part has never stopped."""
        return str((self.items.get(f"sweep:{part}") or {}).get("place", ""))

    def put(self, part: str, name: str) -> None:
        """Store the name at which a part stops."""
        self.items.overwrite([{"run_id": f"sweep:{part}", "place": name}])


@frozen
class SweepPart:
    """A part of one sweep.

    Attributes:
        name: the part's name.
        progress: the places at which parts stopped.
        time_is_up: returns whether the part must stop.
        call_all: makes concurrent calls to AWS.
    """

    name: str
    progress: SweepProgress
    time_is_up: Callable[[], bool]
    call_all: CallAll = call_concurrently

    def chunks[T](self, jobs: Mapping[str, T]) -> Iterator[list[T]]:
        """Yield the jobs in chunks until the time is up, beginning where the part stopped in the last sweep."""
        names = sorted(jobs)
        if len(names) > CHUNK_JOBS:
            begin = bisect_right(names, self.progress.get(self.name))
            names = names[begin:] + names[:begin]
        for begin in range(0, len(names), CHUNK_JOBS):
            if begin and self.time_is_up():
                logger.warning("sweep stopped in time", extra={"part": self.name, "left": len(names) - begin})
                self.progress.put(self.name, names[begin - 1])
                return
            yield [jobs[name] for name in names[begin : begin + CHUNK_JOBS]]
