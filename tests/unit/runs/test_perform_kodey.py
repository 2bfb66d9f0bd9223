"""Kodey's actions: a chat is created and its message sent in two steps, each of which happens once."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from aichats.errors import AichatsError, SecretError
from aichats.http.deadline import time_limit
from aichats.kodey import KodeyClient
from aichats.runs.actions import Action
from aichats.runs.kodey import MAX_REPLY_CHARACTERS, KodeyActions, own_user_id
from aichats.runs.perform import MAX_AGE, MAX_ATTEMPTS, Outcome, Performer
from aichats.runs.rows import Row
from tests.fakes import Step
from tests.kodey_in_memory import CREATE_KODEY, SEND_KODEY, KodeyInMemory
from tests.ledgers import LEASE, Clock, make_ledger, make_run
from tests.performing import Middle

SETTLE = timedelta(seconds=600)
POST_CHAT, LIST_CHATS = "POST /chat", "GET /chat"
POST_MESSAGE, LIST_MESSAGES = "POST /chat/chat_1/message", "GET /chat/chat_1/message"
FOR_ANN = CREATE_KODEY.model_copy(update={"user_id": "ann"})
THROTTLED = httpx.Response(429, json={"error": "Too Many Requests", "message": "Slow down.", "retryAfter": 60})
UNKNOWN: dict[str, Step] = {
    "500": httpx.Response(500, json={"error": "Internal", "message": "no"}),
    "slow": httpx.ReadTimeout("slow"),
    "cut": httpx.RemoteProtocolError("cut"),
    "no JSON": httpx.Response(200, text="<html>"),
    "409": httpx.Response(409, json={"error": "Conflict", "message": "no"}),
}
EITHER_STEP = pytest.mark.parametrize("step", [POST_CHAT, POST_MESSAGE])
EACH_UNKNOWN = pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)


class Bench:
    """One run, performed again and again, with Kodey in memory."""

    def __init__(self, action: Action = CREATE_KODEY, target: str = "agent_1") -> None:
        self.clock = Clock()
        self.kodey = KodeyInMemory(self.clock)
        self.run = make_run(action=action, target=target)
        self.ledger = make_ledger(self.clock)
        self.refuses: AichatsError | None = None
        second = timedelta(seconds=1)
        actions = KodeyActions(self._client, 20 * second, 240 * second, SETTLE, lambda: 1000)
        self.performer = Performer(self.ledger, {"kodey": actions}, randomness=Middle())

    def perform(self, seconds: float = 298.0) -> Outcome:
        with time_limit(seconds):
            return self.performer.perform(self.run, LEASE)

    def when_due(self, seconds: float = 298.0) -> Outcome:
        """Performed at each moment at which it is due, until it does more than to wait for the settle time."""
        calls = len(self.kodey.requests)
        while True:
            assert self.row.due_at is not None
            self.clock.now = max(self.clock.now, self.row.due_at)
            outcome = self.perform(seconds)
            if len(self.kodey.requests) > calls or outcome.state != "waiting" or self.refuses:
                return outcome

    def once(self, call: str, answer: Step, *, done: bool = False) -> None:
        """The next such call is answered so; ``done``: Kodey does what it asks for all the same."""

        def interfere(request: httpx.Request) -> Step | None:
            if f"{request.method} {request.url.path}" != call:
                return None
            self.kodey.interfere = lambda _: None
            if done:
                self.kodey.answer(request, self.clock())
            return answer

        self.kodey.interfere = interfere

    def dies_at(self, call: str, *, done: bool) -> None:
        """The process dies at such a call, before or after Kodey did what it asks for."""
        self.once(call, DiedError(), done=done)
        with pytest.raises(DiedError):
            self.perform()

    @property
    def row(self) -> Row:
        row = self.ledger.get(self.run.run_id)
        assert row is not None
        return row

    def _client(self) -> KodeyClient:
        if self.refuses is not None:
            raise self.refuses
        return KodeyClient("sk_live_key", "https://kodey.invalid", transport=self.kodey)


class DiedError(Exception):
    """The process was killed."""


def sent_once(bench: Bench, outcome: Outcome) -> bool:
    """Whether there is just one chat of the run with just its message, and the run has the answer."""
    chat_id = str(outcome.row.chat_id)
    reply = bench.row.result["reply"]
    return (
        (outcome.state, bench.row.status) == ("succeeded", "succeeded")
        and list(bench.kodey.chats) == [chat_id]
        and bench.kodey.of_user(chat_id) == ["How many tickets?"]
        and (reply["id"], reply["role"]) == (bench.kodey.messages[chat_id][-1]["id"], "assistant")
    )


# ---------------------------------------------------------------------------------------------- all goes well


def test_a_chat_is_created_under_a_user_of_its_own_and_the_message_is_sent() -> None:
    bench = Bench(CREATE_KODEY.model_copy(update={"metadata": {"source": "cron"}}))

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
    bench = Bench(FOR_ANN)

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [LIST_CHATS, POST_CHAT, POST_MESSAGE]
    assert bench.kodey.bodies[1]["userId"] == "ann"


def test_a_message_notes_first_what_was_said_and_does_not_touch_the_chat() -> None:
    bench = Bench(SEND_KODEY, "chat_1")
    bench.kodey.chat()

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert bench.kodey.calls == [LIST_MESSAGES, POST_MESSAGE]


def test_an_answer_is_kept_up_to_a_length() -> None:
    whole, long = "x" * MAX_REPLY_CHARACTERS, "x" * (MAX_REPLY_CHARACTERS + 1)
    bench = Bench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    at = {"id": "msg_9", "role": "assistant", "createdAt": "2026-11-20T12:00:00Z", "more": "x" * 500_000}
    bench.once(POST_MESSAGE, httpx.Response(200, json=at | {"content": long}))
    other = Bench(SEND_KODEY, "chat_1")
    other.kodey.chat()
    other.once(POST_MESSAGE, httpx.Response(200, json=at | {"content": whole}))

    assert (bench.perform().state, other.perform().state) == ("succeeded", "succeeded")

    kept = {"id": "msg_9", "role": "assistant", "createdAt": "2026-11-20T12:00:00Z", "content": whole}
    assert bench.row.result["reply"] == kept | {"content_truncated": True}
    assert other.row.result["reply"] == kept


# ---------------------------------------------------------------------------------------------- what goes wrong


@EACH_UNKNOWN
@EITHER_STEP
@pytest.mark.parametrize("action", [CREATE_KODEY, FOR_ANN], ids=["own user", "caller's user"])
def test_an_answer_that_got_lost_is_found_after_the_settle_time(action: Action, step: str, answer: Step) -> None:
    bench = Bench(action)
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
    bench = Bench()
    bench.once(step, answer)
    bench.perform()

    assert sent_once(bench, bench.when_due())
    assert bench.kodey.calls.count(step) == 2


@EITHER_STEP
@pytest.mark.parametrize(
    ("answer", "waits"), [(THROTTLED, 60.0), (httpx.ConnectError("no route"), 1.5)], ids=["429", "connect error"]
)
def test_what_surely_was_not_done_is_done_again_where_it_was(step: str, answer: Step, waits: float) -> None:
    bench = Bench()
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
    bench = Bench(action)
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
    bench = Bench()
    bench.dies_at(POST_MESSAGE, done=True)
    bench.clock.forward(hours=2)

    assert sent_once(bench, bench.perform())


def test_a_process_that_died_before_it_noted_anything_has_sent_nothing() -> None:
    bench = Bench(FOR_ANN)
    bench.dies_at(LIST_CHATS, done=False)
    assert bench.row.lease_until is not None
    bench.clock.now = bench.row.lease_until + bench.ledger.settle

    assert sent_once(bench, bench.perform())
    assert bench.kodey.calls == [LIST_CHATS, LIST_CHATS, POST_CHAT, POST_MESSAGE]


@pytest.mark.parametrize("answer", [UNKNOWN["500"], THROTTLED, httpx.ConnectError("no route"), UNKNOWN["no JSON"]])
def test_what_cannot_be_noted_waits_and_nothing_is_sent(answer: Step) -> None:
    bench = Bench(SEND_KODEY, "chat_1")
    bench.kodey.chat()
    bench.once(LIST_MESSAGES, answer)

    assert bench.perform().state == "waiting"
    assert (bench.row.unsettled, bench.row.seen) == (False, None)
    assert bench.kodey.calls == [LIST_MESSAGES]
    assert sent_once(bench, bench.when_due())


def test_a_message_to_a_chat_that_is_not_there_fails() -> None:
    bench = Bench(SEND_KODEY, "chat_1")

    assert bench.perform().state == "failed"
    assert bench.row.error is not None
    assert (bench.row.error["provider"], bench.row.error["status"]) == ("kodey", 404)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_message_that_is_refused_fails_the_run_whose_replay_goes_on_in_the_same_chat(status: int) -> None:
    bench = Bench()
    bench.once(POST_MESSAGE, httpx.Response(status, json={"error": "No", "message": "no"}))

    assert bench.perform().state == "failed"
    assert (bench.row.chat_id, bench.row.unsettled) == ("chat_1", False)

    bench.ledger.replay(bench.run.run_id)
    assert sent_once(bench, bench.perform())


def test_an_answer_to_a_create_that_holds_the_id_alone_is_enough() -> None:
    bench = Bench()
    bench.kodey.chat()
    bench.once(POST_CHAT, httpx.Response(200, json={"id": "chat_1"}))

    outcome = bench.perform()

    assert sent_once(bench, outcome)
    assert "chat" not in bench.row.result


def test_a_secret_that_cannot_be_read_fails_a_run_but_not_one_whose_outcome_is_unknown() -> None:
    bench, other = Bench(), Bench()
    broken = SecretError("aichats/dev/kodey", "could not be read", "Try again later.")
    bench.once(POST_MESSAGE, httpx.ReadTimeout("slow"), done=True)
    bench.perform()
    bench.refuses = other.refuses = broken

    assert other.perform().state == "failed"
    assert bench.when_due().state == "waiting"
    bench.refuses = None
    assert sent_once(bench, bench.when_due())


# ---------------------------------------------------------------------------------------------- what counts as found


def lost(action: Action, step: str, before: Callable[[KodeyInMemory], object], target: str = "agent_1") -> Bench:
    """A run whose call was not done and whose outcome is unknown, at the moment when it may be looked up."""
    bench = Bench(action, target)
    before(bench.kodey)
    bench.once(step, httpx.ReadTimeout("slow"))
    bench.perform()
    bench.clock.now += SETTLE
    return bench


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
    assert "2 were found" in bench.row.error["message"]
    assert "chat_1" in bench.row.error["message"]
    assert "chat_2" in bench.row.error["message"]


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
    bench = lost(SEND_KODEY.model_copy(update={"content": " How?\n"}), POST_MESSAGE, say_before, "chat_1")
    bench.kodey.say("chat_1", "How?")

    assert bench.perform().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == 1


def test_a_message_that_nobody_answered_succeeds_without_an_answer() -> None:
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
    assert "2 were found that may be its own, of chat_1." in bench.row.error["message"]

    bench.kodey.messages["chat_1"] = [said for said in bench.kodey.messages["chat_1"] if said["id"] != twice]
    bench.ledger.replay(bench.run.run_id)
    assert bench.when_due().state == "succeeded"
    assert bench.kodey.calls.count(POST_MESSAGE) == 1


def test_a_message_that_a_person_resolves_as_failed_goes_into_the_same_chat_when_it_is_replayed() -> None:
    bench = lost(CREATE_KODEY, POST_MESSAGE, lambda _: None)
    for _ in range(2):
        bench.kodey.say("chat_1", "How many tickets?")
    assert bench.perform().state == "unknown"
    bench.ledger.resolve(bench.run.run_id, "failed", chat_id=None, by="ann")
    bench.kodey.messages["chat_1"].clear()

    bench.ledger.replay(bench.run.run_id)

    assert sent_once(bench, bench.perform())


# ---------------------------------------------------------------------------------------------- limits


def test_a_run_that_came_to_a_fast_function_makes_the_chat_at_most_and_goes_on_elsewhere() -> None:
    bench = Bench()

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
    bench = Bench()
    bench.once(POST_CHAT, THROTTLED)
    bench.perform()
    bench.kodey.interfere = lambda request: THROTTLED if request.url.path.endswith("message") else None
    for _ in range(MAX_ATTEMPTS - 1):
        bench.when_due()

    row = bench.row
    assert (row.status, row.attempts, row.chat_id) == ("failed", MAX_ATTEMPTS, "chat_1")
    assert list(bench.kodey.chats) == ["chat_1"]


def test_an_eighth_attempt_of_unknown_outcome_is_looked_up_before_the_run_ends() -> None:
    bench = Bench()
    bench.kodey.interfere = lambda request: httpx.ReadTimeout("slow") if request.method == "POST" else None
    bench.perform()
    for _ in range(MAX_ATTEMPTS - 1):
        bench.when_due()
    assert (bench.row.status, bench.row.attempts) == ("pending", MAX_ATTEMPTS)

    assert bench.when_due().state == "failed"
    assert bench.kodey.calls.count(POST_CHAT) == MAX_ATTEMPTS


@pytest.mark.parametrize("step", [POST_CHAT, POST_MESSAGE])
def test_after_a_day_a_run_whose_outcome_cannot_be_looked_up_is_for_a_person(step: str) -> None:
    bench = lost(CREATE_KODEY, step, lambda _: None)
    bench.clock.now += MAX_AGE
    bench.kodey.interfere = lambda _: httpx.Response(500, json={"error": "No", "message": "no"})

    assert bench.perform().state == "unknown"
