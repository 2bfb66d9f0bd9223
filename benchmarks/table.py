"""Measurements as ratios and as a Markdown table. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

type Measurements = Mapping[str, Mapping[str, Sequence[float]]]
"""By measure and variant: one number for each round. What belongs together stands at the same place."""

HEAD = """\
| measure | variant | min | median | max | ratio: min | median | max |
|---|---|---:|---:|---:|---:|---:|---:|"""
FINE_BELOW = 10
"""Smaller numbers are shown with two decimals, others with one."""


@dataclass(frozen=True)
class Spread:
    """How numbers lie."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """The spread of one number or more."""
        return cls(min(numbers), statistics.median(numbers), max(numbers))

    def cells(self) -> str:
        """Three cells of a Markdown table."""
        digits = 1 if self.maximum >= FINE_BELOW else 2
        return " | ".join(f"{number:.{digits}f}" for number in (self.minimum, self.median, self.maximum))


def ratios(numbers: Sequence[float], base: Sequence[float]) -> list[float]:
    """Round by round, because what disturbs a round disturbs its neighbours as well."""
    return [number / other for number, other in zip(numbers, base, strict=True)]


def table(measurements: Measurements, base: str) -> str:
    """One row for each measure and variant, with the ratios to the variant ``base``."""
    rows = [
        f"| {measure} | {variant} | {Spread.of(numbers).cells()} | {Spread.of(ratios(numbers, rounds[base])).cells()} |"
        for measure, rounds in measurements.items()
        for variant, numbers in rounds.items()
    ]
    return "\n".join([HEAD, *rows])
