"""A run that a person cancels has no effect afterwards, and one that has begun goes on."""

from copy import copy, replace
from datetime import timedelta

import httpx
import pytest

from aichats.errors import SecretUnavailableError
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import EndStatus, Row
from aichats.runs.model import Run
from tests.support.actions import whop_update_chat
from tests.support.fakes import ai_chat, error_response, ok, page
from tests.support.ledgers import ERROR, LEASE, NOON, SETTLE, Overtaken, make_run
from tests.support.whop_bench import MARK, WhopBench

CHAT = ok(ai_chat(id="aich_1"))
CANCELLED = {"type": "Cancelled", "message": "cancelled by ann: wrong text"}


def cancel(bench: WhopBench) -> Row:
    return bench.ledger.steering.cancel(bench.run.run_id, by="ann", reason="wrong text")


def opened() -> WhopBench:
    """Return a run that waits for its first attempt."""
    bench = WhopBench()
    bench.ledger.add([bench.run], lambda _: bench.clock.now)
    return bench


def updating() -> WhopBench:
    """Return a run that changes a chat."""
    return WhopBench(make_run(action=whop_update_chat(title="Week"), target="aich_1"))


def test_a_run_that_waits_for_its_first_attempt_ends_at_once_and_its_message_does_nothing() -> None:
    bench = opened()

    row = cancel(bench)

    assert (row.status, row.error) == ("cancelled", CANCELLED)
    assert row == bench.row
    assert bench.perform().state == "cancelled"
    assert bench.whop.calls == []


def test_a_run_that_was_throttled_ends_at_once() -> None:
    bench = WhopBench()
    bench.perform(error_response(429))

    assert cancel(bench).status == "cancelled"


def test_a_repeated_cancellation_changes_nothing() -> None:
    bench = opened()
    first = cancel(bench)
    bench.clock.forward(seconds=5)

    assert bench.ledger.steering.cancel(bench.run.run_id, by="bob") == first == bench.row


@pytest.mark.parametrize("status", ["succeeded", "failed", "missed", "skipped"])
def test_a_run_that_has_ended_stays_as_it_is(status: EndStatus) -> None:
    bench = WhopBench()
    row = bench.ledger.claim(bench.run, LEASE)
    bench.ledger.finish(row, status, error=ERROR)
    before = bench.row

    with pytest.raises(LedgerConflictError):
        cancel(bench)

    assert bench.row == before


def test_a_run_whose_chat_exists_has_begun_and_goes_on() -> None:
    bench = WhopBench()
    bench.perform(CHAT, error_response(429))

    with pytest.raises(LedgerConflictError):
        cancel(bench)

    assert bench.perform_when_due(CHAT).state == "succeeded"


def test_a_run_that_does_not_exist_cannot_be_cancelled() -> None:
    with pytest.raises(LedgerConflictError) as caught:
        cancel(WhopBench())

    assert caught.value.row is None


def test_a_run_of_unknown_outcome_is_looked_up_and_ends_cancelled_if_there_is_no_chat() -> None:
    bench = WhopBench()
    bench.perform(httpx.ReadTimeout("slow"))

    row = cancel(bench)

    assert (row.status, row.cancel) == ("pending", {"by": "ann", "reason": "wrong text"})
    assert bench.perform_when_due(page()).state == "cancelled"
    assert bench.row.error == CANCELLED
    assert [method for method, _ in bench.whop.calls] == ["POST", "GET"]


def test_a_run_of_unknown_outcome_goes_on_if_its_chat_exists() -> None:
    bench = WhopBench()
    bench.perform(httpx.ReadTimeout("slow"))
    cancel(bench)

    outcome = bench.perform_when_due(page(ai_chat(id="aich_1", title=f"{MARK}Week")), CHAT)

    assert (outcome.state, bench.row.chat_id) == ("succeeded", "aich_1")


def test_a_run_that_ended_as_unknown_is_opened_again_only_to_look_it_up() -> None:
    bench = WhopBench()
    bench.perform(httpx.ReadTimeout("slow"))
    two = page(ai_chat(id="aich_1", title=f"{MARK}Week"), ai_chat(id="aich_2", title=f"{MARK}Week"))
    assert bench.perform_when_due(two).state == "unknown"

    assert cancel(bench).status == "pending"

    assert bench.perform_when_due(page()).state == "cancelled"


def test_a_replay_forgets_an_earlier_cancellation() -> None:
    bench = WhopBench()
    bench.perform(httpx.ReadTimeout("slow"))
    cancel(bench)
    two = page(ai_chat(id="aich_1", title=f"{MARK}Week"), ai_chat(id="aich_2", title=f"{MARK}Week"))
    assert bench.perform_when_due(two).state == "unknown"

    bench.ledger.steering.replay(bench.run.run_id)

    assert bench.row.cancel is None
    assert bench.perform_when_due(page(), CHAT, CHAT).state == "succeeded"


def test_a_run_that_is_being_performed_is_marked_and_ends_when_it_must_wait() -> None:
    bench = WhopBench()
    row = bench.ledger.claim(bench.run, LEASE)

    assert cancel(bench).status == "performing"

    bench.ledger.put_back(row, bench.clock.now, unsettled_at=None, error=None)
    assert bench.perform().state == "cancelled"
    assert bench.whop.calls == []


def test_a_run_that_succeeds_while_it_is_cancelled_has_succeeded() -> None:
    bench = WhopBench()
    row = bench.ledger.claim(bench.run, LEASE)
    cancel(bench)

    bench.ledger.finish(row, "succeeded", chat_id="aich_1")

    assert bench.perform().state == "succeeded"


@pytest.mark.parametrize("run", [make_run(), updating().run], ids=["create", "change"])
def test_a_run_that_fails_while_it_is_cancelled_ends_cancelled_so_that_no_replay_performs_it(run: Run) -> None:
    bench = WhopBench(run)

    def reject(_request: httpx.Request) -> httpx.Response:
        cancel(bench)
        return error_response(422)

    outcome = bench.perform(reject)

    assert (outcome.state, (bench.row.error or {})["status"]) == ("waiting", 422)
    assert bench.perform_when_due().state == "cancelled"
    assert bench.row.error == CANCELLED
    assert len(bench.whop.calls) == 1


def test_a_run_of_an_unknown_lease_is_not_put_back_by_a_process_that_lost_it() -> None:
    bench = WhopBench()

    def claim_again(_request: httpx.Request) -> httpx.Response:
        bench.clock.now += LEASE + SETTLE
        bench.ledger.claim(bench.run, LEASE)
        cancel(bench)
        return error_response(422)

    assert bench.perform(claim_again).state == "in_progress"
    assert bench.row.status == "performing"


def test_a_run_whose_secret_cannot_be_read_ends_cancelled_without_waiting_for_the_secret() -> None:
    bench = WhopBench()
    row = bench.ledger.claim(bench.run, LEASE)
    cancel(bench)
    bench.ledger.put_back(row, bench.clock.now, unsettled_at=None, error=None)
    bench.client_error = SecretUnavailableError("aichats/dev/whop", "could not be read", "Try again later.")

    assert bench.perform().state == "cancelled"


def test_a_run_whose_process_died_is_looked_up_first() -> None:
    bench = WhopBench()
    bench.ledger.claim(bench.run, LEASE)
    cancel(bench)
    bench.clock.now += LEASE + SETTLE

    assert bench.perform(page()).state == "cancelled"


def test_a_change_that_may_still_be_made_is_waited_for_before_its_run_ends() -> None:
    bench = updating()
    bench.perform(httpx.ReadTimeout("slow"))
    lost_at = bench.row.updated_at

    assert cancel(bench).status == "pending"

    assert bench.perform_when_due().state == "waiting"
    assert bench.row.due_at is not None
    assert bench.row.due_at >= lost_at + SETTLE
    assert bench.perform_when_due().state == "cancelled"
    assert {method for method, _ in bench.whop.calls} == {"PATCH"}


def test_a_newer_change_waits_for_a_cancelled_change_that_may_still_be_made() -> None:
    cancelled = updating()
    newer = copy(cancelled)
    newer.run = make_run("newer", action=whop_update_chat(title="Day"), target="aich_1")
    cancelled.perform(httpx.ReadTimeout("slow"))
    cancel(cancelled)
    assert cancelled.perform_when_due().state == "waiting"
    ends_at = cancelled.row.due_at

    assert (newer.perform().state, newer.row.due_at) == ("waiting", ends_at)
    assert cancelled.perform_when_due().state == "cancelled"
    assert newer.perform(CHAT).state == "succeeded"


def test_a_change_whose_process_died_ends_cancelled_after_the_settle_time_without_another_call() -> None:
    bench = updating()
    bench.ledger.claim(bench.run, LEASE)
    cancel(bench)

    assert bench.row.due_at == NOON + LEASE + SETTLE
    assert bench.perform_when_due().state == "cancelled"
    assert bench.whop.calls == []


def test_a_claim_between_read_and_write_turns_the_cancellation_into_a_mark() -> None:
    bench = opened()
    bench.clock.forward(seconds=1)
    overtaken = Overtaken(lambda: bench.ledger.claim(bench.run, LEASE))

    row = replace(bench.ledger, client=overtaken).steering.cancel(bench.run.run_id, by="ann")

    assert (row.status, row.cancel) == ("performing", {"by": "ann"})


def test_a_cancellation_between_the_read_and_the_write_of_a_replay_is_not_undone() -> None:
    bench = opened()
    bench.ledger.finish(bench.ledger.claim(bench.run, LEASE), "unknown", error=ERROR)
    overtaken = Overtaken(lambda: cancel(bench))
    slower = replace(bench.ledger, client=overtaken, clock=lambda: bench.clock.now + timedelta(milliseconds=1))

    with pytest.raises(LedgerConflictError):
        slower.steering.replay(bench.run.run_id)

    assert bench.row.cancel == {"by": "ann", "reason": "wrong text"}
