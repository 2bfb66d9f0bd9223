"""The chats and messages that count as those of a run after a lost response."""

import pytest

from tests.support.actions import with_fields
from tests.support.kodey_bench import FOR_ANN, POST_CHAT, POST_MESSAGE, lost, sent_once
from tests.support.kodey_in_memory import CREATE_KODEY, SEND_KODEY, KodeyInMemory


@pytest.mark.parametrize(
    "other",
    [{"agentId": "agent_2", "userId": "ann"}, {"agentId": "agent_1", "userId": "bob"}],
    ids=["another agent", "another user"],
)
def test_a_new_chat_of_another_agent_or_user_is_not_ours(other: dict[str, str]) -> None:
    bench = lost(FOR_ANN, POST_CHAT, lambda _: None)
    theirs = bench.kodey.chat(**other)

    assert bench.perform().state == "succeeded"
    assert bench.row.chat_id != theirs
    assert bench.kodey.messages[theirs] == []


def test_a_chat_that_the_user_had_before_is_not_ours_even_if_it_is_empty() -> None:
    bench = lost(FOR_ANN, POST_CHAT, lambda kodey: kodey.chat(userId="ann"))

    assert bench.perform().state == "succeeded"
    assert bench.row.chat_id == "chat_2"


def test_a_new_chat_of_the_user_in_which_something_was_said_is_not_ours() -> None:
    bench = lost(FOR_ANN, POST_CHAT, lambda _: None)
    theirs = bench.kodey.chat(userId="ann")
    bench.kodey.say(theirs, "Hello")

    assert bench.perform().state == "succeeded"
    assert bench.row.chat_id == "chat_2"


def test_of_two_new_empty_chats_of_the_user_a_person_decides() -> None:
    bench = lost(FOR_ANN, POST_CHAT, lambda _: None)
    bench.kodey.chat(userId="ann")
    bench.kodey.chat(userId="ann")

    assert bench.perform().state == "unknown"
    assert bench.row.error is not None
    assert "2 found" in bench.row.error["message"]
    assert "chat_1" in bench.row.error["message"]
    assert "chat_2" in bench.row.error["message"]


def test_a_new_chat_in_which_the_agent_greeted_is_ours() -> None:
    bench = lost(FOR_ANN, POST_CHAT, lambda _: None)
    ours = bench.kodey.chat(userId="ann")
    bench.kodey.say(ours, "Hello, how can I help?", "assistant")

    assert bench.perform().state == "succeeded"
    assert bench.row.chat_id == ours
    assert list(bench.kodey.chats) == [ours]


def say_before(kodey: KodeyInMemory) -> None:
    kodey.chat()
    kodey.say("chat_1", "How many tickets?")
    kodey.say("chat_1", "As ever.", "assistant")


def test_the_same_words_that_were_said_before_are_not_ours() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")

    assert bench.perform().state == "succeeded"
    assert bench.kodey.of_user("chat_1") == ["How many tickets?"] * 2
    assert bench.row.result["reply"]["content"] == "You said: How many tickets?"


def test_the_same_words_of_the_assistant_or_other_words_are_not_ours() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "How many tickets?", "assistant")
    bench.kodey.say("chat_1", "How many?")

    assert bench.perform().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == 2


def test_words_around_which_space_was_cut_are_ours() -> None:
    bench = lost(with_fields(SEND_KODEY, content=" How?\n"), POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "How?")

    assert bench.perform().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == 1


def test_a_message_without_an_answer_succeeds() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "How many tickets?")

    assert bench.perform().state == "succeeded"
    assert bench.row.result == {"reply": None}
    assert bench.kodey.calls.count(POST_MESSAGE) == 1


def test_the_answer_is_the_next_one_after_the_message_whatever_the_order_of_the_list() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "Later.", "assistant", createdAt="2026-11-20T12:09:00Z")
    bench.kodey.say("chat_1", "Seven.", "assistant", createdAt="2026-11-20T12:05:05Z")
    bench.kodey.say("chat_1", "How many tickets?", createdAt="2026-11-20T12:05:00Z")

    assert bench.perform().state == "succeeded"
    assert bench.row.result["reply"]["content"] == "Seven."


def test_an_answer_of_the_same_second_that_was_there_before_is_not_the_answer() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")
    now = "2026-11-20T12:00:00Z"
    bench.kodey.say("chat_1", "How many tickets?", createdAt=now)
    bench.kodey.say("chat_1", "Seven.", "assistant", createdAt=now)

    assert bench.perform().state == "succeeded"
    assert bench.row.result["reply"]["content"] == "Seven."


def test_of_two_new_messages_of_the_same_words_a_person_decides_and_a_replay_looks_again() -> None:
    bench = lost(SEND_KODEY, POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "How many tickets?")
    twice = bench.kodey.say("chat_1", "How many tickets?")

    assert bench.perform().state == "unknown"
    assert bench.row.error is not None
    assert "2 found that may belong to this run, in chat_1." in bench.row.error["message"]

    bench.kodey.messages["chat_1"] = [said for said in bench.kodey.messages["chat_1"] if said["id"] != twice]
    bench.ledger.steering.replay(bench.run.run_id)
    assert bench.when_due().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == 1


def test_a_message_that_a_person_resolves_as_failed_goes_into_the_same_chat_when_it_is_replayed() -> None:
    bench = lost(CREATE_KODEY, POST_MESSAGE, lambda _: None)
    for _ in range(2):
        bench.kodey.say("chat_1", "How many tickets?")
    assert bench.perform().state == "unknown"
    bench.ledger.steering.resolve(bench.run.run_id, "failed", chat_id=None, by="ann")
    bench.kodey.messages["chat_1"].clear()

    bench.ledger.steering.replay(bench.run.run_id)

    assert sent_once(bench, bench.perform())
