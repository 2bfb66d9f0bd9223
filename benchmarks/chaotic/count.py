"""Counts what the provider holds against the runs in the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aichats.runs.ledger.rows import Row
from benchmarks.chaotic.scenario import Made

MOST_UNKNOWN = 0.005
"""The share of the runs that may end as unknown."""


@dataclass(frozen=True)
class Count:
    """What became of the runs.

    Attributes:
        duplicates: effects beyond the first of their kind.
        lost: for each target whose run is lost, or is not what the provider holds, why.
    """

    runs: int
    duplicates: int
    lost: Mapping[str, str]
    unknown: int
    attempts: int

    @property
    def is_clean(self) -> bool:
        """No duplicate, no loss, and hardly anything for people to look at."""
        return not self.duplicates and not self.lost and self.unknown <= MOST_UNKNOWN * self.runs

    def lines(self) -> list[str]:
        """A line for each number."""
        numbers = {
            "runs": self.runs,
            "duplicates": self.duplicates,
            "lost": len(self.lost),
            "unknown": self.unknown,
            "attempts": self.attempts,
        }
        return [f"{name}: {number}" for name, number in numbers.items()]


def count(made: Mapping[str, Made], rows: Sequence[Row]) -> Count:
    """Count, where each target was to get one run, which was to make each effect once."""
    rows_of: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        rows_of[row.run.target].append(row)
    reasons = {target: _lost(rows_of[target], each) for target, each in made.items()}
    return Count(
        runs=len(made),
        duplicates=sum(max(0, times - 1) for each in made.values() for times in each.times),
        lost={target: reason for target, reason in reasons.items() if reason},
        unknown=sum(row.status == "unknown" for row in rows),
        attempts=sum(row.attempts for row in rows),
    )


def _lost(rows: Sequence[Row], made: Made) -> str | None:
    """Why a target's run is lost; ``None`` if it is not."""
    if len(rows) != 1:
        return f"it has {len(rows)} runs in the ledger"
    row = rows[0]
    match row.status:
        case "succeeded":
            return made.difference(row)
        case "unknown" if row.error:
            return None
        case "failed" if row.error:
            return f"it failed, but it took effect: {row.error.get('message')}" if any(made.times) else None
        case status:
            return f"it ended as {status}" if row.error else f"it is {status}, without a reason"
