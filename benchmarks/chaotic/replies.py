"""The scenario of Whop with replies: the agent answers in each chat, and a part of the runs waits for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.chaotic.scenario import Order
from benchmarks.chaotic.whop import ACTION, CHAT, WhopScenario
from local.system import System

WAITING = 3
"""One run in so many waits for the reply."""
AWAIT = {"await_reply": True}
REPLY = {"after": 0.5, "tokens": "123.45"}


@dataclass(frozen=True)
class RepliesScenario(WhopScenario):
    """Chaos with Whop and replies."""

    @property
    def mode(self) -> Mapping[str, Any]:
        """The mode with the replies of the agent."""
        return {**super().mode, "replies": REPLY}

    def orders(self, system: System, runs: int, seed: int) -> Sequence[Order]:
        """Return an order for runs that wait for a reply, and one for the others."""
        [plain] = super().orders(system, runs, seed)
        numbered = list(enumerate(plain.targets))
        waiting = [target for number, target in numbered if number % WAITING == 0]
        others = [target for number, target in numbered if number % WAITING]
        orders = [Order({**ACTION, **AWAIT}, waiting, _call), Order(plain.action, others, plain.call)]
        return [order for order in orders if order.targets]


def _call(company: str) -> tuple[str, Mapping[str, Any]]:
    return "/chats", {**CHAT, **AWAIT, "company_id": company}
