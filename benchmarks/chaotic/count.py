"""Counts the chats that the provider holds against the runs in the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aichats.runs.rows import Row

type Chat = Mapping[str, Any]


@dataclass(frozen=True)
class Count:
    """What became of the runs.

    Attributes:
        duplicates: chats beyond a company's first.
        lost: for each run that is lost, or that is not what its chat is, why.
    """

    runs: int
    duplicates: int
    lost: Mapping[str, str]
    unknown: int
    attempts: int

    @property
    def is_clean(self) -> bool:
        """No duplicate, no loss."""
        return not self.duplicates and not self.lost

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


def count(companies: Sequence[str], chats: Sequence[Chat], rows: Sequence[Row], *, title: str) -> Count:
    """Count, where each company was to get one muted chat with this title, by one run."""
    chats_of: defaultdict[str, list[Chat]] = defaultdict(list)
    for chat in chats:
        chats_of[chat["company_id"]].append(chat)
    rows_of: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        rows_of[row.run.target].append(row)
    reasons = {company: _lost(rows_of[company], chats_of[company], title) for company in companies}
    return Count(
        runs=len(companies),
        duplicates=sum(max(0, len(each) - 1) for each in chats_of.values()),
        lost={company: reason for company, reason in reasons.items() if reason},
        unknown=sum(row.status == "unknown" for row in rows),
        attempts=sum(row.attempts for row in rows),
    )


def _lost(rows: Sequence[Row], chats: Sequence[Chat], title: str) -> str | None:
    """Why a company's run is lost; ``None`` if it is not."""
    if len(rows) != 1:
        return f"it has {len(rows)} runs in the ledger"
    row = rows[0]
    match row.status:
        case "succeeded":
            return _not_as_told(row, chats, title)
        case "unknown" if row.error:
            return None
        case "failed" if row.error:
            return "it failed, but there is a chat" if chats else None
        case status:
            return f"it ended as {status}" if row.error else f"it is {status}, without a reason"


def _not_as_told(row: Row, chats: Sequence[Chat], title: str) -> str | None:
    mine = [chat for chat in chats if chat["id"] == row.chat_id]
    if not mine:
        return f"it succeeded, but there is no chat {row.chat_id}"
    if (mine[0]["title"], mine[0]["notification_preference"]) != (title, "none"):
        return f"its chat is called {mine[0]['title']!r}, notifications: {mine[0]['notification_preference']}"
    return None
