"""The ledger: new runs, the attributes of their rows, and the indexes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from aichats.aws.errors import ResponseError
from aichats.runs.ledger import reads, rows
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.keys import reserve
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.stranded import GIVEN_UP
from tests.support.fakes import aws_error
from tests.support.ledgers import (
    ERROR,
    LEASE,
    NOON,
    RUN,
    SETTLE,
    Clock,
    dynamodb,
    end,
    item,
    make_run,
    overdue,
    runs,
    stored,
)

# ---------------------------------------------------------------------------------------------- add


def test_fresh_runs_are_written_as_pending_each_with_its_time(ledger: Ledger) -> None:
    fresh = runs(3)

    assert ledger.add(fresh, lambda index: NOON + timedelta(seconds=index)) == fresh
    kept = [stored(ledger, run) for run in fresh]
    assert [row.run for row in kept] == fresh
    assert [row.due_at for row in kept] == [NOON + timedelta(seconds=index) for index in range(3)]
    assert {(row.status, row.attempts, row.unsettled) for row in kept} == {("pending", 0, False)}


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_any_number_of_runs_is_written(ledger: Ledger, count: int) -> None:
    assert len(ledger.add(runs(count), lambda _: NOON)) == count
    assert len(overdue(ledger, NOON + SETTLE)) == count


def test_those_that_are_open_count_again_and_stay_as_they_are(ledger: Ledger, clock: Clock) -> None:
    known, taken, fresh = runs(3)
    ledger.add([known], lambda _: NOON)
    ledger.claim(taken, LEASE)
    before = [item(ledger, known), item(ledger, taken)]
    clock.forward(seconds=9)

    assert ledger.add([known, taken, fresh], lambda _: clock.now) == [known, taken, fresh]
    assert [item(ledger, known), item(ledger, taken)] == before
    assert stored(ledger, fresh).due_at == clock.now


@pytest.mark.parametrize("status", ["succeeded", "failed", "unknown"])
def test_those_that_have_ended_do_not_count_and_stay_as_they_are(ledger: Ledger, status: EndStatus) -> None:
    ended, fresh = runs(2)
    end(ledger, status, ended)
    before = item(ledger, ended)

    assert ledger.add([ended, fresh], lambda _: NOON) == [fresh]
    assert item(ledger, ended) == before


# ---------------------------------------------------------------------------------------------- attributes


@pytest.mark.parametrize("status", ["succeeded", "failed", "unknown", "missed"])
def test_what_has_ended_is_kept_for_ninety_days_and_leaves_the_index_of_open_runs(
    ledger: Ledger, clock: Clock, status: EndStatus
) -> None:
    end(ledger, status)
    kept = item(ledger)

    assert int(kept["ttl"]["N"]) == int((NOON + timedelta(days=90)).timestamp())
    assert not kept.keys() & {"open_state", "due_at", "lease", "lease_until"}
    clock.forward(days=1)
    assert overdue(ledger, clock.now) == []


def test_what_is_open_is_kept_without_end(ledger: Ledger, clock: Clock) -> None:
    ledger.add([RUN], lambda _: NOON)
    assert "ttl" not in item(ledger)
    row = ledger.claim(RUN, LEASE)
    assert "ttl" not in item(ledger)
    ledger.put_back(row, NOON, unsettled_at=NOON, error=ERROR)
    assert "ttl" not in item(ledger)
    clock.forward(days=2)
    ledger.give_up(stored(ledger), "unknown", GIVEN_UP)
    assert "ttl" in item(ledger)


def test_no_attribute_is_null(ledger: Ledger) -> None:
    run = make_run(target=None)
    row = ledger.claim(run, LEASE)
    ledger.put_back(row, NOON, unsettled_at=None, error=None)
    assert [name for name, value in item(ledger, run).items() if "NULL" in value] == []
    assert not item(ledger, run).keys() & {"automation", "slot", "target", "error", "chat_id"}
    ledger.finish(ledger.claim(run, LEASE), "succeeded", chat_id="aich_1")
    assert [name for name, value in item(ledger, run).items() if "NULL" in value] == []


def test_open_runs_that_are_overdue_are_found_the_longest_waiting_first(ledger: Ledger, clock: Clock) -> None:
    late, later, now, ended, taken = runs(5)
    times = {late.run_id: 30, later.run_id: 20, now.run_id: 0, ended.run_id: 30}
    for run in (later, now, late, ended):
        due_at = NOON - timedelta(seconds=times[run.run_id])
        ledger.add([run], partial(due, due_at))
    ledger.finish(ledger.claim(ended, LEASE), "failed", error=ERROR)
    ledger.claim(taken, LEASE)

    assert [row.run for row in overdue(ledger, NOON)] == [late, later]
    clock.forward(seconds=(LEASE + SETTLE).total_seconds() + 1)
    assert [row.run for row in overdue(ledger, clock.now)] == [late, later, now, taken]


def due(time: datetime, _: int) -> datetime:
    return time


def test_overdue_runs_are_found_beyond_the_first_page(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "BATCH_KEYS", 2)
    monkeypatch.setattr(rows, "OPEN_STATES", ("open.00",))
    ledger.add(runs(7), lambda index: NOON + timedelta(seconds=index))

    pages = list(ledger.reads.overdue(NOON + SETTLE))

    assert [row.run for page in pages for row in page] == runs(7)
    assert max(map(len, pages)) == 2


def test_a_row_that_changed_since_the_index_was_written_is_not_overdue(ledger: Ledger, clock: Clock) -> None:
    # An index of DynamoDB is about a second behind its table.
    ledger.add([RUN], lambda _: NOON)
    late = Ledger(LateIndex(lambda: ledger.claim(RUN, LEASE)), ledger.table, SETTLE, clock)

    assert overdue(late, NOON + timedelta(seconds=1)) == []


class LateIndex:
    """DynamoDB in which something happens after the first query."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens = [happens]

    def query(self, **request: Any) -> Any:
        found = dynamodb().query(**request)
        if found["Items"] and self.happens:
            self.happens.pop()()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


# ---------------------------------------------------------------------------------------------- keys and failures


def test_a_key_is_bound_to_the_first_body(ledger: Ledger) -> None:
    use = ("caller", "POST /chats", "k")

    assert reserve(ledger, use, "body")
    assert reserve(ledger, use, "body")
    assert not reserve(ledger, use, "another body")
    assert reserve(ledger, use, "body")


def test_keys_of_other_callers_and_operations_are_other_keys(ledger: Ledger) -> None:
    uses = [("a", "POST /chats", "k"), ("b", "POST /chats", "k"), ("a", "POST /runs", "k"), ("a", "POST /chats", "K")]

    assert all(reserve(ledger, use, f"body {number}") for number, use in enumerate(uses))


def test_a_key_is_no_run(ledger: Ledger) -> None:
    reserve(ledger, ("caller", "POST /chats", "k"), "body")

    assert History(ledger).page(NOON, NOON + timedelta(days=1), only=RunFilter(), limit=10, start=None) == ([], None)
    assert overdue(ledger, NOON + timedelta(days=9)) == []


class Down:
    """DynamoDB that rejects every call."""

    def __getattr__(self, name: str) -> Any:
        def reject(**_: Any) -> Any:
            raise aws_error("ProvisionedThroughputExceededException")

        return reject


@pytest.mark.parametrize(
    "act",
    [
        lambda ledger: ledger.claim(RUN, LEASE),
        lambda ledger: ledger.add([RUN], lambda _: NOON),
        lambda ledger: reserve(ledger, ("a", "b", "c"), "body"),
        lambda ledger: ledger.get(RUN.run_id),
    ],
    ids=["claim", "add", "reserve", "get"],
)
def test_a_failure_of_dynamodb_is_not_mistaken_for_a_conflict(act: Callable[[Ledger], object]) -> None:
    with pytest.raises(ResponseError, match="ProvisionedThroughputExceeded"):
        act(Ledger(Down(), "runs", SETTLE))
