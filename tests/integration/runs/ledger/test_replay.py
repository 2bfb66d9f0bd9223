"""The ledger: runs that are replayed, or resolved by a person."""

from datetime import timedelta

import pytest

from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.rows import EndStatus
from tests.support.ledgers import (
    ERROR,
    GONE,
    LEASE,
    NOON,
    RUN,
    SETTLE,
    Clock,
    Overtaken,
    conflict_of,
    end,
    item,
    replaced,
    stored,
)

# ---------------------------------------------------------------------------------------------- replay and resolve


@pytest.mark.parametrize("status", ["failed", "missed"])
def test_what_ended_without_success_is_replayed_at_once_under_its_id(
    ledger: Ledger, clock: Clock, status: EndStatus
) -> None:
    end(ledger, status)
    now = clock.forward(hours=30)

    row = ledger.steering.replay(RUN.run_id)

    assert row == stored(ledger)
    assert (row.status, row.due_at, row.opened_at, row.attempts) == ("pending", now, now, 0)
    assert (row.created_at, row.finished_at, "ttl" in item(ledger)) == (NOON, None, False)
    assert ledger.claim(RUN.run_id, LEASE).unsettled is False


def test_an_unknown_outcome_is_replayed_when_the_settle_time_since_its_end_is_over(
    ledger: Ledger, clock: Clock
) -> None:
    end(ledger, "unknown")
    clock.forward(seconds=20)

    row = ledger.steering.replay(RUN.run_id)

    assert row.due_at == NOON + SETTLE
    conflict_of(lambda: ledger.claim(RUN.run_id, LEASE))
    clock.forward(seconds=40)
    assert ledger.claim(RUN.run_id, LEASE).unsettled is True


def test_a_replay_keeps_the_number_of_the_next_key(ledger: Ledger) -> None:
    row = ledger.claim(RUN, LEASE)
    ledger.finish(replaced(row, key_number=4), "failed", error=ERROR)

    ledger.steering.replay(RUN.run_id)

    assert ledger.claim(RUN.run_id, LEASE).idempotency_key == f"{RUN.run_id}.4"


@pytest.mark.parametrize("state", ["pending", "performing", "succeeded"])
def test_what_is_open_or_succeeded_is_not_replayed(ledger: Ledger, state: str) -> None:
    if state == "pending":
        ledger.add([RUN], lambda _: NOON)
    elif state == "performing":
        ledger.claim(RUN, LEASE)
    else:
        end(ledger, "succeeded")
    before = item(ledger)

    row = conflict_of(lambda: ledger.steering.replay(RUN.run_id))

    assert row is not None
    assert row.status == state
    assert item(ledger) == before


def test_of_two_replays_at_once_one_is_rejected(ledger: Ledger, clock: Clock) -> None:
    end(ledger, "failed")
    overtaken = Overtaken(lambda: ledger.steering.replay(RUN.run_id))
    slower = Ledger(overtaken, ledger.table, SETTLE, lambda: clock.now + timedelta(milliseconds=1))

    row = conflict_of(lambda: slower.steering.replay(RUN.run_id))

    assert row is not None
    assert row.status == "pending"


def test_no_run_is_replayed_that_does_not_exist(ledger: Ledger) -> None:
    assert conflict_of(lambda: ledger.steering.replay(GONE)) is None
    assert ledger.get(GONE) is None


def test_a_person_resolves_an_unknown_outcome_with_the_chat(ledger: Ledger) -> None:
    end(ledger, "unknown")

    ledger.steering.resolve(RUN.run_id, "succeeded", chat_id="aich_7", by="ann")

    kept = stored(ledger)
    assert (kept.status, kept.chat_id, kept.error, kept.unsettled) == ("succeeded", "aich_7", None, False)
    assert "ttl" in item(ledger)


def test_a_person_resolves_an_unknown_outcome_as_failed_and_it_is_performed_again_when_replayed(ledger: Ledger) -> None:
    end(ledger, "unknown")

    ledger.steering.resolve(RUN.run_id, "failed", chat_id=None, by="ann")

    assert stored(ledger).error == {"type": "Resolved", "message": "resolved as failed by ann"}
    ledger.steering.replay(RUN.run_id)
    assert ledger.claim(RUN.run_id, LEASE).unsettled is False


@pytest.mark.parametrize("status", ["succeeded", "failed", "missed"])
def test_only_an_unknown_outcome_is_resolved(ledger: Ledger, status: EndStatus) -> None:
    end(ledger, status)

    row = conflict_of(lambda: ledger.steering.resolve(RUN.run_id, "failed", chat_id=None, by="ann"))

    assert row is not None
    assert row.status == status
    assert conflict_of(lambda: ledger.steering.resolve(GONE, "failed", chat_id=None, by="ann")) is None
