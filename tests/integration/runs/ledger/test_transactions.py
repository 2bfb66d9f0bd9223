"""Canceled transactions, and the number of calls that the ledger makes."""

from collections.abc import Sequence
from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.aws.writes import WRITE_TRIES
from aichats.runs.ledger.ledger import Ledger
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import (
    ERROR,
    LEASE,
    NOON,
    RUN,
    SETTLE,
    Clock,
    end,
    make_ledger,
    overdue,
    runs,
    stored,
    with_error,
)
from tests.support.watched_dynamodb import CountingDynamoDB, ScriptedDynamoDB, SparingDynamoDB, canceled

pytestmark = pytest.mark.usefixtures("pauses")


def watched(ledger: Ledger) -> tuple[Ledger, CountingDynamoDB]:
    """Return the same ledger, whose calls are counted from now on."""
    calls = CountingDynamoDB()
    return Ledger(calls, ledger.table, SETTLE, ledger.clock), calls


# ---------------------------------------------------------------------------------------------- what is there already


def test_a_fan_out_of_a_thousand_runs_costs_ten_transactions_also_the_second_time(clock: Clock) -> None:
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = runs(1000)

    ledger.add(many, lambda _: NOON)
    assert calls.calls == {"transact_write_items": 10}
    calls.calls.clear()

    assert ledger.add(many, lambda _: NOON) == many
    assert calls.calls == {"transact_write_items": 10}


def test_some_that_are_there_cost_one_transaction_more(ledger: Ledger) -> None:
    many = runs(100)
    ledger.add(many[10:20], lambda _: NOON)
    end(ledger, "succeeded", many[50])
    ledger, calls = watched(ledger)

    assert ledger.add(many, lambda _: NOON) == [run for run in many if run != many[50]]

    assert calls.calls == {"transact_write_items": 2}
    assert calls.sizes == [100, 89]


def test_late_events_of_runs_that_were_missed_cost_a_call_each_at_most(ledger: Ledger) -> None:
    many = runs(5)
    ledger.add_ended(with_error(many, ERROR), "missed")
    ledger, calls = watched(ledger)

    assert ledger.add(many, lambda _: NOON) == many

    assert calls.calls == {"transact_write_items": 1, "update_item": 5}
    assert {stored(ledger, run).status for run in many} == {"pending"}


def test_five_hundred_texts_that_cannot_be_made_are_noted_by_five_transactions_each_with_its_reason(
    clock: Clock,
) -> None:
    calls = CountingDynamoDB()
    ledger = make_ledger(clock, client=calls)
    many = runs(500)
    failures: list[tuple[Any, Json]] = [(run, {"type": "RenderError", "message": str(run.target)}) for run in many]

    assert ledger.add_ended(failures, "failed", unrendered=True) == 500
    assert calls.calls == {"transact_write_items": 5}
    assert ledger.add_ended(failures, "failed", unrendered=True) == 0
    assert calls.calls == {"transact_write_items": 10}
    assert stored(ledger, many[321]).error == {"type": "RenderError", "message": "biz_321"}


# ---------------------------------------------------------------------------------------------- what passes


@pytest.mark.parametrize(
    "reasons",
    [
        ("None", "TransactionConflict", "None"),
        ("ThrottlingError", "None", "None"),
        ("None", "None", "ProvisionedThroughputExceeded"),
    ],
)
def test_what_passes_is_repeated_after_a_pause(clock: Clock, reasons: Sequence[str], pauses: list[None]) -> None:
    failing = ScriptedDynamoDB(canceled(*reasons))
    ledger = make_ledger(clock, client=failing)

    assert ledger.add(runs(3), lambda _: NOON) == runs(3)

    assert (len(pauses), failing.calls) == (1, {"transact_write_items": 2})
    assert len(overdue(ledger, NOON + SETTLE)) == 3


def test_what_does_not_pass_is_a_failure_and_is_not_taken_for_runs_that_are_there(clock: Clock) -> None:
    throttled = [canceled("ThrottlingError", "None", "None") for _ in range(WRITE_TRIES)]
    ledger = make_ledger(clock, client=ScriptedDynamoDB(*throttled))

    with pytest.raises(ResponseError, match="TransactionCanceled"):
        ledger.add(runs(3), lambda _: NOON)


def test_a_transaction_that_is_wrong_is_not_repeated(clock: Clock) -> None:
    failing = ScriptedDynamoDB(canceled("ValidationError", "None", "None"))

    with pytest.raises(ResponseError, match="TransactionCanceled"):
        make_ledger(clock, client=failing).add(runs(3), lambda _: NOON)
    assert failing.calls == {"transact_write_items": 1}


def test_a_claim_that_a_transaction_is_in_the_way_of_is_repeated_once(ledger: Ledger, pauses: list[None]) -> None:
    ledger.add([RUN], lambda _: NOON)
    failing = ScriptedDynamoDB(aws_error("TransactionConflictException"))

    row = Ledger(failing, ledger.table, SETTLE, ledger.clock).claim(RUN.run_id, LEASE)

    assert (row.attempts, len(pauses), failing.calls["update_item"]) == (1, 1, 2)


def test_a_second_conflict_is_a_failure(ledger: Ledger) -> None:
    ledger.add([RUN], lambda _: NOON)
    failing = ScriptedDynamoDB(*[aws_error("TransactionConflictException")] * WRITE_TRIES)

    with pytest.raises(ResponseError, match="TransactionConflict"):
        Ledger(failing, ledger.table, SETTLE, ledger.clock).claim(RUN.run_id, LEASE)


# ---------------------------------------------------------------------------------------------- batches that are read


@pytest.mark.parametrize(("most", "batches", "singles"), [(5, 1, 0), (2, 3, 0), (1, 3, 2), (0, 3, 5)])
def test_what_dynamodb_leaves_out_of_a_batch_is_read_all_the_same(
    clock: Clock, most: int, batches: int, singles: int
) -> None:
    sparing = SparingDynamoDB(most)
    ledger = make_ledger(clock, client=sparing)
    many = runs(5)
    ledger.add(many, lambda _: NOON)

    assert [row.run for row in ledger.reads.rows([run.run_id for run in many])] == many

    assert (sparing.calls["batch_get_item"], sparing.calls["get_item"]) == (batches, singles)


def test_rows_that_are_gone_are_left_out(ledger: Ledger) -> None:
    ledger.add(runs(2), lambda _: NOON)

    ids = [runs(3)[2].run_id, runs(3)[1].run_id]
    assert [row.run for row in ledger.reads.rows(ids)] == [runs(3)[1]]
    assert ledger.reads.rows([]) == []
