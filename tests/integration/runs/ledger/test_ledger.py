"""The ledger on the local cloud's DynamoDB: claims of a run, and its ends."""

from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run
from aichats.runs.stranded import GIVEN_UP
from tests.support.ledgers import (
    ERROR,
    LEASE,
    MUTE,
    NOON,
    RUN,
    SETTLE,
    Clock,
    conflict_of,
    dynamodb,
    end,
    item,
    make_ledger,
    make_run,
    replaced,
    stored,
)

# ---------------------------------------------------------------------------------------------- claim


def test_a_new_run_is_claimed_with_its_row_made_in_the_same_write(ledger: Ledger) -> None:
    row = ledger.claim(RUN, LEASE)

    assert (row.run, row.status, row.attempts, row.key_number, row.unsettled) == (RUN, "performing", 1, 1, False)
    assert (row.lease_until, row.idempotency_key) == (NOON + LEASE, f"{RUN.run_id}.1")
    kept = stored(ledger)
    assert (kept.run, kept.status, kept.attempts, kept.unsettled) == (RUN, "performing", 1, True)
    assert (kept.created_at, kept.opened_at, kept.due_at) == (NOON, NOON, NOON + LEASE + SETTLE)
    assert (kept.lease, kept.lease_until) == (row.lease, row.lease_until)


def test_a_run_that_is_due_is_claimed_by_its_id_alone(ledger: Ledger, clock: Clock) -> None:
    ledger.add([RUN], lambda _: NOON + timedelta(seconds=5))
    clock.forward(seconds=5)

    row = ledger.claim(RUN.run_id, LEASE)

    assert (row.run, row.attempts, row.unsettled, row.created_at) == (RUN, 1, False, NOON)


@pytest.mark.parametrize("by_id", [False, True])
def test_a_run_that_is_not_due_is_rejected(ledger: Ledger, clock: Clock, *, by_id: bool) -> None:
    ledger.add([RUN], lambda _: NOON + timedelta(seconds=5))
    clock.forward(seconds=4.999)

    row = conflict_of(lambda: ledger.claim(RUN.run_id if by_id else RUN, LEASE))

    assert row is not None
    assert (row.status, row.attempts) == ("pending", 0)


def test_a_run_that_is_claimed_is_rejected_until_its_lease_and_the_settle_time_are_over(
    ledger: Ledger, clock: Clock
) -> None:
    first = ledger.claim(RUN, LEASE)
    clock.forward(seconds=(LEASE + SETTLE).total_seconds() - 0.001)
    assert conflict_of(lambda: ledger.claim(RUN, LEASE)) == stored(ledger)
    clock.forward(seconds=0.001)

    second = ledger.claim(RUN, LEASE)

    assert (second.attempts, second.unsettled) == (2, True)
    assert second.lease != first.lease


@pytest.mark.parametrize("status", ["succeeded", "failed", "unknown"])
def test_a_run_that_has_ended_is_rejected_with_its_end(ledger: Ledger, clock: Clock, status: EndStatus) -> None:
    end(ledger, status)
    clock.forward(days=2)

    runs: tuple[Run | str, ...] = (RUN, RUN.run_id)
    for run in runs:
        row = conflict_of(partial(ledger.claim, run, LEASE))
        assert row == stored(ledger)
        assert row is not None
        assert row.status == status


def test_an_unknown_id_is_rejected_and_creates_no_row(ledger: Ledger) -> None:
    assert conflict_of(lambda: ledger.claim(RUN.run_id, LEASE)) is None
    assert ledger.get(RUN.run_id) is None


def test_another_action_under_the_same_id_meets_the_action_that_came_first(ledger: Ledger) -> None:
    ledger.add([RUN], lambda _: NOON)

    row = ledger.claim(make_run(action=MUTE), LEASE)

    assert row.run == RUN


def test_a_claim_whose_answer_got_lost_is_ours_all_the_same_and_counts_once(clock: Clock) -> None:
    lossy = LosesAnswers()
    ledger = make_ledger(clock, client=lossy)
    ledger.add([RUN], lambda _: NOON)
    lossy.armed = True

    row = ledger.claim(RUN.run_id, LEASE)

    kept = stored(ledger)
    assert (row.attempts, kept.attempts, row.lease) == (1, 1, kept.lease)
    assert row.unsettled
    ledger.finish(row, "succeeded", chat_id="aich_1")


def test_a_new_row_whose_answer_got_lost_was_never_attempted_before(clock: Clock) -> None:
    lossy = LosesAnswers()
    ledger = make_ledger(clock, client=lossy)
    lossy.armed = True

    row = ledger.claim(RUN, LEASE)

    assert (row.attempts, row.lease, row.unsettled) == (1, stored(ledger).lease, False)
    ledger.finish(row, "succeeded", chat_id="aich_1")


def test_what_the_effects_depend_on_is_kept_when_the_row_is_new_and_never_changes(clock: Clock) -> None:
    ledger = make_ledger(clock)
    old, first, second = make_run("old"), make_run("first"), make_run("second")
    ledger.add([old], lambda _: NOON)
    marking = replace(ledger, prepare=lambda run: {"title": f"mark · {run.target}", "key_base": "k" * 32})

    marking.add([first], lambda _: NOON)
    inserted = marking.claim(second, LEASE)
    marking.add_ended([(make_run("third"), ERROR)], "missed")

    assert (inserted.title, inserted.idempotency_key) == ("mark · biz_A", "k" * 32 + ".1")
    for run in (first, make_run("third")):
        claimed = ledger.claim(run, LEASE)
        assert (claimed.title, claimed.key_base) == ("mark · biz_A", "k" * 32)
    assert (marking.claim(old, LEASE).title, stored(ledger, old).title) == (None, None)
    assert stored(ledger, old).idempotency_key == f"{old.run_id}.1"


class LosesAnswers:
    """DynamoDB whose next response to a write is lost, so that botocore repeats the write."""

    def __init__(self) -> None:
        self.armed = False

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            if self.armed:
                self.armed = False
                getattr(dynamodb(), name)(**request)
            return getattr(dynamodb(), name)(**request)

        return call


# ---------------------------------------------------------------------------------------------- put back


def test_a_run_that_is_put_back_waits_with_its_error_its_attempts_and_its_key(ledger: Ledger, clock: Clock) -> None:
    row = ledger.claim(RUN, LEASE)
    due = clock.forward(seconds=1) + timedelta(seconds=9)

    ledger.put_back(replaced(row, attempts=0, key_number=2), due, unsettled_at=None, error=ERROR)

    kept = stored(ledger)
    assert (kept.status, kept.attempts, kept.key_number, kept.unsettled) == ("pending", 0, 2, False)
    assert (kept.due_at, kept.error, kept.lease, kept.lease_until) == (due, ERROR, None, None)


def test_a_stale_lease_puts_nothing_back(ledger: Ledger, clock: Clock) -> None:
    stale = ledger.claim(RUN, LEASE)
    clock.forward(minutes=5)
    ledger.claim(RUN, LEASE)
    before = item(ledger)

    row = conflict_of(lambda: ledger.put_back(stale, NOON, unsettled_at=None, error=None))

    assert row == stored(ledger)
    assert item(ledger) == before


def test_a_run_that_was_put_back_twice_by_a_lost_answer_is_put_back(clock: Clock) -> None:
    lossy = LosesAnswers()
    ledger = make_ledger(clock, client=lossy)
    row = ledger.claim(RUN, LEASE)
    lossy.armed = True

    ledger.put_back(row, NOON, unsettled_at=NOON, error=ERROR)

    assert stored(ledger).status == "pending"


# ---------------------------------------------------------------------------------------------- chat and end


def test_a_chat_is_recorded_by_who_knows_it_even_without_the_lease(ledger: Ledger, clock: Clock) -> None:
    stale = ledger.claim(RUN, LEASE)
    clock.forward(minutes=5)
    ledger.claim(RUN, LEASE)

    row = ledger.record(stale, "aich_1", {})

    assert (row.chat_id, row.unsettled) == ("aich_1", False)
    kept = stored(ledger)
    assert (kept.chat_id, kept.unsettled, kept.status) == ("aich_1", False, "performing")


def test_a_chat_is_not_recorded_for_a_run_that_has_ended(ledger: Ledger) -> None:
    row = ledger.claim(RUN, LEASE)
    ledger.finish(row, "failed", error=ERROR)

    assert conflict_of(lambda: ledger.record(row, "aich_1", {})) == stored(ledger)
    assert stored(ledger).chat_id is None


def test_a_run_whose_row_is_gone_is_rejected(ledger: Ledger) -> None:
    row = ledger.claim(RUN, LEASE)
    dynamodb().delete_item(TableName=ledger.table, Key={"run_id": {"S": RUN.run_id}})

    assert conflict_of(lambda: ledger.record(row, "aich_1", {})) is None
    assert item(ledger) == {}


def test_success_with_a_chat_needs_no_lease(ledger: Ledger, clock: Clock) -> None:
    stale = ledger.claim(RUN, LEASE)
    clock.forward(minutes=5)
    ledger.claim(RUN, LEASE)

    ledger.finish(stale, "succeeded", chat_id="aich_1", result={})

    kept = stored(ledger)
    assert (kept.status, kept.chat_id, kept.result, kept.unsettled) == ("succeeded", "aich_1", {}, False)
    assert (kept.finished_at, kept.lease, kept.error, kept.is_open) == (clock.now, None, None, False)


@pytest.mark.parametrize("status", ["failed", "unknown", "missed"])
def test_every_other_end_needs_the_lease(ledger: Ledger, clock: Clock, status: EndStatus) -> None:
    stale = ledger.claim(RUN, LEASE)
    clock.forward(minutes=5)
    ledger.claim(RUN, LEASE)
    before = item(ledger)

    conflict_of(lambda: ledger.finish(stale, status, error=ERROR))

    assert item(ledger) == before


@pytest.mark.parametrize("first", ["succeeded", "failed", "unknown"])
@pytest.mark.parametrize("second", ["succeeded", "failed"])
def test_what_has_ended_stays_as_it_ended(ledger: Ledger, clock: Clock, first: EndStatus, second: EndStatus) -> None:
    row = ledger.claim(RUN, LEASE)
    ledger.finish(row, first, chat_id="aich_1" if first == "succeeded" else None)
    before = item(ledger)
    clock.forward(seconds=1)

    conflict_of(lambda: ledger.finish(row, second, chat_id="aich_2" if second == "succeeded" else None))
    conflict_of(lambda: ledger.put_back(row, NOON, unsettled_at=None, error=None))

    assert item(ledger) == before


@pytest.mark.parametrize(("status", "unsettled"), [("failed", False), ("unknown", True), ("succeeded", False)])
def test_only_an_unknown_end_leaves_something_to_settle(ledger: Ledger, status: EndStatus, *, unsettled: bool) -> None:
    assert end(ledger, status).unsettled is unsettled


@pytest.mark.parametrize("lose", [False, True])
def test_an_end_is_written_once_even_if_the_answer_gets_lost(clock: Clock, *, lose: bool) -> None:
    lossy = LosesAnswers()
    ledger = make_ledger(clock, client=lossy)
    row = ledger.claim(RUN, LEASE)
    lossy.armed = lose

    ledger.finish(row, "failed", error=ERROR)

    assert stored(ledger).status == "failed"


# ---------------------------------------------------------------------------------------------- give up


def test_a_run_that_is_no_longer_performed_is_given_up(ledger: Ledger, clock: Clock) -> None:
    ledger.claim(RUN, LEASE)
    clock.forward(days=2)

    ledger.give_up(stored(ledger), "unknown", GIVEN_UP)

    kept = stored(ledger)
    assert (kept.status, kept.finished_at, kept.is_open, kept.unsettled) == ("unknown", clock.now, False, True)
    assert kept.error == {"type": "GivenUp", "message": "aichats could not perform the run within 24 hours"}


def test_a_run_that_changed_since_it_was_read_is_not_given_up(ledger: Ledger, clock: Clock) -> None:
    ledger.claim(RUN, LEASE)
    seen = stored(ledger)
    clock.forward(minutes=5)
    ledger.claim(RUN, LEASE)

    assert conflict_of(lambda: ledger.give_up(seen, "failed", GIVEN_UP)) == stored(ledger)
