"""Measurements as ratios and as a Markdown table, in pure functions."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

type Measurements = Mapping[str, Mapping[str, Sequence[float]]]
"""Numbers by measure and variant, one for each round. Numbers of one round have the same index."""

HEAD = """\
| measure | variant | min | median | max | ratio: min | median | max |
|---|---|---:|---:|---:|---:|---:|---:|"""
FINE_BELOW = 10
"""Numbers below this are shown with two decimals, others with one."""


@dataclass(frozen=True)
class Spread:
    """Minimum, median and maximum of numbers."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """Return the spread of one or more numbers."""
        return cls(min(numbers), statistics.median(numbers), max(numbers))

    def cells(self) -> str:
        """Return three cells of a Markdown table."""
        digits = 1 if self.maximum >= FINE_BELOW else 2
        return " | ".join(f"{number:.{digits}f}" for number in (self.minimum, self.median, self.maximum))


def ratios(numbers: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return the ratios round by round, because a disturbance affects neighboring measurements."""
    return [number / other for number, other in zip(numbers, base, strict=True)]


def table(measurements: Measurements, base: str) -> str:
    """Return a table with a row for each measure and variant, with the ratios to the variant ``base``."""
    rows = [
        f"| {measure} | {variant} | {Spread.of(numbers).cells()} | {Spread.of(ratios(numbers, rounds[base])).cells()} |"
        for measure, rounds in measurements.items()
        for variant, numbers in rounds.items()
    ]
    return "\n".join([HEAD, *rows])
