"""Duplicates and losses as the chaos benchmark counts them."""

from copy import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run
from aichats.runs.providers.kodey import own_user_id
from benchmarks.chaotic.count import Count, count
from benchmarks.chaotic.kodey import TEXT, KodeyScenario
from benchmarks.chaotic.scenario import Order
from benchmarks.chaotic.whop import TITLE, WhopScenario
from tests.support.actions import kodey_create_chat, kodey_send_message, whop_create_chat, with_fields

type Json = dict[str, Any]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACTION = whop_create_chat(message_text="Hello")
RUN = Run("a" * 32, "http", ACTION, target="biz_A", api_version="2026-07-08-1")
DONE = Row(RUN, "succeeded", 2, 1, created_at=NOW, opened_at=NOW, updated_at=NOW, chat_id="aich_1")
FAILED = replace(DONE, status="failed", chat_id=None, error={"message": "no such company"})

CREATE = kodey_create_chat(message_text=TEXT)
SEND = kodey_send_message(content=TEXT)
CREATED = replace(
    DONE,
    run=replace(RUN, action=CREATE, target="agent_A", api_version=None),
    chat_id="chat_1",
    result={"reply": {"id": "msg_2"}},
)
SENT = replace(CREATED, run=replace(RUN, action=SEND, target="chat_1"), result={"reply": {"id": "msg_4"}})


def orders(target: str) -> list[Order]:
    return [Order({}, [target], lambda _: ("/", {}))]


def chat(**changes: str) -> Json:
    return {"id": "aich_1", "company_id": "biz_A", "title": TITLE, "notification_preference": "none", **changes}


def counted(rows: list[Row], *chats: Json) -> Count:
    return count(WhopScenario().results(orders("biz_A"), chats), rows)


def message(number: int, role: str, content: str = TEXT) -> Json:
    return {"id": f"msg_{number}", "role": role, "content": content}


TURN = [message(1, "user"), message(2, "assistant")]
LATER_TURN = [message(3, "user"), message(4, "assistant")]


def kodey_chat(**changes: object) -> Json:
    own = {"id": "chat_1", "agentId": "agent_A", "userId": own_user_id(RUN.run_id), "messages": TURN}
    return {**own, **changes}


def kodey_counted(row: Row, *chats: Json) -> Count:
    return count(KodeyScenario().results(orders(str(row.run.target)), chats), [row])


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


def test_a_run_that_failed_with_a_reason_and_created_no_chat_is_not_lost() -> None:
    assert counted([FAILED]).is_clean


def test_unknown_runs_are_counted_separately_and_may_be_one_in_200() -> None:
    found = counted([replace(FAILED, status="unknown")])
    assert (found.unknown, found.lost, found.is_clean) == (1, {}, False)
    assert replace(found, runs=200).is_clean
    assert not replace(found, runs=199).is_clean


# ---- Kodey


@pytest.mark.parametrize(
    ("row", "chats"),
    [
        (CREATED, kodey_chat()),
        (SENT, kodey_chat(messages=[*TURN, *LATER_TURN])),
        (
            replace(CREATED, run=replace(CREATED.run, action=with_fields(CREATE, user_id="user_1"))),
            kodey_chat(userId="user_1"),
        ),
    ],
    ids=["created", "sent to a chat with the same words", "created for a user"],
)
def test_one_message_and_the_answer_that_the_run_records_are_clean(row: Row, chats: Json) -> None:
    assert kodey_counted(row, chats).is_clean


@pytest.mark.parametrize(
    ("row", "chats"),
    [
        (CREATED, [kodey_chat(), kodey_chat(id="chat_2", messages=[])]),
        (CREATED, [kodey_chat(messages=[*TURN, *LATER_TURN])]),
        (SENT, [kodey_chat(messages=[*TURN, *LATER_TURN, *LATER_TURN])]),
    ],
    ids=["a second chat", "the message twice in a new chat", "the message twice in a chat that was there"],
)
def test_a_second_chat_of_an_agent_and_a_message_that_came_twice_are_duplicates(row: Row, chats: list[Json]) -> None:
    found = kodey_counted(row, *chats)
    assert (found.duplicates, found.is_clean) == (1, False)


@pytest.mark.parametrize(
    ("row", "chats"),
    [
        (CREATED, []),
        (CREATED, [kodey_chat(userId="somebody")]),
        (CREATED, [kodey_chat(messages=[])]),
        (CREATED, [kodey_chat(messages=TURN[:1])]),
        (CREATED, [kodey_chat(messages=[message(1, "user", "Hello"), TURN[1]])]),
        (replace(CREATED, result={"reply": None}), [kodey_chat()]),
        (SENT, [kodey_chat()]),
        (replace(SENT, result={"reply": {"id": "msg_2"}}), [kodey_chat(messages=[*TURN, *LATER_TURN])]),
        (replace(CREATED, status="failed", error={"message": "no"}), [kodey_chat(messages=[])]),
        (replace(SENT, status="failed", error={"message": "no"}), [kodey_chat(messages=[*TURN, *LATER_TURN])]),
    ],
    ids=[
        "no chat",
        "another user's",
        "no message",
        "no answer",
        "another message",
        "the run tells of no answer",
        "nothing was sent",
        "the run tells of an earlier answer",
        "failed although there is a chat",
        "failed although there is a message",
    ],
)
def test_a_run_that_says_what_kodey_does_not_hold_is_lost(row: Row, chats: list[Json]) -> None:
    assert list(kodey_counted(row, *chats).lost) == [row.run.target]


def test_a_message_that_failed_with_a_reason_and_was_not_sent_is_not_lost() -> None:
    assert kodey_counted(replace(SENT, status="failed", error={"message": "no"}), kodey_chat()).is_clean
