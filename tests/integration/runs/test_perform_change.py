"""Calls that may be repeated: those after a create, and changes of a chat."""

import json

import httpx
import pytest

from aichats.errors import NotFoundError, PermissionDeniedError
from aichats.runs.action import Action
from aichats.whop.models import AiChat
from tests.support.actions import whop_create_chat, whop_update_chat
from tests.support.fakes import ai_chat, error_response, ok, page
from tests.support.ledgers import MUTE, NOON, SETTLE, make_run
from tests.support.whop_bench import MARK, WhopBench

CHAT = ok(ai_chat(id="aich_1"))
PATCH = ("PATCH", "/api/v1/ai_chats/aich_1")


def create(**fields: object) -> Action:
    return whop_create_chat(**{"message_text": "How was the week?\nAnd the month?"} | fields)


def test_title_and_notification_preference_are_set_in_one_call() -> None:
    bench = WhopBench(make_run(action=create(title="Week", notification_preference="none")))

    bench.perform(CHAT, CHAT)

    assert bench.whop.bodies[1] == {"title": "Week", "notification_preference": "none"}
    assert "notification_preference" not in bench.whop.bodies[0]


def test_a_title_that_is_only_a_mark_is_cleared() -> None:
    bench = WhopBench(make_run(action=create()))

    bench.perform(CHAT, CHAT)

    assert bench.whop.bodies[0]["title"] == f"{MARK}How was the week?"
    assert bench.whop.bodies[1] == {"title": None}


def test_a_long_title_is_cut_for_the_mark_and_whole_afterwards() -> None:
    bench = WhopBench(make_run(action=create(title="w" * 500)))

    bench.perform(CHAT, CHAT)

    assert bench.whop.bodies[0]["title"] == f"{MARK}{'w' * 500}"[:120]
    assert bench.whop.bodies[1] == {"title": "w" * 500}


@pytest.mark.parametrize(("title", "preference"), [("Week", "none"), (None, "all"), ("Week", None), (None, None)])
def test_without_marks_the_title_is_sent_as_it_is_and_only_the_preference_is_set(
    title: str | None, preference: str | None
) -> None:
    given = {"title": title, "notification_preference": preference}
    action = create(**{name: value for name, value in given.items() if value is not None})
    bench = WhopBench(make_run(action=action), mark_titles=False)

    bench.perform(*[CHAT, CHAT][: 2 if preference else 1])

    assert bench.whop.bodies[0].get("title") == title
    assert bench.whop.calls[1:] == ([PATCH] if preference else [])
    assert bench.whop.bodies[1:] == ([{"notification_preference": preference}] if preference else [])
    assert bench.row.result["chat"]["id"] == "aich_1"


@pytest.mark.parametrize(
    "failure",
    [
        error_response(500),
        error_response(429),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("no route"),
    ],
    ids=["down", "throttled", "slow", "not reached"],
)
def test_a_change_after_the_create_that_fails_is_tried_again_for_the_same_chat(
    failure: httpx.Response | Exception,
) -> None:
    bench = WhopBench()

    outcome = bench.perform(CHAT, failure)

    assert (outcome.state, outcome.row.chat_id) == ("waiting", "aich_1")
    assert (bench.row.status, bench.row.chat_id, bench.row.unsettled) == ("pending", "aich_1", False)
    bench.whop.requests.clear()
    assert bench.perform_when_due(CHAT).state == "succeeded"
    assert bench.whop.calls == [PATCH]


UNREADABLE = [httpx.Response(200, text="<html>"), ok({"id": "aich_1"}), ok(ai_chat(message_count=None))]


@pytest.mark.parametrize("answer", UNREADABLE)
def test_a_change_is_done_even_if_its_answer_cannot_be_read(answer: httpx.Response) -> None:
    created, changed = WhopBench(), WhopBench(make_run(action=MUTE, target="aich_1"))

    assert created.perform(CHAT, answer).state == "succeeded"
    assert changed.perform(answer).state == "succeeded"

    assert (created.row.chat_id, created.row.result) == ("aich_1", {})
    assert (changed.row.chat_id, changed.row.result) == ("aich_1", {})


def test_a_new_chat_that_is_not_found_yet_is_waited_for_until_the_settle_time_is_over() -> None:
    bench = WhopBench()

    assert bench.perform(CHAT, error_response(404)).state == "waiting"
    assert (bench.row.attempts, bench.row.chat_id) == (0, "aich_1")
    assert bench.perform_when_due(error_response(404)).state == "waiting"
    assert bench.perform_when_due(CHAT).state == "succeeded"


def test_a_new_chat_that_is_not_found_after_the_settle_time_fails_the_run() -> None:
    bench = WhopBench()
    bench.perform(CHAT, error_response(404))
    bench.clock.now += SETTLE

    outcome = bench.perform(error_response(404))

    assert (outcome.state, isinstance(outcome.error, NotFoundError)) == ("failed", True)


def test_a_chat_to_be_changed_that_does_not_exist_fails_the_run_at_once() -> None:
    assert WhopBench(make_run(action=MUTE, target="aich_1")).perform(error_response(404)).state == "failed"


@pytest.mark.parametrize(
    "fields",
    [{"title": "t" * 500_000}, {"more": "m" * 500_000}, {"user": {"id": "u" * 500_000, "name": "n" * 500_000}}],
)
def test_of_a_huge_answer_the_run_keeps_only_what_fits(fields: dict[str, object]) -> None:
    created, changed = WhopBench(), WhopBench(make_run(action=MUTE, target="aich_1"))
    huge = ok(ai_chat(id="aich_1", **fields))

    assert created.perform(huge, huge).state == "succeeded"
    assert changed.perform(huge).state == "succeeded"

    assert len(json.dumps(created.row.result)) < 5000
    assert AiChat.model_validate(changed.row.result["chat"]).id == "aich_1"
    assert "more" not in changed.row.result["chat"]


def test_a_change_after_the_create_that_is_rejected_fails_the_run_and_names_the_chat() -> None:
    bench = WhopBench()

    outcome = bench.perform(CHAT, error_response(403))

    assert isinstance(outcome.error, PermissionDeniedError)
    assert (outcome.state, outcome.row.chat_id, outcome.error.chat_id) == ("failed", "aich_1", "aich_1")
    assert (bench.row.status, bench.row.chat_id) == ("failed", "aich_1")


def test_a_replay_goes_on_with_the_chat_that_there_is() -> None:
    bench = WhopBench()
    bench.perform(CHAT, error_response(403))
    bench.ledger.steering.replay(bench.run.run_id)
    bench.whop.requests.clear()

    assert bench.perform_when_due(CHAT).state == "succeeded"
    assert bench.whop.calls == [PATCH]


def test_when_the_create_took_most_of_the_time_the_change_comes_later() -> None:
    bench = WhopBench()

    bench.ledger.record(bench.ledger.claim(bench.run, NOON - NOON), "aich_1", {})
    bench.clock.forward(minutes=5)
    outcome = bench.perform(seconds=19.0)

    assert (outcome.state, outcome.row.chat_id) == ("waiting", "aich_1")
    assert bench.perform(CHAT).state == "succeeded"


def test_an_update_changes_the_chat_that_is_its_target() -> None:
    bench = WhopBench(make_run(action=MUTE, target="aich_1"))

    outcome = bench.perform(ok(ai_chat(id="aich_1", notification_preference="none")))

    assert (outcome.state, bench.row.chat_id) == ("succeeded", "aich_1")
    assert bench.whop.calls == [PATCH]
    assert bench.whop.bodies == [{"notification_preference": "none"}]


def test_an_update_clears_what_is_null_and_leaves_what_is_not_given() -> None:
    action = whop_update_chat(title=None, company_id="biz_B")
    bench = WhopBench(make_run(action=action, target="aich_1"))

    bench.perform(CHAT)

    assert bench.whop.bodies == [{"title": None, "current_company_id": "biz_B"}]
    assert bench.whop.requests[0].headers["authorization"] == "Bearer biz_B"


def test_an_update_after_a_crash_is_simply_sent_again() -> None:
    bench = WhopBench(make_run(action=MUTE, target="aich_1"))
    bench.crash()

    assert bench.perform(CHAT).state == "succeeded"
    assert bench.whop.calls == [PATCH]


@pytest.mark.parametrize("failure", [error_response(500), httpx.ReadTimeout("slow")])
def test_an_update_that_fails_waits_and_is_never_unsettled(failure: httpx.Response | Exception) -> None:
    bench = WhopBench(make_run(action=MUTE, target="aich_1"))

    assert bench.perform(failure).state == "waiting"
    assert (bench.row.unsettled, bench.row.key_number) == (False, 1)


def test_an_update_of_a_chat_that_is_gone_fails() -> None:
    bench = WhopBench(make_run(action=MUTE, target="aich_1"))

    assert bench.perform(error_response(404)).state == "failed"


def test_a_mark_that_another_run_left_is_not_touched() -> None:
    bench = WhopBench()
    bench.crash()

    bench.perform(page(ai_chat(id="aich_0", title="Week · bbbbbbbb")), CHAT, CHAT)

    assert bench.row.chat_id == "aich_1"
