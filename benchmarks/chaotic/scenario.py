"""What a provider brings so that everything can go wrong with it, and be counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aichats.runs.ledger.rows import Row
from local.system import System

CALL_SECONDS = 2.0
"""What the functions give a call to a provider."""
LIST_LAG = 0.8
LATE = 1.2
SETTLE_SECONDS = 4
"""Longer than a late call takes to be done and listed, with some time for a busy machine."""
NO_LIMIT = 1_000_000

type Chat = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """An action for many targets, each of which gets one run.

    Attributes:
        action: as `POST /runs` and schedules ask for it.
        call: path and body of the `POST` that asks for it for one target alone.
    """

    action: Mapping[str, Any]
    targets: Sequence[str]
    call: Callable[[str], tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Made:
    """What the provider holds for one target.

    Attributes:
        times: how often each effect was made that was to be made once.
        difference: what a run that succeeded says, and is not so; ``None`` for nothing.
    """

    times: Sequence[int]
    difference: Callable[[Row], str | None]


class Scenario(Protocol):
    """Chaos with one provider."""

    @property
    def mode(self) -> Mapping[str, Any]:
        """How the stand-in behaves, besides what it does for every provider."""

    @property
    def delays(self) -> Sequence[float]:
        """How long an answer may be late: some in time, and some too late for every call."""

    def url(self, system: System) -> str:
        """Where the stand-in is."""

    def environment(self, proxy: str) -> Mapping[str, str]:
        """What leads the functions to the proxy in front of the stand-in, and keeps their times short."""

    def wanted(self, system: System, runs: int, seed: int) -> Sequence[Wanted]:
        """What is to be asked for, so many targets in all; what has to be there before is made now."""

    def made(self, wanted: Sequence[Wanted], chats: Sequence[Chat]) -> Mapping[str, Made]:
        """What became of it, by target."""
