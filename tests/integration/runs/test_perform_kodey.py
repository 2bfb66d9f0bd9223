"""Kodey's actions: a chat is created and its message sent in two steps, each of which happens once."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from aichats.runs.decisions import MAX_RUN_ATTEMPTS
from aichats.runs.perform import MAX_AGE
from aichats.runs.providers.kodey import MAX_REPLY_CHARACTERS, own_user_id
from tests.support.actions import with_fields
from tests.support.kodey_bench import (
    FOR_ANN,
    LIST_CHATS,
    LIST_MESSAGES,
    POST_CHAT,
    POST_MESSAGE,
    KodeyBench,
    lost,
    sent_once,
)
from tests.support.kodey_in_memory import CREATE_KODEY, SEND_KODEY
from tests.support.ledgers import LEASE, NOON


def test_a_chat_is_created_under_a_user_of_its_own_and_the_message_is_sent() -> None:
    bench = KodeyBench(with_fields(CREATE_KODEY, metadata={"source": "cron"}))

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [POST_CHAT, POST_MESSAGE]
    user_id = own_user_id(bench.run.run_id)
    assert user_id == f"aichats-{bench.run.run_id}"
    assert bench.kodey.bodies == [
        {"agentId": "agent_1", "userId": user_id, "metadata": {"source": "cron"}},
        {"content": "How many tickets?", "role": "user"},
    ]
    assert bench.row.result["chat"]["agentId"] == "agent_1"
    assert bench.row.attempts == 1


def test_a_chat_for_a_user_of_the_caller_s_notes_first_what_that_user_has() -> None:
    bench = KodeyBench(FOR_ANN)

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [LIST_CHATS, POST_CHAT, POST_MESSAGE]
    assert bench.kodey.bodies[1]["userId"] == "ann"


def test_a_message_notes_first_what_was_said_and_does_not_touch_the_chat() -> None:
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [LIST_MESSAGES, POST_MESSAGE]


def test_an_answer_is_kept_up_to_a_length() -> None:
    whole, long = "x" * MAX_REPLY_CHARACTERS, "x" * (MAX_REPLY_CHARACTERS + 1)
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    at = {"id": "msg_9", "role": "assistant", "createdAt": "2026-11-20T12:00:00Z", "more": "x" * 500_000}
    bench.once(POST_MESSAGE, httpx.Response(200, json=at | {"content": long}))
    other = KodeyBench(SEND_KODEY, "chat_1")
    other.kodey.chat()
    other.once(POST_MESSAGE, httpx.Response(200, json=at | {"content": whole}))

    assert (bench.perform().state, other.perform().state) == ("succeeded", "succeeded")

    kept = {"id": "msg_9", "role": "assistant", "createdAt": "2026-11-20T12:00:00Z", "content": whole}
    assert bench.row.result["reply"] == kept | {"content_truncated": True}
    assert other.row.result["reply"] == kept


def test_the_end_of_a_run_keeps_when_the_assistant_replied() -> None:
    bench = KodeyBench()

    def take_two_seconds(_: httpx.Request) -> None:
        bench.clock.forward(seconds=2)

    bench.kodey.interfere = take_two_seconds

    bench.perform()

    row = bench.row
    # Both calls took two seconds. Kodey's clock is a second ahead, but no reply is later than the end of its run.
    assert row.replied_at == NOON + timedelta(seconds=4) == row.finished_at
    assert (row.reply_seconds, row.tokens, row.await_reply) == (Decimal(4), None, False)


def test_the_seconds_of_a_reply_that_is_older_than_its_attempt_are_not_known() -> None:
    bench = KodeyBench()
    bench.once(POST_MESSAGE, httpx.ReadTimeout("slow"), done=True)
    bench.perform()
    replied_at = NOON + timedelta(seconds=1)

    assert sent_once(bench, bench.when_due())

    assert (bench.row.replied_at, bench.row.reply_seconds) == (replied_at, None)


def performed_with_reply_of(created_at: str) -> KodeyBench:
    """Send a message to which Kodey answers with a reply of a time."""
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    reply = {"id": "msg_9", "role": "assistant", "createdAt": created_at, "content": "Seven."}
    bench.once(POST_MESSAGE, httpx.Response(200, json=reply))
    bench.perform()
    return bench


@pytest.mark.parametrize("created_at", ["2026-11-20T11:59:57Z", "2026-11-20T11:59:57"])
def test_the_clock_of_kodey_may_be_some_seconds_behind(created_at: str) -> None:
    bench = performed_with_reply_of(created_at)

    assert (bench.row.replied_at, bench.row.reply_seconds) == (NOON - timedelta(seconds=3), Decimal(0))


@pytest.mark.parametrize("created_at", ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00"])
def test_a_reply_is_never_later_than_the_end_of_its_run(created_at: str) -> None:
    bench = performed_with_reply_of(created_at)

    assert bench.row.replied_at == bench.row.finished_at


def test_a_run_without_an_answer_has_no_time_of_a_reply() -> None:
    bench = KodeyBench()
    row = bench.ledger.claim(bench.run, LEASE)

    bench.ledger.finish(row, "succeeded", chat_id="chat_1", result={"reply": None})

    assert (bench.row.replied_at, bench.row.reply_seconds) == (None, None)


# ---------------------------------------------------------------------------------------------- limits


def test_a_run_that_came_to_a_fast_function_makes_the_chat_at_most_and_goes_on_elsewhere() -> None:
    bench = KodeyBench()

    assert bench.perform(seconds=58.0).state == "waiting"
    assert bench.kodey.calls == [POST_CHAT]
    row = bench.row
    assert (row.chat_id, row.unsettled, row.due_at, row.attempts) == ("chat_1", False, bench.clock.now, 0)

    assert sent_once(bench, bench.perform())
    assert bench.kodey.calls == [POST_CHAT, POST_MESSAGE]


def test_with_too_little_time_nothing_is_looked_up() -> None:
    bench = lost(CREATE_KODEY, POST_MESSAGE, lambda _: None)
    calls = len(bench.kodey.requests)

    assert bench.perform(seconds=10.0).state == "waiting"
    assert bench.row.unsettled
    assert len(bench.kodey.requests) == calls


def test_after_eight_attempts_that_reached_kodey_the_run_fails_with_its_chat() -> None:
    bench = KodeyBench()
    down = httpx.Response(500)
    bench.kodey.interfere = lambda each: down if (each.method, each.url.path[-8:]) == ("POST", "/message") else None
    bench.perform()
    for _ in range(MAX_RUN_ATTEMPTS):
        bench.when_due()

    row = bench.row
    assert (row.status, row.chat_id) == ("failed", "chat_1")
    assert list(bench.kodey.chats) == ["chat_1"]


def test_an_eighth_attempt_of_unknown_outcome_is_looked_up_before_the_run_ends() -> None:
    bench = KodeyBench()
    bench.kodey.interfere = lambda request: httpx.ReadTimeout("slow") if request.method == "POST" else None
    bench.perform()
    for _ in range(MAX_RUN_ATTEMPTS - 1):
        bench.when_due()
    assert (bench.row.status, bench.row.attempts) == ("pending", MAX_RUN_ATTEMPTS)

    assert bench.when_due().state == "failed"
    assert bench.kodey.calls.count(POST_CHAT) == MAX_RUN_ATTEMPTS


@pytest.mark.parametrize("step", [POST_CHAT, POST_MESSAGE])
def test_after_a_day_a_run_whose_outcome_cannot_be_looked_up_is_for_a_person(step: str) -> None:
    bench = lost(CREATE_KODEY, step, lambda _: None)
    bench.clock.now += MAX_AGE
    bench.kodey.interfere = lambda _: httpx.Response(500, json={"error": "No", "message": "no"})

    assert bench.perform().state == "unknown"
