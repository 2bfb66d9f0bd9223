"""The limits of a run: eight attempts that may have done something, or a day."""

import json
from datetime import timedelta

import httpx
import pytest

from aichats.runs.decisions import MAX_RUN_ATTEMPTS
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.perform import MAX_AGE
from tests.support.fakes import ai_chat, error_response, ok, page
from tests.support.whop_bench import MARK, WhopBench

CHAT = ok(ai_chat(id="aich_1"))


def throttled(times: int) -> WhopBench:
    bench = WhopBench()
    bench.perform(error_response(429))
    for _ in range(times - 1):
        bench.perform_when_due(error_response(429))
    return bench


def failing(times: int) -> WhopBench:
    """Return a run whose chat was created and whose change has failed this number of times."""
    bench = WhopBench()
    bench.perform(CHAT, error_response(500, "Down."))
    for _ in range(times - 1):
        bench.perform_when_due(error_response(500, "Down."))
    return bench


def lost(times: int) -> WhopBench:
    """Return a run whose create had an unknown outcome this number of times, and never created a chat."""
    bench = WhopBench()
    bench.perform(error_response(500, "Down."))
    for _ in range(times - 1):
        bench.perform_when_due(page(), error_response(500, "Down."))
    return bench


def test_the_eighth_attempt_that_fails_is_the_last() -> None:
    bench = failing(MAX_RUN_ATTEMPTS - 1)
    assert bench.row.status == "pending"

    outcome = bench.perform_when_due(error_response(500, "Down."))

    assert outcome.state == "failed"
    row = bench.row
    assert (row.status, row.attempts, row.key_number) == ("failed", 8, 1)
    assert row.error is not None
    assert "Down." in row.error["message"]


def test_throttling_counts_as_no_attempt_and_ends_a_run_after_a_day() -> None:
    bench = throttled(2 * MAX_RUN_ATTEMPTS)
    assert (bench.row.status, bench.row.attempts, bench.row.key_number) == ("pending", 0, 2 * MAX_RUN_ATTEMPTS + 1)
    bench.clock.now = bench.row.opened_at + MAX_AGE

    outcome = bench.perform(error_response(429, "Slow down."))

    assert (outcome.state, bench.row.status) == ("failed", "failed")
    assert "Slow down." in str(outcome.error)


def test_a_change_that_is_throttled_counts_as_no_attempt() -> None:
    bench = WhopBench()
    bench.perform(CHAT, error_response(429))
    for _ in range(MAX_RUN_ATTEMPTS):
        assert bench.perform_when_due(error_response(429)).state == "waiting"

    assert bench.row.attempts == 0
    assert bench.perform_when_due(CHAT).state == "succeeded"


def test_runs_that_are_throttled_together_come_back_further_and_further_apart() -> None:
    bench, waits = throttled(1), []
    for _ in range(3):
        due_at = bench.row.due_at
        assert due_at is not None
        waits.append((due_at - bench.clock.now).total_seconds())
        bench.perform_when_due(error_response(429, "Try again in 60 seconds."))

    assert waits == sorted(waits)
    assert waits[0] < 60 < waits[1] < waits[2] - 10


def test_the_eighth_attempt_may_succeed() -> None:
    assert failing(MAX_RUN_ATTEMPTS - 1).perform_when_due(CHAT).state == "succeeded"


def test_what_never_reached_the_provider_is_tried_for_a_day() -> None:
    bench = WhopBench()
    bench.perform(httpx.ConnectError("no route"))
    for _ in range(3 * MAX_RUN_ATTEMPTS):
        assert bench.perform_when_due(httpx.ConnectError("no route")).state == "waiting"
    assert bench.row.attempts == 0
    bench.clock.now = bench.row.opened_at + MAX_AGE

    outcome = bench.perform(httpx.ConnectError("no route"))

    assert (outcome.state, bench.row.status) == ("failed", "failed")
    assert "no route" in str(outcome.error)


def test_an_eighth_attempt_of_unknown_outcome_is_settled_before_the_run_ends() -> None:
    bench = lost(MAX_RUN_ATTEMPTS)
    assert bench.row.status == "pending"
    calls = len(bench.whop.requests)

    outcome = bench.perform_when_due(page())

    assert outcome.state == "failed"
    assert "gave up after 8 attempts; the last error: " in str(outcome.error)
    assert len(bench.whop.requests) == calls + 1


def test_an_eighth_attempt_that_made_a_chat_all_the_same_succeeds() -> None:
    bench = lost(MAX_RUN_ATTEMPTS)
    found = ai_chat(id="aich_1", title=f"{MARK}Week")

    assert bench.perform_when_due(page(found), CHAT).state == "succeeded"


def test_after_a_day_an_open_attempt_ends_the_run_as_unknown() -> None:
    bench = WhopBench()
    bench.perform(error_response(500))
    bench.clock.now = bench.row.opened_at + MAX_AGE

    outcome = bench.perform(error_response(503))

    assert (outcome.state, bench.row.status, bench.row.unsettled) == ("unknown", "unknown", True)


def test_a_run_that_is_replayed_has_another_day_and_another_eight_attempts() -> None:
    bench = failing(MAX_RUN_ATTEMPTS)
    bench.clock.forward(days=2)
    bench.ledger.steering.replay(bench.run.run_id)

    assert bench.perform_when_due(error_response(500)).state == "waiting"
    assert bench.row.attempts == 1


def test_processes_that_die_count_as_attempts() -> None:
    bench = WhopBench()
    bench.crash(attempts=MAX_RUN_ATTEMPTS)

    outcome = bench.perform(page())

    assert (outcome.state, bench.row.status) == ("failed", "failed")
    assert "no attempt reached the provider" in str(outcome.error)


@pytest.mark.parametrize("age", [timedelta(0), MAX_AGE])
def test_too_little_time_is_no_error_until_the_run_is_over(age: timedelta) -> None:
    bench = WhopBench()
    bench.perform(seconds=1.0)
    bench.clock.now = bench.row.opened_at + age

    outcome = bench.perform(seconds=1.0)

    assert outcome.state == ("failed" if age else "waiting")


def test_an_end_that_needs_a_person_is_counted_before_the_row_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = WhopBench()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "finish", die)
    with pytest.raises(KeyboardInterrupt):
        bench.perform(error_response(403))

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [line["RunsFailed"] for line in metrics] == [[1.0]]
    assert bench.row.is_open
