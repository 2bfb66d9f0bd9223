"""Whop: each run creates a muted chat for a company of its own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from aichats.runs.ledger.rows import Row
from benchmarks.chaotic.scenario import CALL_SECONDS, Chat, Made, Wanted
from local.system import WHOP, System

TITLE = "Weekly revenue"
CHAT = {"title": TITLE, "message_text": "Summarise last week's revenue.", "notification_preference": "none"}
ACTION = {"type": "whop.create_chat", **CHAT}


@dataclass(frozen=True)
class WhopScenario:
    """Chaos with Whop, which honours idempotency keys or ignores them."""

    idempotency: Literal["honoured", "ignored"] = "honoured"
    delays: Sequence[float] = (0.5, CALL_SECONDS + 0.5)

    @property
    def mode(self) -> Mapping[str, Any]:
        """What it does with idempotency keys."""
        return {"idempotency": self.idempotency}

    def url(self, system: System) -> str:
        """Where the stand-in is."""
        return system.whop_url

    def environment(self, proxy: str) -> Mapping[str, str]:
        """Its address and its time limit."""
        return {"WHOP_BASE_URL": proxy + WHOP.path, "WHOP_TIMEOUT_SECONDS": str(CALL_SECONDS)}

    def wanted(self, _system: System, runs: int, seed: int) -> Sequence[Wanted]:
        """A chat for each company."""
        companies = [f"biz_{seed}x{number:06d}" for number in range(runs)]
        return [Wanted(ACTION, companies, lambda company: ("/chats", {**CHAT, "company_id": company}))]

    def made(self, wanted: Sequence[Wanted], chats: Sequence[Chat]) -> Mapping[str, Made]:
        """The chats of each company, of which there is to be one."""
        chats_of: defaultdict[str, list[Chat]] = defaultdict(list)
        for chat in chats:
            chats_of[chat["company_id"]].append(chat)
        companies = [company for each in wanted for company in each.targets]
        return {
            company: Made([len(chats_of[company])], partial(difference, chats_of[company])) for company in companies
        }


def difference(chats: Sequence[Chat], row: Row) -> str | None:
    """How a company's chat differs from what a run that succeeded says."""
    mine = [chat for chat in chats if chat["id"] == row.chat_id]
    if not mine:
        return f"it succeeded, but there is no chat {row.chat_id}"
    if (mine[0]["title"], mine[0]["notification_preference"]) != (TITLE, "none"):
        return f"its chat is called {mine[0]['title']!r}, notifications: {mine[0]['notification_preference']}"
    return None
