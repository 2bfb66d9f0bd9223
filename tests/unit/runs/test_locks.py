"""Locks: one run at a time does what could be mistaken for another run's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import override

import pytest

from aichats.runs.ledger import Ledger
from aichats.runs.locks import LockedError, Locks
from aichats.runs.rows import Row
from tests.ledgers import LEASE, Clock, dynamodb, make_ledger, make_run

WHAT = ("kodey", "message", "chat_1", "Hello")


@dataclass(frozen=True)
class Interrupted(Ledger):
    """A ledger in which something happens after each read of a run."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    @override
    def get(self, run_id: str) -> Row | None:
        row = super().get(run_id)
        while self.meanwhile:
            self.meanwhile.pop()()
        return row


@pytest.fixture
def ledger() -> Interrupted:
    plain = make_ledger(Clock())
    return Interrupted(plain.client, plain.table, plain.settle, plain.clock)


def claimed(ledger: Ledger, name: str) -> Row:
    return ledger.claim(make_run(name), LEASE)


def put_back(ledger: Ledger, row: Row, *, unsettled: bool) -> None:
    now = ledger.clock()
    ledger.put_back(row, now, unsettled_at=now if unsettled else None, error=None)


def test_a_lock_is_taken_once_and_kept_by_later_attempts_of_the_same_run(ledger: Ledger) -> None:
    first = claimed(ledger, "one")
    assert [Locks(ledger).take(first, WHAT) for _ in range(2)] == [False, True]

    put_back(ledger, first, unsettled=True)
    assert Locks(ledger).take(claimed(ledger, "one"), WHAT)


@pytest.mark.parametrize("state", ["performing", "unsettled"])
def test_a_lock_of_a_run_whose_outcome_is_open_is_refused_to_others(ledger: Ledger, state: str) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT)
    if state == "unsettled":
        put_back(ledger, first, unsettled=True)

    with pytest.raises(LockedError) as refused:
        Locks(ledger).take(second, WHAT)

    assert refused.value.owner == first.run.run_id
    assert not Locks(ledger).take(second, (*WHAT, "more"))


@pytest.mark.parametrize("state", ["settled", "succeeded", "unknown"])
def test_a_lock_of_a_run_that_makes_nothing_now_is_taken_over(ledger: Ledger, state: str) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT)
    match state:
        case "settled":
            put_back(ledger, first, unsettled=False)
        case "succeeded":
            ledger.finish(first, "succeeded", chat_id="chat_1")
        case _:
            ledger.finish(first, "unknown", error={"type": "Test", "message": "unknown"})

    assert not Locks(ledger).take(second, WHAT)
    assert Locks(ledger).take(second, WHAT)
    if state == "settled":
        with pytest.raises(LockedError):
            Locks(ledger).take(claimed(ledger, "one"), WHAT)


def test_of_two_that_take_a_lock_over_one_gets_it(ledger: Interrupted) -> None:
    first, second, third = (claimed(ledger, name) for name in ("one", "two", "three"))
    Locks(ledger).take(first, WHAT)
    put_back(ledger, first, unsettled=False)
    ledger.meanwhile.append(lambda: Locks(ledger).take(third, WHAT))

    with pytest.raises(LockedError) as refused:
        Locks(ledger).take(second, WHAT)

    assert refused.value.owner == third.run.run_id


def test_a_lock_that_its_run_took_anew_meanwhile_is_not_taken_over(ledger: Interrupted) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT)
    put_back(ledger, first, unsettled=False)
    ledger.meanwhile.append(lambda: Locks(ledger).take(claimed(ledger, "one"), WHAT))

    with pytest.raises(LockedError) as refused:
        Locks(ledger).take(second, WHAT)

    assert refused.value.owner == first.run.run_id


def test_a_lock_is_removed_when_no_late_message_can_ask_for_it_any_more(ledger: Ledger) -> None:
    Locks(ledger).take(claimed(ledger, "one"), WHAT)

    [lock] = [item for item in dynamodb().scan(TableName=ledger.table)["Items"] if "owner" in item]

    assert int(lock["ttl"]["N"]) == (ledger.clock() + timedelta(days=90)).timestamp()
