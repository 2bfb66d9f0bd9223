"""The create of a run: what is sent, and what each answer means for the run."""

from datetime import timedelta

import httpx
import pytest

from aichats.errors import AuthenticationError, OutcomeUnknownError, RateLimitError, SecretError
from tests.support.actions import whop_create_chat
from tests.support.fakes import Step, ai_chat, error_response, ok, page
from tests.support.ledgers import LEASE, NOON, SETTLE, make_run
from tests.support.whop_bench import MARK, WhopBench

CHAT = ok(ai_chat(id="aich_1"))

UNKNOWN: dict[str, Step] = {
    "500": error_response(500),
    "503": httpx.Response(503, text="<html>"),
    "408": error_response(408),
    "409": error_response(409),
    "in progress": error_response(409, code="idempotency_request_in_progress"),
    "mismatch": error_response(400, code="idempotency_key_mismatch"),
    "slow": httpx.ReadTimeout("slow"),
    "cut": httpx.RemoteProtocolError("cut"),
    "no JSON": httpx.Response(200, text="<html>"),
}
REFUSED: dict[str, Step] = {
    "400": error_response(400),
    "401": error_response(401),
    "403": error_response(403),
    "404": error_response(404),
    "410": error_response(410),
    "422": httpx.Response(422, json={"error": None}),
    "418": error_response(418),
}
NOT_SENT: dict[str, Step] = {
    "no route": httpx.ConnectError("no route"),
    "connect timeout": httpx.ConnectTimeout("slow"),
}


def each(steps: dict[str, Step]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("step", steps.values(), ids=steps)


def test_a_run_creates_its_chat_and_gives_it_its_title() -> None:
    bench = WhopBench()

    outcome = bench.perform(CHAT, ok(ai_chat(id="aich_1", title="Week")))

    assert (outcome.state, outcome.performed, outcome.error) == ("succeeded", True, None)
    chat = outcome.row.result["chat"]
    assert (chat["id"], chat["title"]) == ("aich_1", "Week")
    assert bench.whop.calls == [("POST", "/api/v1/ai_chats"), ("PATCH", "/api/v1/ai_chats/aich_1")]
    assert bench.whop.bodies == [
        {"message_text": "How was the week?", "title": MARK + "Week", "current_company_id": "biz_A"},
        {"title": "Week"},
    ]
    assert bench.keys == [".1"]


def test_the_ledger_keeps_the_chat_and_the_answer() -> None:
    bench = WhopBench()

    outcome = bench.perform(CHAT, ok(ai_chat(id="aich_1", title="Week")))

    row = bench.row
    assert (row.status, row.chat_id, row.attempts, row.finished_at) == ("succeeded", "aich_1", 1, NOON)
    assert (outcome.row.status, outcome.row.chat_id, outcome.row.is_open) == ("succeeded", "aich_1", False)
    again = bench.perform()
    assert (again.state, again.performed, again.row.result) == ("succeeded", False, outcome.row.result)


def test_a_run_without_a_company_names_none() -> None:
    bench = WhopBench(make_run(target=None))

    bench.perform(CHAT, CHAT)

    assert "current_company_id" not in bench.whop.bodies[0]
    assert bench.whop.requests[0].headers["authorization"] == "Bearer key-of-all"


def test_a_run_uses_the_credential_of_its_company() -> None:
    bench = WhopBench()

    bench.perform(CHAT, CHAT)

    assert {request.headers["authorization"] for request in bench.whop.requests} == {"Bearer biz_A"}


@each(UNKNOWN)
def test_an_unknown_outcome_waits_for_the_settle_time(step: Step) -> None:
    bench = WhopBench()

    outcome = bench.perform(step)

    assert (outcome.state, outcome.row.due_at) == ("waiting", NOON + SETTLE)
    row = bench.row
    assert (row.status, row.unsettled, row.attempts, row.key_number) == ("pending", True, 1, 1)
    assert row.due_at == NOON + SETTLE
    assert row.error is not None
    assert row.error["type"] in {"OutcomeUnknownError", "ProtocolError"}


def test_before_the_settle_time_nothing_is_asked() -> None:
    bench = WhopBench()
    bench.perform(error_response(500))
    bench.clock.forward(seconds=SETTLE.total_seconds() - 0.001)

    outcome = bench.perform()

    assert (outcome.state, outcome.performed) == ("waiting", False)


@each(REFUSED)
def test_a_refusal_ends_the_run_as_failed_and_says_why(step: Step) -> None:
    bench = WhopBench()

    outcome = bench.perform(step)

    assert outcome.state == "failed"
    assert outcome.error is not None
    assert outcome.error.run_id == bench.run.run_id
    row = bench.row
    assert (row.status, row.unsettled, row.is_open) == ("failed", False, False)
    assert row.error is not None
    assert row.error["message"] == str(outcome.error)
    assert outcome.row.error == row.error


def test_a_refusal_is_kept_with_status_code_and_request() -> None:
    bench = WhopBench()

    outcome = bench.perform(error_response(401, "No.", code="revoked"))

    assert isinstance(outcome.error, AuthenticationError)
    kept = bench.row.error
    assert kept is not None
    assert (kept["type"], kept["status"], kept["code"], kept["request_id"]) == (
        "AuthenticationError",
        401,
        "revoked",
        "req_refused",
    )


def test_a_replay_after_a_refusal_takes_another_key_and_asks_for_nothing_first() -> None:
    bench = WhopBench()
    bench.perform(error_response(403))
    bench.ledger.steering.replay(bench.run.run_id)

    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"
    assert bench.keys == [".1", ".2"]


def test_throttling_waits_as_long_as_whop_says_and_a_little_and_takes_another_key() -> None:
    bench = WhopBench()

    outcome = bench.perform(error_response(429, "Try again in 12 seconds."))

    assert isinstance(outcome.error, RateLimitError)
    row = bench.row
    assert (row.status, row.unsettled, row.attempts, row.key_number) == ("pending", False, 0, 2)
    assert row.due_at == NOON + timedelta(seconds=12 + 1.5)
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"
    assert bench.keys == [".1", ".2"]


def test_throttling_without_a_word_waits_a_little() -> None:
    bench = WhopBench()

    bench.perform(httpx.Response(429, json={"error": None}))

    due_at = bench.row.due_at
    assert due_at is not None
    assert timedelta(seconds=1) <= due_at - NOON <= timedelta(seconds=2)


@each(NOT_SENT)
def test_what_was_not_sent_does_not_count_as_an_attempt_and_keeps_its_key(step: Step) -> None:
    bench = WhopBench()

    bench.perform(step)

    row = bench.row
    assert (row.status, row.unsettled, row.attempts, row.key_number) == ("pending", False, 0, 1)
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"
    assert bench.keys == [".1", ".1"]


def test_waits_grow_with_the_age_of_the_run_to_ten_minutes() -> None:
    bench, waits = WhopBench(), []
    for age in (0, 60, 600, 7200):
        bench.clock.now = max(NOON + timedelta(seconds=age), bench.row.due_at or NOON) if age else NOON
        bench.perform(httpx.ConnectError("no route"))
        due_at = bench.row.due_at
        assert due_at is not None
        waits.append((due_at - bench.clock.now).total_seconds())

    longest = [2, 30, 300, 600]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))


@pytest.mark.parametrize("answered", [{"id": "aich_1", "title": None}, ai_chat(id="aich_1", message_count="many")])
def test_an_answer_that_cannot_be_read_but_for_the_chats_id_is_a_chat(answered: object) -> None:
    bench = WhopBench()

    assert bench.perform(ok(answered), CHAT).state == "succeeded"
    assert bench.row.chat_id == "aich_1"


def test_input_that_only_the_client_rejects_fails_the_run_and_sends_nothing() -> None:
    action = whop_create_chat(message_text="hello", agent_identifier="support")
    bench = WhopBench(make_run(action=action))

    outcome = bench.perform()

    assert outcome.state == "failed"
    assert "agent_identifier" in str(outcome.error)


def test_a_secret_that_cannot_be_used_fails_the_run() -> None:
    bench = WhopBench()
    bench.client_error = SecretError("aichats/dev/whop", "is empty", "Fill it.")

    outcome = bench.perform()

    assert outcome.error is bench.client_error
    kept = bench.row.error
    assert kept is not None
    assert (bench.row.status, kept["message"]) == ("failed", "secret aichats/dev/whop is empty. Fill it.")


def test_with_too_little_time_left_nothing_is_sent_and_it_is_tried_again_at_once() -> None:
    bench = WhopBench()

    outcome = bench.perform(seconds=19.9)

    assert (outcome.state, outcome.error) == ("waiting", None)
    row = bench.row
    assert (row.attempts, row.unsettled, row.due_at, row.error) == (0, False, NOON, None)
    assert bench.perform(CHAT, CHAT).state == "succeeded"


def test_every_attempt_sends_the_same_bytes_to_the_same_version_whatever_is_configured_later() -> None:
    action = whop_create_chat(message_text="Grüße\n\t🎉 \u2028", message_source="suggestion", suggestion_type="x")
    bench = WhopBench(make_run(action=action, target=None))
    bench.perform(httpx.ReadTimeout("slow"))
    bench.perform_when_due(page(), error_response(500))
    bench.perform_when_due(page(), error_response(429))
    bench.perform_when_due(CHAT, CHAT)

    creates = [request for request in bench.whop.requests if request.method == "POST"]
    assert len(creates) == 4
    assert len({request.content for request in creates}) == 1
    assert {request.headers["api-version-date"] for request in creates} == {"2026-07-08-1"}
    assert bench.keys == [".1", ".1", ".1", ".2"]


def test_two_workers_at_once_make_one_call() -> None:
    bench = WhopBench()
    row = bench.ledger.claim(bench.run, LEASE)

    outcome = bench.perform()

    assert (outcome.state, outcome.performed, outcome.row.lease) == ("in_progress", False, row.lease)


def test_no_run_is_performed_that_does_not_exist() -> None:
    bench = WhopBench()

    with pytest.raises(LookupError, match=f"there is no run {bench.run.run_id}"):
        bench.performer.perform(bench.run.run_id, LEASE)


def test_a_crash_leaves_the_run_to_be_settled() -> None:
    bench = WhopBench()

    with pytest.raises(ZeroDivisionError):
        bench.perform(ZeroDivisionError())

    row = bench.row
    assert (row.status, row.unsettled, row.due_at) == ("performing", True, NOON + LEASE + SETTLE)


def test_a_worker_that_puts_a_run_back_too_late_gets_its_end() -> None:
    bench = WhopBench()

    def meanwhile(_: httpx.Request) -> httpx.Response:
        bench.ledger.finish(bench.row, "succeeded", chat_id="aich_9")
        return error_response(429)

    outcome = bench.perform(meanwhile)

    assert (outcome.state, outcome.performed, outcome.row.chat_id) == ("succeeded", False, "aich_9")


def test_a_create_of_unknown_outcome_is_reported_as_such() -> None:
    assert isinstance(WhopBench().perform(error_response(500)).error, OutcomeUnknownError)


def test_an_id_that_does_not_fit_into_a_row_is_an_answer_that_cannot_be_read() -> None:
    bench = WhopBench()

    outcome = bench.perform(ok(ai_chat(id="aich_" + "x" * 450_000)))

    assert (outcome.state, bench.row.unsettled, bench.row.chat_id) == ("waiting", True, None)
