"""Runs of Kodey after a failure, a lost response or the death of the process."""

from datetime import timedelta

import httpx
import pytest

from aichats.errors import SecretError
from aichats.runs.action import Action
from tests.support.fakes import Step
from tests.support.kodey_bench import (
    EACH_UNKNOWN,
    EITHER_STEP,
    FOR_ANN,
    LIST_CHATS,
    LIST_MESSAGES,
    POST_CHAT,
    POST_MESSAGE,
    SETTLE,
    THROTTLED,
    UNKNOWN,
    KodeyBench,
    sent_once,
)
from tests.support.kodey_in_memory import CREATE_KODEY, SEND_KODEY


@EACH_UNKNOWN
@EITHER_STEP
@pytest.mark.parametrize("action", [CREATE_KODEY, FOR_ANN], ids=["own user", "caller's user"])
def test_an_answer_that_got_lost_is_found_after_the_settle_time(action: Action, step: str, answer: Step) -> None:
    bench = KodeyBench(action)
    bench.once(step, answer, done=True)

    assert bench.perform().state == "waiting"
    calls = len(bench.kodey.requests)
    assert bench.row.unsettled
    assert bench.row.due_at == bench.clock.now + SETTLE
    bench.clock.now += SETTLE - timedelta(seconds=1)
    assert bench.perform().state == "waiting"
    assert len(bench.kodey.requests) == calls, "something was looked up too early"

    assert sent_once(bench, bench.when_due())
    assert (bench.kodey.calls.count(POST_CHAT), bench.kodey.calls.count(POST_MESSAGE)) == (1, 1)


@EACH_UNKNOWN
@EITHER_STEP
def test_what_is_not_found_after_the_settle_time_is_done_again(step: str, answer: Step) -> None:
    bench = KodeyBench()
    bench.once(step, answer)
    bench.perform()

    assert sent_once(bench, bench.when_due())
    assert bench.kodey.calls.count(step) == 2


@EITHER_STEP
@pytest.mark.parametrize(
    ("answer", "waits"), [(THROTTLED, 61.5), (httpx.ConnectError("no route"), 1.5)], ids=["429", "connect error"]
)
def test_what_surely_was_not_done_is_done_again_where_it_was(step: str, answer: Step, waits: float) -> None:
    bench = KodeyBench()
    bench.once(step, answer)

    assert bench.perform().state == "waiting"
    row = bench.row
    assert not row.unsettled
    assert row.due_at is not None
    assert (row.due_at - bench.clock.now).total_seconds() == waits
    assert (row.chat_id is None) is (step == POST_CHAT)

    assert sent_once(bench, bench.when_due())
    assert LIST_CHATS not in bench.kodey.calls


@pytest.mark.parametrize("done", [False, True])
@EITHER_STEP
@pytest.mark.parametrize("action", [CREATE_KODEY, FOR_ANN], ids=["own user", "caller's user"])
def test_a_run_whose_process_died_goes_on_where_it_was(action: Action, step: str, *, done: bool) -> None:
    bench = KodeyBench(action)
    bench.dies_at(step, done=done)
    lease_until = bench.row.lease_until
    assert lease_until is not None
    calls = len(bench.kodey.requests)

    bench.clock.now = lease_until + SETTLE - timedelta(seconds=1)
    assert bench.perform().state == "waiting"
    assert len(bench.kodey.requests) == calls, "something was looked up too early"
    assert bench.row.due_at == lease_until + SETTLE

    assert sent_once(bench, bench.when_due())


def test_long_after_a_process_died_nothing_is_waited_for_any_more() -> None:
    bench = KodeyBench()
    bench.dies_at(POST_MESSAGE, done=True)
    bench.clock.forward(hours=2)

    assert sent_once(bench, bench.perform())


def test_a_process_that_died_before_it_noted_anything_has_sent_nothing() -> None:
    bench = KodeyBench(FOR_ANN)
    bench.dies_at(LIST_CHATS, done=False)
    assert bench.row.lease_until is not None
    bench.clock.now = bench.row.lease_until + bench.ledger.settle

    assert sent_once(bench, bench.perform())
    assert bench.kodey.calls == [LIST_CHATS, LIST_CHATS, POST_CHAT, POST_MESSAGE]


@pytest.mark.parametrize("answer", [UNKNOWN["500"], THROTTLED, httpx.ConnectError("no route"), UNKNOWN["no JSON"]])
def test_what_cannot_be_noted_waits_and_nothing_is_sent(answer: Step) -> None:
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    bench.once(LIST_MESSAGES, answer)

    assert bench.perform().state == "waiting"
    assert (bench.row.unsettled, bench.row.seen) == (False, None)
    assert bench.kodey.calls == [LIST_MESSAGES]
    assert sent_once(bench, bench.when_due())


def test_a_message_to_a_chat_that_is_not_there_fails() -> None:
    bench = KodeyBench(SEND_KODEY, "chat_1")

    assert bench.perform().state == "failed"
    assert bench.row.error is not None
    assert (bench.row.error["provider"], bench.row.error["status"]) == ("kodey", 404)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_message_that_is_rejected_fails_the_run_whose_replay_goes_on_in_the_same_chat(status: int) -> None:
    bench = KodeyBench()
    bench.once(POST_MESSAGE, httpx.Response(status, json={"error": "No", "message": "no"}))

    assert bench.perform().state == "failed"
    assert (bench.row.chat_id, bench.row.unsettled) == ("chat_1", False)

    bench.ledger.steering.replay(bench.run.run_id)
    assert sent_once(bench, bench.perform())


def test_an_answer_to_a_create_with_the_id_alone_is_enough() -> None:
    bench = KodeyBench()
    bench.kodey.chat()
    bench.once(POST_CHAT, httpx.Response(200, json={"id": "chat_1"}))

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [POST_CHAT, POST_MESSAGE, "GET /chat/chat_1"]
    assert bench.row.result["chat"].keys() == {"id", "agentId", "teamId", "createdAt"}
    assert bench.row.result["chat"]["id"] == "chat_1"


def test_a_chat_that_cannot_be_fetched_now_is_fetched_later_and_nothing_is_sent_again() -> None:
    bench = KodeyBench()
    bench.kodey.chat()

    def interfere(request: httpx.Request) -> Step | None:
        if request.method == "GET":
            bench.kodey.interfere = lambda _: None
            return UNKNOWN["500"]
        return httpx.Response(200, json={"id": "chat_1"}) if request.url.path == "/chat" else None

    bench.kodey.interfere = interfere

    assert bench.perform().state == "waiting"
    assert sent_once(bench, bench.when_due())
    assert (bench.kodey.calls.count(POST_CHAT), bench.kodey.calls.count(POST_MESSAGE)) == (1, 1)
    assert bench.row.result["chat"]["id"] == "chat_1"


def test_a_secret_that_cannot_be_read_fails_a_run_but_not_one_whose_outcome_is_unknown() -> None:
    bench, other = KodeyBench(), KodeyBench()
    broken = SecretError("aichats/dev/kodey", "could not be read", "Try again later.")
    bench.once(POST_MESSAGE, httpx.ReadTimeout("slow"), done=True)
    bench.perform()
    bench.client_error = other.client_error = broken

    assert other.perform().state == "failed"
    assert bench.when_due().state == "waiting"
    bench.client_error = None
    assert sent_once(bench, bench.when_due())
