"""Runs that were not performed, as rows that have ended, and their late events."""

from datetime import timedelta

import pytest

from aichats.aws.table import TRANSACTION_BYTES
from aichats.runs.action import Action
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED
from aichats.runs.ledger.rows import EndStatus
from aichats.runs.model import Run, run_id, slot_text
from tests.support.actions import whop_create_chat
from tests.support.crashing import FaultyAws, World
from tests.support.ledgers import (
    CREATE,
    LEASE,
    NOON,
    RUN,
    Clock,
    conflict_of,
    dynamodb,
    end,
    item,
    make_ledger,
    overdue,
    runs,
    stored,
    with_error,
)

WHY = {"type": "Missed", "message": "the schedule did not fire for this slot"}


def slot_run(number: int = 1, target: str = "biz_A", action: Action = CREATE) -> Run:
    """Return the run of an automation for a slot some hours after noon."""
    slot = slot_text(NOON + timedelta(hours=number))
    unique = run_id("schedule", "weekly", slot, target)
    return Run(unique, "schedule", action, target, "2026-07-08-1", automation="weekly", slot=slot)


def test_a_missed_run_is_kept_like_one_that_ended(ledger: Ledger) -> None:
    assert ledger.add_ended(with_error([RUN], WHY), "missed") == 1

    row = stored(ledger)
    assert (row.status, row.error, row.run, row.attempts, row.is_open) == ("missed", WHY, RUN, 0, False)
    assert (row.created_at, row.finished_at, row.due_at, row.unrendered) == (NOON, NOON, None, False)
    kept = item(ledger)
    assert kept["ttl"] == {"N": str(int((NOON + KEEP_ENDED).timestamp()))}
    assert "open_state" not in kept
    assert overdue(ledger, NOON + timedelta(days=1)) == []


@pytest.mark.parametrize("status", ["succeeded", "failed", "unknown"])
def test_a_run_that_is_there_stays_as_it_is(ledger: Ledger, status: EndStatus) -> None:
    end(ledger, status)
    before = item(ledger)

    assert ledger.add_ended(with_error([RUN], WHY), "missed") == 0
    assert item(ledger) == before


def test_of_many_only_those_are_noted_that_are_not_there(ledger: Ledger) -> None:
    ledger.claim(runs(120)[3], LEASE)

    assert ledger.add_ended(with_error(runs(120), WHY), "missed") == 119
    assert ledger.add_ended(with_error(runs(121), WHY), "missed") == 1
    assert stored(ledger, runs(120)[3]).status == "performing"


def test_long_messages_are_noted_in_several_transactions(ledger: Ledger) -> None:
    long = whop_create_chat(message_text="x" * (TRANSACTION_BYTES // 30))
    many = [slot_run(target=f"biz_{number}", action=long) for number in range(40)]

    assert ledger.add_ended(with_error(many, WHY), "missed") == 40


def test_without_runs_nothing_is_written(ledger: Ledger) -> None:
    assert ledger.add_ended(with_error([], WHY), "missed") == 0


# ---------------------------------------------------------------------------------------------- its event comes late


def test_a_missed_run_is_taken_by_its_late_event_alone(ledger: Ledger) -> None:
    ledger.add_ended(with_error([RUN], WHY), "missed")

    row = conflict_of(lambda: ledger.claim(RUN.run_id, LEASE))
    assert row is not None
    assert row.status == "missed"

    row = ledger.claim(RUN, LEASE)
    assert (row.status, row.attempts, row.unsettled) == ("performing", 1, False)
    assert stored(ledger).is_open
    assert "ttl" not in item(ledger)
    conflict_of(lambda: ledger.claim(RUN, LEASE))


def test_a_missed_run_is_opened_by_the_late_event_of_many(ledger: Ledger, clock: Clock) -> None:
    ledger.add_ended(with_error(runs(3)[:2], WHY), "missed")
    clock.forward(seconds=5)

    assert ledger.add(runs(3), lambda _: clock.now) == runs(3)

    assert [stored(ledger, run).status for run in runs(3)] == ["pending"] * 3
    assert [stored(ledger, run).created_at for run in runs(3)] == [NOON, NOON, clock.now]


def test_a_missed_run_that_was_performed_late_is_not_opened_again(ledger: Ledger) -> None:
    ledger.add_ended(with_error([RUN], WHY), "missed")
    end(ledger, "succeeded")

    assert ledger.add([RUN], lambda _: NOON) == []
    assert ledger.add_ended(with_error([RUN], WHY), "missed") == 0
    assert stored(ledger).status == "succeeded"


def test_of_two_late_events_at_once_one_takes_the_run() -> None:
    world = World(Clock(), timedelta(minutes=1))
    ledger = make_ledger(world.clock, client=FaultyAws(world, dynamodb()))
    ledger.add_ended(with_error([RUN], WHY), "missed")
    taken = []
    world.meanwhile = lambda: taken.append(ledger.claim(RUN, LEASE).lease)

    # The first claim is rejected and reads the row. Before it opens the row, the other one claims the run.
    with world.process({2: "meanwhile"}):
        row = conflict_of(lambda: ledger.claim(RUN, LEASE))

    assert (len(taken), row and row.status) == (1, "performing")
    assert stored(ledger).lease == taken[0]


def test_a_missed_run_that_another_opened_meanwhile_is_sent_again() -> None:
    world = World(Clock(), timedelta(minutes=1))
    ledger = make_ledger(world.clock, client=FaultyAws(world, dynamodb()))
    ledger.add_ended(with_error([RUN], WHY), "missed")
    world.meanwhile = lambda: ledger.steering.replay(RUN.run_id)

    with world.process({2: "meanwhile"}):
        assert ledger.add([RUN], lambda _: NOON) == [RUN]

    assert stored(ledger).status == "pending"


# ---------------------------------------------------------------------------------------------- what cannot be rendered


def test_what_cannot_be_rendered_can_never_be_performed(ledger: Ledger) -> None:
    ledger.add_ended(with_error([RUN], {"type": "RenderError", "message": "is null"}), "failed", unrendered=True)

    assert (stored(ledger).status, stored(ledger).unrendered) == ("failed", True)
    for act in (lambda: ledger.steering.replay(RUN.run_id), lambda: ledger.claim(RUN, LEASE)):
        row = conflict_of(act)
        assert row is not None
        assert row.unrendered
    assert ledger.add([RUN], lambda _: NOON) == []


# ---------------------------------------------------------------------------------------------- a slot's runs


def test_the_runs_of_a_slot_are_found(ledger: Ledger) -> None:
    ledger.add_ended(with_error([slot_run(1), slot_run(1, "biz_B")], WHY), "missed")
    ledger.add([slot_run(2)], lambda _: NOON)
    ledger.claim(RUN, LEASE)

    assert ledger.reads.of_slot("weekly", "2026-11-20T13:00:00Z") == {slot_run(1).run_id, slot_run(1, "biz_B").run_id}
    assert ledger.reads.of_slot("weekly", "2026-11-20T14:00:00Z") == {slot_run(2).run_id}
    assert ledger.reads.of_slot("weekly", "2026-11-20T15:00:00Z") == set()
    assert ledger.reads.of_slot("daily", "2026-11-20T13:00:00Z") == set()


def test_the_runs_of_a_slot_are_found_page_by_page(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [slot_run(1, f"biz_{number}") for number in range(5)]
    ledger.add_ended(with_error(many, WHY), "missed")
    query = dynamodb().query
    monkeypatch.setattr(dynamodb(), "query", lambda **request: query(**request, Limit=2))

    assert ledger.reads.of_slot("weekly", "2026-11-20T13:00:00Z") == {run.run_id for run in many}
