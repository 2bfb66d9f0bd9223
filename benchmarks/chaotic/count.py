"""Compare the effects at the provider with the runs in the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aichats.runs.ledger.rows import Row
from benchmarks.chaotic.scenario import Result

MOST_UNKNOWN = 0.005
"""Maximum share of unknown runs."""


@dataclass(frozen=True)
class Count:
    """The result for all runs.

    Attributes:
        duplicates: number of effects in addition to the first of their kind.
        lost: the reason for each target whose run is lost or differs from the provider's data.
    """

    runs: int
    duplicates: int
    lost: Mapping[str, str]
    unknown: int
    attempts: int

    @property
    def is_clean(self) -> bool:
        """True without a duplicate or a loss, and with at most :data:`MOST_UNKNOWN` unknown runs."""
        return not self.duplicates and not self.lost and self.unknown <= MOST_UNKNOWN * self.runs

    def lines(self) -> list[str]:
        """Return a line for each number."""
        numbers = {
            "runs": self.runs,
            "duplicates": self.duplicates,
            "lost": len(self.lost),
            "unknown": self.unknown,
            "attempts": self.attempts,
        }
        return [f"{name}: {number}" for name, number in numbers.items()]


def count(results: Mapping[str, Result], rows: Sequence[Row]) -> Count:
    """Return the count. Each target must have one run, with each effect exactly once."""
    rows_of: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        rows_of[row.run.target].append(row)
    reasons = {target: _lost(rows_of[target], each) for target, each in results.items()}
    return Count(
        runs=len(results),
        duplicates=sum(max(0, times - 1) for each in results.values() for times in each.times),
        lost={target: reason for target, reason in reasons.items() if reason},
        unknown=sum(row.status == "unknown" for row in rows),
        attempts=sum(row.attempts for row in rows),
    )


def _lost(rows: Sequence[Row], result: Result) -> str | None:
    """Return why a target's run is lost, or ``None``."""
    if len(rows) != 1:
        return f"it has {len(rows)} runs in the ledger"
    row = rows[0]
    match row.status:
        case "succeeded":
            return result.difference(row)
        case "unknown" if row.error:
            return None
        case "failed" if row.error:
            return f"it failed, but its effect exists: {row.error.get('message')}" if any(result.times) else None
        case status:
            return f"it ended as {status}" if row.error else f"it is {status}, without a reason"
