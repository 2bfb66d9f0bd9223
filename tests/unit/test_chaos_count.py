"""What the chaos benchmark counts as a duplicate, and what as a loss."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.runs.model import Run, WhopCreateChat
from aichats.runs.rows import Row
from benchmarks.chaotic.count import Count, count

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACTION = WhopCreateChat(type="whop.create_chat", message_text="Hello")
RUN = Run("a" * 32, "http", ACTION, target="biz_A", api_version="2026-07-08-1")
DONE = Row(RUN, "succeeded", 2, 1, unsettled=False, created_at=NOW, opened_at=NOW, updated_at=NOW, chat_id="aich_1")
FAILED = replace(DONE, status="failed", chat_id=None, error={"message": "no such company"})


def chat(**changes: str) -> dict[str, Any]:
    return {"id": "aich_1", "company_id": "biz_A", "title": "Hello", "notification_preference": "none", **changes}


def counted(rows: list[Row], *chats: dict[str, Any]) -> Count:
    return count(["biz_A"], chats, rows, title="Hello")


def test_one_chat_for_one_run_that_succeeded_is_clean() -> None:
    assert counted([DONE], chat()).lines() == ["runs: 1", "duplicates: 0", "lost: 0", "unknown: 0", "attempts: 2"]
    assert counted([DONE], chat()).is_clean


def test_a_second_chat_is_a_duplicate() -> None:
    found = counted([DONE], chat(), chat(id="aich_2"))
    assert (found.duplicates, len(found.lost), found.is_clean) == (1, 0, False)


@pytest.mark.parametrize(
    ("rows", "chats"),
    [
        ([], []),
        ([replace(DONE, status="pending")], [chat()]),
        ([DONE], []),
        ([DONE], [chat(id="aich_2")]),
        ([DONE], [chat(title="Hello · aaaaaaaa")]),
        ([DONE], [chat(notification_preference="all")]),
        ([FAILED], [chat()]),
        ([replace(FAILED, error=None)], []),
    ],
    ids=[
        "not in the ledger",
        "still open",
        "succeeded without a chat",
        "succeeded with another chat",
        "title still marked",
        "not muted",
        "failed although there is a chat",
        "failed without a reason",
    ],
)
def test_a_run_that_is_not_what_its_chat_is_counts_as_lost(rows: list[Row], chats: list[dict[str, Any]]) -> None:
    found = counted(rows, *chats)
    assert (list(found.lost), found.is_clean) == (["biz_A"], False)


def test_a_run_that_failed_with_a_reason_and_made_no_chat_is_not_lost() -> None:
    assert counted([FAILED]).is_clean


def test_an_unknown_run_is_counted_by_itself() -> None:
    found = counted([replace(FAILED, status="unknown")])
    assert (found.unknown, found.is_clean) == (1, True)
