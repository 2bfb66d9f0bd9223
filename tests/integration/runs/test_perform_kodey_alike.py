"""Two runs of Kodey that want the same: neither takes the other's chat or message for its own."""

import uuid
from collections.abc import Callable
from contextvars import Context
from datetime import timedelta

import httpx
import pytest

from aichats.runs.providers.kodey import NOTED_TIME
from tests.support.actions import with_fields
from tests.support.fakes import Step
from tests.support.kodey_bench import (
    FOR_ANN,
    LIST_CHATS,
    LIST_MESSAGES,
    POST_CHAT,
    POST_MESSAGE,
    SETTLE,
    THROTTLED,
    UNKNOWN,
    DiedError,
    KodeyBench,
)
from tests.support.kodey_in_memory import CREATE_KODEY, SEND_KODEY
from tests.support.waiting import turns

LOST = httpx.ReadTimeout("slow")
WORDS = "How many tickets?"


def two_for_ann() -> tuple[KodeyBench, KodeyBench]:
    """Two runs that create a chat of the same user and agent."""
    first = KodeyBench(FOR_ANN)
    return first, KodeyBench(FOR_ANN, beside=first)


def two_messages() -> tuple[KodeyBench, KodeyBench]:
    """Two runs that send the same words to the same chat."""
    first = KodeyBench(SEND_KODEY, "chat_1")
    first.kodey.chat()
    return first, KodeyBench(SEND_KODEY, "chat_1", beside=first)


def said(bench: KodeyBench) -> list[list[str]]:
    return [bench.kodey.of_user(chat_id) for chat_id in bench.kodey.chats]


def until_both_ended(*benches: KodeyBench) -> None:
    turn = turns()
    while any(bench.row.is_open for bench in benches):
        next(turn)
        for bench in benches:
            if bench.row.is_open:
                bench.when_due()


def replies(*benches: KodeyBench) -> set[str]:
    return {bench.row.result["reply"]["id"] for bench in benches}


EITHER_PAIR = pytest.mark.parametrize(
    ("pair", "step", "in_the_end"),
    [(two_for_ann, POST_CHAT, [[WORDS], [WORDS]]), (two_messages, POST_MESSAGE, [[WORDS, WORDS]])],
    ids=["chats", "messages"],
)


@EITHER_PAIR
@pytest.mark.parametrize("done", [False, True])
def test_while_the_outcome_of_one_is_unknown_the_other_waits_and_both_take_effect_once(
    pair: Callable[[], tuple[KodeyBench, KodeyBench]], step: str, in_the_end: list[list[str]], *, done: bool
) -> None:
    first, second = pair()
    first.once(step, LOST, done=done)
    first.perform()
    calls = len(first.kodey.requests)

    outcome = second.perform()

    assert (outcome.state, second.row.unsettled, second.row.attempts) == ("waiting", False, 0)
    assert second.row.error is not None
    assert f"waits for the outcome of run {first.run.run_id}, which does the same" in second.row.error["message"]
    assert len(first.kodey.requests) == calls, "the second one called"

    until_both_ended(first, second)
    assert (first.row.status, second.row.status) == ("succeeded", "succeeded")
    assert said(first) == in_the_end
    assert len(replies(first, second)) == 2


@EITHER_PAIR
def test_while_one_is_being_performed_the_other_waits(
    pair: Callable[[], tuple[KodeyBench, KodeyBench]], step: str, in_the_end: list[list[str]]
) -> None:
    first, second = pair()
    seen: list[str] = []

    def meanwhile(request: httpx.Request) -> Step | None:
        if f"{request.method} {request.url.path}" == step:
            first.kodey.interfere = lambda _: None
            # Not within the time limit of the call that goes on here.
            seen.append(Context().run(second.perform).state)
        return None

    first.kodey.interfere = meanwhile
    first.perform()
    until_both_ended(first, second)

    assert seen == ["waiting"]
    assert said(first) == in_the_end


@EITHER_PAIR
def test_one_whose_process_died_is_waited_for_too(
    pair: Callable[[], tuple[KodeyBench, KodeyBench]], step: str, in_the_end: list[list[str]]
) -> None:
    first, second = pair()
    first.dies_at(step, done=True)

    assert second.perform().state == "waiting"
    until_both_ended(first, second)

    assert said(first) == in_the_end


def test_one_that_waits_and_surely_did_nothing_is_not_waited_for() -> None:
    first, second = two_messages()
    first.once(POST_MESSAGE, THROTTLED)
    first.perform()

    assert second.perform().state == "succeeded"
    assert first.when_due().state == "succeeded"
    assert said(first) == [[WORDS, WORDS]]


def test_a_replay_of_an_unknown_outcome_does_not_take_what_came_since_for_its_own() -> None:
    first, second = two_messages()
    first.once(POST_MESSAGE, LOST)
    first.perform()
    for _ in range(2):
        first.kodey.say("chat_1", WORDS)
    first.clock.now += SETTLE
    assert first.perform().state == "unknown"
    first.kodey.messages["chat_1"].clear()
    assert second.perform().state == "succeeded"

    first.ledger.steering.replay(first.run.run_id)

    assert first.when_due().state == "unknown"
    assert first.row.error is not None
    assert "1 found that may belong to this run or to another, in chat_1" in first.row.error["message"]

    # However often it is asked for, and whatever fails in between.
    first.ledger.steering.replay(first.run.run_id)
    first.once(LIST_MESSAGES, UNKNOWN["500"])
    assert first.when_due().state == "waiting"
    assert first.when_due().state == "unknown"
    assert said(first) == [[WORDS]]


def test_once_a_chat_is_there_its_message_keeps_no_other_chat_waiting() -> None:
    first, second = two_for_ann()
    first.once(POST_MESSAGE, LOST)
    first.perform()

    assert second.perform().state == "succeeded"
    assert first.when_due().state == "succeeded"
    assert said(first) == [[WORDS], [WORDS]]


def test_other_users_other_agents_other_words_and_other_chats_do_not_wait() -> None:
    first = KodeyBench(FOR_ANN)
    first.once(POST_CHAT, LOST)
    first.perform()
    for action, target in [
        (with_fields(FOR_ANN, user_id="bob"), "agent_1"),
        (FOR_ANN, "agent_2"),
        (CREATE_KODEY, "agent_1"),
    ]:
        assert KodeyBench(action, target, beside=first).perform().state == "succeeded"

    first, _ = two_messages()
    first.once(POST_MESSAGE, LOST)
    first.perform()
    other_chat = first.kodey.chat()
    for content, chat in [("How many?", "chat_1"), (WORDS, other_chat)]:
        said_so = with_fields(SEND_KODEY, content=content)
        assert KodeyBench(said_so, chat, beside=first).perform().state == "succeeded"


# ---------------------------------------------------------------------------------------------- lists that lag


LAG = timedelta(seconds=30)


@EITHER_PAIR
def test_a_run_waits_until_lists_show_what_the_run_before_it_made(
    pair: Callable[[], tuple[KodeyBench, KodeyBench]], step: str, in_the_end: list[list[str]]
) -> None:
    first, second = pair()
    first.clock.forward(seconds=60)
    first.kodey.lag = LAG
    assert first.perform().state == "succeeded"
    steps = first.kodey.calls.count(step)

    assert second.perform().state == "waiting"
    assert second.row.error is not None
    assert "is new and not in Kodey's list yet, so this run waits" in second.row.error["message"]
    assert (second.row.attempts, second.row.unsettled, first.kodey.calls.count(step)) == (0, False, steps)

    first.clock.now += LAG + timedelta(seconds=1)
    second.once(step, LOST)
    second.perform()
    until_both_ended(second)
    assert said(first) == in_the_end
    assert len(replies(first, second)) == 2


def test_a_run_that_makes_nothing_hands_on_what_there_is_to_wait_for() -> None:
    first, second = two_messages()
    third = KodeyBench(SEND_KODEY, "chat_1", beside=first, name="three")
    first.clock.forward(seconds=60)
    first.kodey.lag = LAG
    first.perform()

    assert second.perform().state == "waiting"
    assert third.perform().state == "waiting"
    assert len(first.kodey.messages["chat_1"]) == 2


def test_what_is_not_listed_after_the_settle_time_is_waited_for_no_more() -> None:
    first, second = two_messages()
    first.perform()
    first.kodey.messages["chat_1"].clear()

    assert second.perform().state == "waiting"
    first.clock.now += SETTLE + timedelta(seconds=1)
    assert second.perform().state == "succeeded"


# ---------------------------------------------------------------------------------------------- what is noted


def test_what_is_noted_stays_small_however_long_a_chat_is() -> None:
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    for _ in range(11_500):
        bench.kodey.say("chat_1", WORDS, id=f"msg_{uuid.uuid4()}", createdAt="2026-11-20T11:00:00Z")
    last = bench.kodey.say("chat_1", WORDS, createdAt="2026-11-20T11:10:00Z")
    bench.once(POST_MESSAGE, LOST)

    bench.perform()

    assert bench.row.seen == {"since": "2026-11-20T11:05:00+00:00", "ids": [last]}
    assert bench.when_due().state == "succeeded"
    assert len(bench.kodey.of_user("chat_1")) == 11_502


@pytest.mark.parametrize(("earlier", "calls"), [(NOTED_TIME, 1), (NOTED_TIME + timedelta(seconds=1), 2)])
def test_what_is_older_than_what_was_noted_is_not_ours(earlier: timedelta, calls: int) -> None:
    bench = KodeyBench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    bench.kodey.say("chat_1", "Hello")
    bench.once(POST_MESSAGE, LOST)
    bench.perform()
    at = bench.clock.now - earlier
    bench.kodey.say("chat_1", WORDS, createdAt=f"{at:%Y-%m-%dT%H:%M:%SZ}")

    assert bench.when_due().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == calls


def test_only_chats_of_the_same_agent_are_noted() -> None:
    bench = KodeyBench(FOR_ANN)
    bench.kodey.chat(userId="ann", agentId="agent_2")
    had = bench.kodey.chat(userId="ann")
    bench.once(POST_CHAT, DiedError())

    with pytest.raises(DiedError):
        bench.perform()

    assert bench.row.seen is not None
    assert bench.row.seen["ids"] == [had]
    assert bench.kodey.calls == [LIST_CHATS, POST_CHAT]
