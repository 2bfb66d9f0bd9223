"""Locks: one run at a time does what could be mistaken for another run's."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from aichats.aws.table import DynamoDB, Table
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import LockedError, Locks
from aichats.runs.ledger.rows import Row
from tests.support.ledgers import LEASE, SETTLE, Clock, dynamodb, make_ledger, make_run

WHAT = ("kodey", "chat", "ann", "agent_1")
type Meanwhile = list[Callable[[], object]]
OF_ITS_CHAT = ("kodey", "message", "chat_1", "Hello")


@dataclass(frozen=True)
class Interrupted:
    """DynamoDB, in which something happens after an item was read."""

    client: DynamoDB
    meanwhile: Meanwhile

    def get_item(self, **request: Any) -> Any:
        answer = self.client.get_item(**request)
        while self.meanwhile:
            self.meanwhile.pop()()
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


@pytest.fixture
def meanwhile() -> Meanwhile:
    """The functions that are called after the next read."""
    return []


@pytest.fixture
def ledger(meanwhile: Meanwhile, clock: Clock) -> Ledger:
    client: Any = Interrupted(dynamodb(), meanwhile)
    return make_ledger(clock, client=client)


def claimed(ledger: Ledger, name: str) -> Row:
    return ledger.claim(make_run(name), LEASE)


def put_back(ledger: Ledger, row: Row, *, unsettled: bool) -> None:
    now = ledger.clock()
    ledger.put_back(row, now, unsettled_at=now if unsettled else None, error=None)


def test_a_lock_is_taken_once_and_kept_by_later_attempts_of_the_same_run(ledger: Ledger) -> None:
    first = claimed(ledger, "one")
    assert not Locks(ledger).is_kept(first, WHAT)
    for _ in range(2):
        Locks(ledger).take(first, WHAT, SETTLE)
        assert Locks(ledger).is_kept(first, WHAT)

    put_back(ledger, first, unsettled=True)
    again = claimed(ledger, "one")
    assert Locks(ledger).is_kept(again, WHAT)
    Locks(ledger).take(again, WHAT, SETTLE)


@pytest.mark.parametrize("state", ["performing", "unsettled"])
def test_a_lock_of_a_run_whose_outcome_is_open_is_rejected_to_others(ledger: Ledger, state: str) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, SETTLE)
    if state == "unsettled":
        put_back(ledger, first, unsettled=True)

    for call in (partial(Locks(ledger).take, settle=SETTLE), Locks(ledger).is_kept):
        with pytest.raises(LockedError) as rejected:
            call(second, WHAT)
        assert rejected.value.owner == first.run.run_id

    Locks(ledger).take(second, (*WHAT, "more"), SETTLE)


def test_a_lock_counts_no_longer_than_until_its_effect_is_recorded(ledger: Ledger) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, SETTLE)
    recorded = ledger.record(first, "chat_1", {})
    Locks(ledger).take(recorded, OF_ITS_CHAT, SETTLE)

    Locks(ledger).take(second, WHAT, SETTLE)
    with pytest.raises(LockedError):
        Locks(ledger).take(second, OF_ITS_CHAT, SETTLE)


@pytest.mark.parametrize(("status", "holds"), [("performing", True), ("succeeded", False)])
def test_a_lock_of_a_run_that_this_version_of_the_code_cannot_read_counts_all_the_same(
    ledger: Ledger, status: str, *, holds: bool
) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, SETTLE)
    if status == "succeeded":
        ledger.finish(first, "succeeded", chat_id="chat_1")
    Table(ledger.client, ledger.table).update(
        first.run.run_id, {"action": '{"type": "of the future"}'}, "#status = :s", {"s": status}
    )

    with pytest.raises(LockedError) if holds else nullcontext():
        Locks(ledger).take(second, WHAT, SETTLE)


@pytest.mark.parametrize("state", ["settled", "succeeded", "unknown"])
def test_a_lock_of_a_run_that_makes_nothing_now_is_taken_over(ledger: Ledger, state: str) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, SETTLE)
    match state:
        case "settled":
            put_back(ledger, first, unsettled=False)
        case "succeeded":
            ledger.finish(first, "succeeded", chat_id="chat_1")
        case _:
            ledger.finish(first, "unknown", error={"type": "Test", "message": "unknown"})

    assert not Locks(ledger).is_kept(second, WHAT)
    Locks(ledger).take(second, WHAT, SETTLE)
    assert Locks(ledger).is_kept(second, WHAT)
    if state == "settled":
        with pytest.raises(LockedError):
            Locks(ledger).take(claimed(ledger, "one"), WHAT, SETTLE)


@pytest.mark.parametrize("settle", [timedelta(minutes=1), timedelta(minutes=15)])
def test_the_effect_of_the_run_before_is_handed_on_for_the_settle_time_of_the_provider(
    ledger: Ledger, clock: Clock, settle: timedelta
) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, settle)
    ledger.record(first, "chat_1", {"reply": {"id": "msg_1"}})

    clock.now += settle
    assert Locks(ledger).take(second, WHAT, settle) == {"chat_id": "chat_1", "reply": "msg_1"}
    clock.forward(seconds=1)
    assert Locks(ledger).take(second, WHAT, settle) == {}


def test_of_two_that_take_a_lock_over_one_gets_it(ledger: Ledger, meanwhile: Meanwhile) -> None:
    first, second, third = (claimed(ledger, name) for name in ("one", "two", "three"))
    Locks(ledger).take(first, WHAT, SETTLE)
    put_back(ledger, first, unsettled=False)
    meanwhile.append(lambda: Locks(ledger).take(third, WHAT, SETTLE))

    with pytest.raises(LockedError) as rejected:
        Locks(ledger).take(second, WHAT, SETTLE)

    assert rejected.value.owner == third.run.run_id


def test_a_lock_that_its_run_took_again_meanwhile_is_not_taken_over(
    ledger: Ledger, meanwhile: list[Callable[[], object]]
) -> None:
    first, second = claimed(ledger, "one"), claimed(ledger, "two")
    Locks(ledger).take(first, WHAT, SETTLE)
    put_back(ledger, first, unsettled=False)
    meanwhile.append(lambda: Locks(ledger).take(claimed(ledger, "one"), WHAT, SETTLE))

    with pytest.raises(LockedError) as rejected:
        Locks(ledger).take(second, WHAT, SETTLE)

    assert rejected.value.owner == first.run.run_id


def test_a_lock_is_removed_when_no_late_message_can_ask_for_it_any_more(ledger: Ledger) -> None:
    Locks(ledger).take(claimed(ledger, "one"), WHAT, SETTLE)

    [lock] = [item for item in dynamodb().scan(TableName=ledger.table)["Items"] if "owner" in item]

    assert int(lock["ttl"]["N"]) == (ledger.clock() + timedelta(days=90)).timestamp()
