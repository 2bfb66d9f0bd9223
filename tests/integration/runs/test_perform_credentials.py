"""Runs whose secret can't be read or whose credential is rejected: their waits, and the errors that are reported."""

from copy import replace
from datetime import timedelta

import pytest

from aichats.errors import SecretError, SecretUnavailableError
from aichats.http.deadline import time_limit
from aichats.runs.model import Run
from aichats.runs.perform import MAX_AGE, ROTATION, Outcome
from aichats.whop.client import WhopClient
from tests.support.fakes import Step, ai_chat, error_response, ok
from tests.support.ledgers import LEASE, make_run
from tests.support.providers import whop_provider
from tests.support.waiting import turns
from tests.support.whop_bench import WhopBench

UNAVAILABLE = SecretUnavailableError("aichats/dev/whop", "could not be read (ThrottlingException)", "Try again later.")
FORBIDDEN = SecretError("aichats/dev/whop", "may not be read (AccessDeniedException)", "Allow it.")
CHAT = ok(ai_chat(id="aich_1"))
SCHEDULED: Run = replace(make_run(), trigger="schedule")


def from_the_queue(bench: WhopBench, *script: Step) -> Outcome:
    """Perform the run by its id, when it is due, as a message of the queue has it performed."""
    row = bench.row
    assert row.due_at is not None
    bench.clock.now = max(bench.clock.now, row.due_at)
    bench.whop.script = list(script)
    with time_limit(100.0):
        return bench.performer.perform(bench.run.run_id, LEASE)


def rejected(capsys: pytest.CaptureFixture[str]) -> int:
    """Return how often the metric was counted."""
    return capsys.readouterr().out.count('"CredentialsRejected": [1.0]')


# ---- a secret that cannot be read just now


def test_a_run_waits_for_a_secret_that_cannot_be_read_just_now() -> None:
    bench = WhopBench()
    bench.client_error = UNAVAILABLE
    assert bench.perform().state == "waiting"
    for _ in range(20):
        assert bench.perform_when_due().state == "waiting"
    assert (bench.row.attempts, bench.row.key_number) == (0, 1)

    bench.client_error = None
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"


def test_after_a_day_it_waits_no_longer() -> None:
    bench = WhopBench()
    bench.client_error = UNAVAILABLE
    bench.perform()
    bench.clock.now = bench.row.opened_at + MAX_AGE
    outcome = bench.perform()
    assert outcome.state == "failed"
    assert bench.row.error is not None
    assert bench.row.error["type"] == "SecretUnavailableError"


def test_a_secret_that_is_wrong_fails_the_run_at_once() -> None:
    bench = WhopBench()
    bench.client_error = FORBIDDEN
    assert bench.perform().state == "failed"


@pytest.mark.parametrize(("error", "state"), [(UNAVAILABLE, "waiting"), (FORBIDDEN, "failed")])
def test_a_secret_that_is_needed_in_the_middle_is_no_answer_of_the_provider(error: SecretError, state: str) -> None:
    """Check that the next create has the same key, because an earlier create may have been sent with it."""
    bench = WhopBench()

    def token(_: str | None) -> str:
        raise error

    client = WhopClient(token, "https://whop.invalid/api/v1", "2026-07-08-1", 20.0, bench.whop)
    bench.use(whop_provider(bench.ledger, lambda *_: client))
    assert bench.perform().state == state
    assert (bench.row.key_number, bench.whop.requests) == (1, [])


# ---- a credential that is rejected


def test_a_run_without_a_waiting_caller_waits_for_a_quarter_of_an_hour(capsys: pytest.CaptureFixture[str]) -> None:
    bench = WhopBench(SCHEDULED)
    bench.perform(error_response(401))
    attempts, waits = 1, []
    turn = turns()
    while bench.row.status == "pending":
        next(turn)
        assert bench.row.due_at is not None
        waits.append(bench.row.due_at - bench.clock.now)
        bench.perform_when_due(error_response(401))
        attempts += 1

    row = bench.row
    assert row.status == "failed"
    assert ROTATION <= bench.clock.now - row.opened_at < ROTATION * 1.6
    assert waits == sorted(waits)
    assert row.key_number == attempts + 1
    assert rejected(capsys) == attempts < 25


def test_once_the_credential_is_taken_the_run_goes_on() -> None:
    bench = WhopBench(SCHEDULED)
    bench.perform(error_response(401))
    bench.perform_when_due(error_response(401))
    assert bench.perform_when_due(CHAT, CHAT).state == "succeeded"


def test_a_credential_that_is_rejected_between_two_calls_loses_no_chat() -> None:
    bench = WhopBench(SCHEDULED)
    assert bench.perform(CHAT, error_response(401)).state == "waiting"
    assert bench.row.chat_id == "aich_1"
    assert bench.perform_when_due(CHAT).state == "succeeded"


def test_a_waiting_caller_gets_the_error_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    bench = WhopBench()
    assert bench.perform(error_response(401)).state == "failed"
    assert bench.row.key_number == 2
    assert rejected(capsys) == 1


def test_a_caller_waits_too_if_the_credential_was_replaced_a_short_time_ago() -> None:
    bench = WhopBench()
    bench.use(replace(bench.provider, rotating=True))
    assert bench.perform(error_response(401)).state == "waiting"
    assert from_the_queue(bench, error_response(401)).state == "waiting"
    assert from_the_queue(bench, CHAT, CHAT).state == "succeeded"


def test_what_a_caller_started_and_the_queue_performs_waits() -> None:
    bench = WhopBench()
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    assert from_the_queue(bench, error_response(401)).state == "waiting"


def test_a_replay_has_a_quarter_of_an_hour_of_its_own() -> None:
    bench = WhopBench()
    bench.perform(error_response(401))
    bench.clock.now += timedelta(days=1)
    bench.ledger.steering.replay(bench.run.run_id)
    assert from_the_queue(bench, error_response(401)).state == "waiting"


def test_a_credential_that_may_not_do_this_is_final() -> None:
    bench = WhopBench(SCHEDULED)
    assert bench.perform(error_response(403)).state == "failed"


def waited_for_an_hour() -> WhopBench:
    """Return a run that is due an hour after it was opened, such as the last of many runs or a throttled run."""
    bench = WhopBench(SCHEDULED)
    bench.ledger.add([bench.run], lambda _: bench.clock.now + timedelta(hours=1))
    return bench


def test_a_run_that_waited_for_something_else_before_waits_too() -> None:
    bench = waited_for_an_hour()
    assert from_the_queue(bench, error_response(401)).state == "waiting"
    assert from_the_queue(bench, CHAT, CHAT).state == "succeeded"


def test_a_run_that_waited_for_something_else_before_does_not_wait_without_end() -> None:
    bench = waited_for_an_hour()
    from_the_queue(bench, error_response(401))
    assert from_the_queue(bench, error_response(401)).state == "failed"


def test_while_the_credential_is_being_replaced_a_run_waits_whatever_its_age() -> None:
    bench = waited_for_an_hour()
    bench.use(replace(bench.provider, rotating=True))
    for _ in range(3):
        assert from_the_queue(bench, error_response(401)).state == "waiting"
    assert from_the_queue(bench, CHAT, CHAT).state == "succeeded"
