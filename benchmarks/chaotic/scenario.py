"""The interface of a provider's chaos scenario."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aichats.runs.ledger.rows import Row
from local.system import System

CALL_SECONDS = 2.0
"""Time limit of a call to a provider."""
LIST_LAG = 0.8
LATE = 1.2
SETTLE_SECONDS = 4
"""Time until a late call is performed and listed, with a reserve for a busy machine."""
NO_LIMIT = 1_000_000

type Chat = Mapping[str, Any]


@dataclass(frozen=True)
class Order:
    """An action for many targets, each of which gets one run.

    Attributes:
        action: the action as in `POST /runs` and in events of schedules.
        call: returns the path and body of the `POST` for one target.
    """

    action: Mapping[str, Any]
    targets: Sequence[str]
    call: Callable[[str], tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Result:
    """The effects at the provider for one target.

    Attributes:
        times: number of occurrences of each effect that must occur once.
        difference: returns how the record of a successful run differs from the effects, or ``None``.
    """

    times: Sequence[int]
    difference: Callable[[Row], str | None]


class Scenario(Protocol):
    """Chaos with one provider."""

    @property
    def mode(self) -> Mapping[str, Any]:
        """Settings of the mock server in addition to those for every provider."""

    @property
    def delays(self) -> Sequence[float]:
        """Delays of responses in seconds: some within the time limit of a call, some beyond it."""

    def url(self, system: System) -> str:
        """Return the URL of the mock server."""

    def environment(self, proxy: str) -> Mapping[str, str]:
        """Return the variables that connect the functions to the proxy, and shorten their times."""

    def orders(self, system: System, runs: int, seed: int) -> Sequence[Order]:
        """Return the orders with ``runs`` targets in total, after creating the chats that they need."""

    def results(self, orders: Sequence[Order], chats: Sequence[Chat]) -> Mapping[str, Result]:
        """Return the result by target."""
