"""The scenario of Whop: each run creates a muted chat for a company of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from aichats.runs.ledger.rows import Row
from benchmarks.chaotic.scenario import CALL_SECONDS, Chat, Order, Result
from local.system import WHOP, System

TITLE = "Weekly revenue"
CHAT = {"title": TITLE, "message_text": "Summarize last week's revenue.", "notification_preference": "none"}
ACTION = {"type": "whop.create_chat", **CHAT}


@dataclass(frozen=True)
class WhopScenario:
    """Chaos with Whop, with a given treatment of idempotency keys."""

    idempotency: Literal["honoured", "ignored"] = "honoured"
    delays: Sequence[float] = (0.5, CALL_SECONDS + 0.5)

    @property
    def mode(self) -> Mapping[str, Any]:
        """The mode with the treatment of idempotency keys."""
        return {"idempotency": self.idempotency}

    def url(self, system: System) -> str:
        """Return the URL of the mock server."""
        return system.whop_url

    def environment(self, proxy: str) -> Mapping[str, str]:
        """Return the variables for its address and its time limit."""
        return {"WHOP_BASE_URL": proxy + WHOP.path, "WHOP_TIMEOUT_SECONDS": str(CALL_SECONDS)}

    def orders(self, _system: System, runs: int, seed: int) -> Sequence[Order]:
        """Return an order for a chat for each company."""
        companies = [f"biz_{seed}x{number:06d}" for number in range(runs)]
        return [Order(ACTION, companies, lambda company: ("/chats", {**CHAT, "company_id": company}))]

    def results(self, orders: Sequence[Order], chats: Sequence[Chat]) -> Mapping[str, Result]:
        """Return the result for each company, which must have one chat."""
        chats_of: defaultdict[str, list[Chat]] = defaultdict(list)
        for chat in chats:
            chats_of[chat["company_id"]].append(chat)
        companies = [company for order in orders for company in order.targets]
        return {
            company: Result([len(chats_of[company])], partial(difference, chats_of[company])) for company in companies
        }


def difference(chats: Sequence[Chat], row: Row) -> str | None:
    """Return how a company's chat differs from the record of a successful run, or ``None``."""
    mine = [chat for chat in chats if chat["id"] == row.chat_id]
    if not mine:
        return f"it succeeded, but there is no chat {row.chat_id}"
    if (mine[0]["title"], mine[0]["notification_preference"]) != (TITLE, "none"):
        return f"its chat is called {mine[0]['title']!r}, notifications: {mine[0]['notification_preference']}"
    return None
