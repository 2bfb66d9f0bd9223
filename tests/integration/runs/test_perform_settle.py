"""A create whose outcome is unknown is settled: looked up, before anything is sent again."""

from copy import copy, replace
from unittest.mock import Mock

import httpx
import pytest

from aichats.errors import PermissionDeniedError, SecretError
from aichats.runs import perform
from aichats.runs.providers.marks import preparation
from tests.support.fakes import Json, ai_chat, error_response, ok, page
from tests.support.ledgers import LEASE, NOON, SETTLE, make_run
from tests.support.whop_bench import LEDGER, MARK, WhopBench

CHAT = ok(ai_chat(id="aich_1"))
LIST = ("GET", "/api/v1/ai_chats")
POST = ("POST", "/api/v1/ai_chats")
PATCH = ("PATCH", "/api/v1/ai_chats/aich_1")


def marked(chat_id: str = "aich_1", title: str | None = "Week") -> Json:
    return ai_chat(id=chat_id, title=f"{MARK}{title}")


def lost(*, mark_titles: bool = True) -> WhopBench:
    """Return a run whose create had no response, at the time at which its outcome may be settled."""
    bench = WhopBench(mark_titles=mark_titles)
    bench.perform(httpx.ReadTimeout("slow"))
    bench.clock.now += SETTLE
    bench.whop.requests.clear()
    return bench


def test_a_chat_that_carries_the_mark_is_ours_and_nothing_is_created() -> None:
    bench = lost()

    outcome = bench.perform(page(ai_chat(id="aich_0"), marked()), CHAT)

    assert (outcome.state, bench.row.chat_id) == ("succeeded", "aich_1")
    assert bench.whop.calls == [LIST, PATCH]
    assert bench.whop.bodies[1] == {"title": "Week"}


def test_where_none_carries_it_the_create_is_sent_again_with_the_same_key() -> None:
    bench = lost()

    outcome = bench.perform(page(ai_chat(title=None), ai_chat(id="aich_0", title="aaaaaaaaaa · Week")), CHAT, CHAT)

    assert outcome.state == "succeeded"
    assert bench.whop.calls == [LIST, POST, PATCH]
    assert bench.keys == [".1"]
    assert bench.row.attempts == 2


def test_all_pages_are_walked() -> None:
    bench = lost()

    first = page(ai_chat(id="aich_0"), end_cursor="c", has_next_page=True)
    bench.perform(first, page(marked()), first, CHAT)

    assert bench.whop.calls == [LIST, LIST, LIST, PATCH]
    # The first page again: a chat that moved there meanwhile was on no page.
    assert [dict(request.url.params) for request in bench.whop.requests[:3]] == [
        {"first": "100"},
        {"first": "100", "after": "c"},
        {"first": "100"},
    ]


def test_a_chat_that_moves_to_the_front_of_the_list_meanwhile_is_found() -> None:
    bench = lost()
    before = page(ai_chat(id="aich_0"), end_cursor="c", has_next_page=True)
    after = page(marked(), end_cursor="d", has_next_page=True)

    assert bench.perform(before, page(), after, CHAT).state == "succeeded"
    assert bench.whop.calls == [LIST, LIST, LIST, PATCH]


def test_a_chat_that_two_pages_show_is_one_chat() -> None:
    bench = lost()

    first = page(marked(), end_cursor="c", has_next_page=True)
    assert bench.perform(first, page(marked()), first, CHAT).state == "succeeded"


def test_several_chats_with_the_mark_are_for_a_person_to_decide() -> None:
    bench = lost()

    outcome = bench.perform(page(marked("aich_1"), marked("aich_2")))

    assert outcome.state == "unknown"
    row = bench.row
    assert (row.status, row.unsettled, row.chat_id) == ("unknown", True, None)
    assert row.error is not None
    assert "2 found that may belong to this run, in aich_1, aich_2" in row.error["message"]
    assert f"for a chat whose title begins with {MARK[:10]}" in row.error["message"]
    assert f"POST /runs/{bench.run.run_id}/resolve" in row.error["message"]


def test_a_run_whose_outcome_is_unknown_says_when_it_is_checked() -> None:
    bench = WhopBench()

    def message() -> str:
        assert bench.row.error is not None
        return str(bench.row.error["message"])

    bench.perform(httpx.ReadTimeout("slow"))
    lost = "whop: POST /api/v1/ai_chats: no response in time (slow). Whop may have performed the call"
    rest = "UTC and then continues; you don't need to do anything"
    assert message() == f"{lost}. aichats checks at 12:01:00 {rest}"
    # The next time is in place of the first one, and a failure of the run names none.
    bench.clock.now += SETTLE
    bench.perform(seconds=19.9)
    assert message() == f"{lost}. aichats checks at 12:01:00 {rest}"
    bench.perform(error_response(503, "Down."))
    assert message().startswith("whop: 503 a_type: Down. (request req_refused). aichats checks at 12:0")


def test_a_run_whose_outcome_is_known_names_no_check_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = lost()

    # There is time to check that the list has no such chat, but not to create one.
    monkeypatch.setattr(perform, "remaining", Mock(side_effect=[20.0, 19.9]))
    bench.perform(page())

    assert bench.row.error is not None
    assert bench.row.error["message"].endswith("Whop may have performed the call")


@pytest.mark.parametrize(
    "failure", [error_response(500), error_response(403), httpx.ReadTimeout("slow"), httpx.Response(200, text="<html>")]
)
def test_a_list_that_cannot_be_had_is_asked_for_again_later(failure: httpx.Response | Exception) -> None:
    bench = lost()

    outcome = bench.perform(failure)

    assert outcome.state == "waiting"
    row = bench.row
    assert (row.status, row.unsettled, row.attempts, row.key_number) == ("pending", True, 1, 1)
    assert row.due_at is not None
    assert row.due_at > bench.clock.now
    assert bench.perform_when_due(page(marked()), CHAT).state == "succeeded"


def test_a_list_that_is_throttled_waits_as_long_as_whop_says() -> None:
    bench = lost()

    bench.perform(error_response(429, "Try again in 40 seconds."))

    due_at = bench.row.due_at
    assert due_at is not None
    longer = (bench.clock.now - bench.row.opened_at).total_seconds() / 2 * 0.75
    assert (due_at - bench.clock.now).total_seconds() == 40 + longer
    assert bench.row.key_number == 1


def test_a_page_that_fails_in_the_middle_settles_nothing() -> None:
    bench = lost()

    assert bench.perform(page(marked(), end_cursor="c", has_next_page=True), error_response(500)).state == "waiting"
    assert bench.row.unsettled


def test_with_too_little_time_left_it_stays_unsettled() -> None:
    bench = lost()

    assert bench.perform(seconds=5.0).state == "waiting"
    row = bench.row
    assert (row.unsettled, row.due_at, row.attempts) == (True, bench.clock.now, 1)


def test_a_secret_that_cannot_be_read_then_does_not_end_the_run() -> None:
    bench = lost()
    bench.client_error = SecretError("aichats/dev/whop", "could not be read", "Try again later.")

    assert bench.perform().state == "waiting"

    assert bench.row.unsettled
    bench.client_error = None
    assert bench.perform_when_due(page(marked()), CHAT).state == "succeeded"


def test_without_marks_a_person_decides() -> None:
    bench = lost(mark_titles=False)

    outcome = bench.perform()

    assert (outcome.state, bench.row.status) == ("unknown", "unknown")
    assert "the chat has no mark by which it can be found" in str(outcome.error)


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_what_a_chat_was_created_with_decides_and_not_what_is_set_by_now(*, before: bool, after: bool) -> None:
    bench = lost(mark_titles=before)
    bench.ledger = replace(bench.ledger, prepare=preparation(LEDGER, mark_titles=after))
    bench.performer = replace(bench.performer, ledger=bench.ledger)

    if before:
        assert bench.perform(page(marked()), CHAT).state == "succeeded"
        assert bench.whop.calls == [LIST, PATCH]
    else:
        # The chat is there, without a mark: a list without a mark proves nothing.
        assert bench.perform().state == "unknown"
        assert bench.whop.calls == []


def test_a_row_of_an_earlier_version_is_not_looked_up_and_keeps_its_key() -> None:
    bench = WhopBench()
    old = replace(bench.ledger, prepare=lambda _: {})
    old.add([bench.run], lambda _: NOON)
    bench.perform(httpx.ReadTimeout("slow"))
    bench.clock.now += SETTLE

    assert bench.perform().state == "unknown"
    [create] = bench.whop.requests
    assert create.headers["idempotency-key"] == f"{bench.run.run_id}.1"


def test_the_title_of_a_chat_that_an_earlier_version_made_is_cleaned() -> None:
    bench = WhopBench()
    old = replace(bench.ledger, prepare=lambda _: {})
    old.record(old.claim(bench.run, LEASE), "aich_1", {})
    bench.clock.now += LEASE + SETTLE

    assert bench.perform(CHAT).state == "succeeded"
    assert bench.whop.bodies == [{"title": "Week"}]


def test_two_stacks_with_one_credential_have_keys_and_marks_of_their_own() -> None:
    one, other = lost(), lost()
    prepared = preparation("another-stack", mark_titles=True)(one.run)

    assert prepared["key_base"] != one.row.key_base
    foreign = ai_chat(id="aich_9", title=prepared["title"])
    assert one.perform(page(foreign), CHAT, CHAT).state == "succeeded"
    assert one.row.chat_id == "aich_1"
    assert other.perform(page(foreign, marked("aich_2")), ok(ai_chat(id="aich_2"))).state == "succeeded"
    assert other.row.chat_id == "aich_2"


ODD = [
    ai_chat(id="aich_0", message_count=None),
    ai_chat(id="aich_0", user=None, blended_token_usage=None),
    ai_chat(id="aich_0", title=["a", "list"]),
    ai_chat(id=None),
    ai_chat(id="a" * 300),
    {},
]


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_chat_in_the_list_does_no_harm(odd: Json) -> None:
    bench = lost()

    assert bench.perform(page(odd, marked()), CHAT).state == "succeeded"
    assert bench.whop.calls == [LIST, PATCH]


def test_a_chat_with_our_mark_and_no_id_is_not_made_again() -> None:
    bench = lost()

    assert bench.perform(page(marked() | {"id": None})).state == "waiting"
    assert bench.row.unsettled


def test_a_process_that_died_is_settled_like_a_lost_answer() -> None:
    bench = WhopBench()
    bench.crash()

    assert bench.perform(page(marked()), CHAT).state == "succeeded"
    assert bench.whop.calls == [LIST, PATCH]


def test_a_process_that_died_after_it_recorded_the_chat_is_resumed_there() -> None:
    bench = WhopBench()
    bench.ledger.record(bench.ledger.claim(bench.run, SETTLE), "aich_1", {})
    bench.clock.forward(minutes=5)

    assert bench.perform(CHAT).state == "succeeded"
    assert bench.whop.calls == [PATCH]


def test_a_replay_of_an_unknown_outcome_is_settled_first() -> None:
    bench = lost()
    bench.perform(page(marked("aich_1"), marked("aich_2")))
    bench.ledger.steering.replay(bench.run.run_id)
    bench.whop.requests.clear()

    assert bench.perform_when_due(page(marked("aich_1")), CHAT).state == "succeeded"
    assert bench.whop.calls == [LIST, PATCH]


def test_a_replay_takes_a_new_look_though_another_run_walked_since() -> None:
    bench = lost()
    bench.perform(page(marked("aich_1"), marked("aich_2")))
    bench.clock.forward(minutes=2)
    other = copy(bench)
    other.run = make_run("another")
    other.perform(httpx.ReadTimeout("slow"))
    other.perform_when_due(page(marked("aich_1"), marked("aich_2")), CHAT, CHAT)
    bench.clock.forward(minutes=2)
    bench.ledger.steering.replay(bench.run.run_id)

    assert bench.perform_when_due(page(marked("aich_1")), CHAT).state == "succeeded"


def test_a_refusal_after_it_was_settled_fails_the_run() -> None:
    bench = lost()

    outcome = bench.perform(page(), error_response(403))

    assert isinstance(outcome.error, PermissionDeniedError)
    assert (bench.row.status, bench.row.unsettled, bench.row.key_number) == ("failed", False, 2)
