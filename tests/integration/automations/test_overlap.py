"""With ``overlap: skip``, a slot starts nothing while runs of another slot are open."""

from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest

from aichats.automations import overlap
from aichats.aws.errors import NoResponseError
from aichats.aws.observability import metrics
from aichats.runs.model import Run
from tests.support.actions import whop_create_chat
from tests.support.automations import scheduled
from tests.support.crashing import Crash, World
from tests.support.fakes import Json, error_response
from tests.support.ledgers import NOON, Clock
from tests.support.output import Output
from tests.support.stack_in_memory import GRACE, NAME, ONE, THREE, TWO, StackInMemory, hourly, slot_run, sweep_at

BOTH = ("biz_A", "biz_B")
FOUR = NOON + timedelta(hours=4)
OPEN_AT_ONE = "2 runs of the slot 2026-11-20T13:00:00Z had not ended, and the automation has overlap: skip"


def skipping(*targets: str, then: str = "skip") -> Json:
    return hourly(*(targets or BOTH), then=then) | {"overlap": "skip"}


def statuses(stack: StackInMemory, slot: datetime) -> list[str]:
    """Return the statuses of a slot's runs, by target."""
    return [status for time, _, status in stack.history if time == f"{slot:%H:%M}"]


def reasons(stack: StackInMemory, slot: datetime) -> set[str]:
    rows = [row for row in stack.runs if (row.run.slot or "")[11:16] == f"{slot:%H:%M}"]
    return {row.error["message"] for row in rows if row.error}


def tick(stack: StackInMemory, slot: datetime) -> list[str | None]:
    """Let a slot fire on time. Return the statuses of the runs that the event started."""
    stack.clock.now = max(slot, stack.clock.now)
    return [run["status"] for run in stack.tick(slot)]


def test_while_a_slot_is_open_the_next_one_is_skipped_with_the_reason(stack: StackInMemory, output: Output) -> None:
    stack.put(skipping())
    assert tick(stack, ONE) == ["queued", "queued"]
    sent = len(stack.sqs.sent)

    assert tick(stack, TWO) == []

    assert (statuses(stack, TWO), reasons(stack, TWO)) == (["skipped"] * 2, {OPEN_AT_ONE})
    assert len(stack.sqs.sent) == sent
    assert stack.whop.requests == []
    # One line for all runs: a slot of each minute may have hundreds.
    [line] = [line for line in output.logs if "skipped" in line["message"]]
    assert line["message"] == "slot skipped: another slot is still open"
    assert (line["automation"], line["slot"], line["runs"]) == (NAME, "2026-11-20T14:00:00Z", 2)


def test_skipped_runs_are_counted_once_however_often_the_event_comes(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)

    for _ in range(3):
        tick(stack, TWO)

    assert sum(metrics.metric_set["RunsSkipped"]["Value"]) == 2


def test_after_the_open_slot_ends_the_next_slot_starts(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    tick(stack, TWO)
    stack.work()

    assert tick(stack, THREE) == ["queued", "queued"]
    stack.work()

    assert [statuses(stack, slot) for slot in (ONE, TWO, THREE)] == [
        ["succeeded"] * 2,
        ["skipped"] * 2,
        ["succeeded"] * 2,
    ]


def test_without_overlap_skip_every_slot_starts(stack: StackInMemory) -> None:
    stack.put(hourly(*BOTH))

    assert [tick(stack, slot) for slot in (ONE, TWO)] == [["queued"] * 2] * 2


def test_one_open_run_of_many_is_enough_to_skip(stack: StackInMemory) -> None:
    stack.put(skipping())
    stack.whop.interfere = lambda request: error_response(429, "slow down") if b"biz_B" in request.content else None
    tick(stack, ONE)
    stack.work()
    assert statuses(stack, ONE) == ["succeeded", "pending"]

    tick(stack, TWO)

    assert statuses(stack, TWO) == ["skipped"] * 2
    assert reasons(stack, TWO) == {OPEN_AT_ONE.replace("2 runs", "1 run")}


def test_a_single_run_is_skipped_too(stack: StackInMemory) -> None:
    stack.put(skipping("biz_A"))
    stack.whop.interfere = lambda _: httpx.Response(503)
    assert tick(stack, ONE) == ["waiting"]
    requests = len(stack.whop.requests)

    assert tick(stack, TWO) == []

    assert (statuses(stack, TWO), len(stack.whop.requests)) == (["skipped"], requests)


def test_a_run_of_kodey_that_is_still_queued_lets_the_next_slot_be_skipped(stack: StackInMemory) -> None:
    kodey = {"type": "kodey.create_chat", "message_text": "How many at {{ slot.time }}?"}
    stack.put(scheduled("cron(0 * * * ? *)") | {"action": kodey, "targets": ["agent-1"], "overlap": "skip"})
    assert tick(stack, ONE) == ["queued"]

    assert tick(stack, TWO) == []

    assert statuses(stack, TWO) == ["skipped"]


# ---------------------------------------------------------------------------------------------- skipped slots


def test_a_skipped_slot_does_not_end_the_wait(stack: StackInMemory) -> None:
    stack.put(skipping())
    for slot in (ONE, TWO, THREE, FOUR):
        tick(stack, slot)

    for slot in (TWO, THREE, FOUR):
        assert (statuses(stack, slot), reasons(stack, slot)) == (["skipped"] * 2, {OPEN_AT_ONE})


def test_a_missed_slot_does_not_end_the_wait(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    sweep_at(stack, TWO + GRACE)
    assert statuses(stack, TWO) == ["missed"] * 2

    tick(stack, THREE)

    assert (statuses(stack, THREE), reasons(stack, THREE)) == (["skipped"] * 2, {OPEN_AT_ONE})


def test_a_slot_whose_texts_all_failed_does_not_end_the_wait(stack: StackInMemory) -> None:
    fails_at_two = "{{ abs(to_number(slot.time == '14:00' && 'x' || '1')) }}"
    stack.put(skipping() | {"action": {"type": "whop.create_chat", "message_text": fails_at_two}})
    tick(stack, ONE)
    tick(stack, TWO)
    assert statuses(stack, TWO) == ["failed"] * 2

    tick(stack, THREE)

    assert reasons(stack, THREE) == {OPEN_AT_ONE}


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_the_open_slot_is_found_behind_more_skipped_slots_than_are_read(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(overlap, "MAX_ROWS", rows)
    stack.put(skipping())
    for hour in range(1, 9):
        tick(stack, NOON + timedelta(hours=hour))

    assert reasons(stack, NOON + timedelta(hours=8)) == {OPEN_AT_ONE}


def test_if_more_skipped_slots_than_are_read_follow_a_slot_that_ended_the_next_one_starts(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "MAX_ROWS", 4)
    stack.put(skipping())
    for hour in range(1, 9):
        tick(stack, NOON + timedelta(hours=hour))
    stack.work()

    assert tick(stack, NOON + timedelta(hours=9)) == ["queued", "queued"]


def test_a_skipped_run_that_is_replayed_is_open_like_any_other(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    tick(stack, TWO)
    tick(stack, THREE)
    stack.work()
    stack.app.ledger.steering.replay(slot_run(TWO))

    tick(stack, FOUR)

    assert reasons(stack, FOUR) == {OPEN_AT_ONE.replace("2 runs", "1 run").replace("13:00", "14:00")}


def test_a_slot_that_has_started_ends_the_search(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    stack.work()
    tick(stack, TWO)
    stack.work()
    stack.app.ledger.add([_of_slot(NOON)], lambda _: NOON)

    assert tick(stack, THREE) == ["queued", "queued"]


def _of_slot(slot: datetime) -> Run:
    """Return an open run of an old slot."""
    action = whop_create_chat(message_text="old")
    return Run(slot_run(slot), "schedule", action, "biz_A", automation=NAME, slot=f"{slot:%Y-%m-%dT%H:%M:%SZ}")


def test_runs_by_hand_and_those_of_other_automations_are_no_obstacle(stack: StackInMemory) -> None:
    stack.put(skipping())
    stack.put(hourly(*BOTH), "other")
    stack.tick(ONE, "other")
    by_hand = Run("z" * 32, "http", whop_create_chat(message_text="x"), "biz_A", automation=NAME)
    stack.app.ledger.add([by_hand], lambda _: NOON)

    assert tick(stack, ONE) == ["queued", "queued"]


# ---------------------------------------------------------------------------------------------- repeated events


def test_a_repeated_event_of_an_open_slot_goes_on_with_its_runs(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    stack.sqs.sent.clear()

    assert tick(stack, ONE) == ["queued", "queued"]

    assert sorted(sent.run_id for sent in stack.sqs.sent) == sorted(slot_run(ONE, target) for target in BOTH)


def test_a_slot_that_was_skipped_stays_skipped_when_its_event_comes_after_the_open_slot_ended(
    stack: StackInMemory,
) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    tick(stack, TWO)
    stack.work()

    assert tick(stack, TWO) == []

    assert (statuses(stack, TWO), reasons(stack, TWO)) == (["skipped"] * 2, {OPEN_AT_ONE})


def test_a_slot_that_was_stored_in_part_goes_on_though_an_earlier_run_was_opened_again(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, ONE)
    stack.app.ledger.add([_of_slot(TWO)], lambda _: TWO)

    assert tick(stack, TWO) == ["queued", "queued"]

    assert statuses(stack, TWO) == ["pending"] * 2


def test_a_slot_that_was_skipped_in_part_is_skipped_whole_with_one_reason(stack: StackInMemory) -> None:
    stack.put(skipping())
    stack.app.ledger.add_ended([(_of_slot(TWO), {"type": "Skipped", "message": "why"})], "skipped")

    assert tick(stack, TWO) == []

    assert (statuses(stack, TWO), reasons(stack, TWO)) == (["skipped"] * 2, {"why"})


def test_a_late_event_is_skipped_while_a_later_slot_is_open(stack: StackInMemory) -> None:
    stack.put(skipping())
    tick(stack, TWO)

    assert tick(stack, ONE) == []

    assert reasons(stack, ONE) == {OPEN_AT_ONE.replace("13:00", "14:00")}


@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "error after", "answer lost"])
@pytest.mark.parametrize("call", range(12))
def test_an_event_that_dies_anywhere_is_completed_by_its_repetition(call: int, fault: str) -> None:
    world = World(Clock(), lifetime=timedelta(days=1))
    stack = StackInMemory(world)
    stack.put(skipping())
    tick(stack, ONE)
    with world.process({call: fault}), suppress(Crash, NoResponseError):
        tick(stack, TWO)

    assert tick(stack, TWO) == []

    assert (statuses(stack, TWO), reasons(stack, TWO)) == (["skipped"] * 2, {OPEN_AT_ONE})
    assert statuses(stack, ONE) == ["pending"] * 2


@pytest.mark.parametrize("call", range(12))
def test_two_events_of_a_slot_at_once_leave_each_run_in_one_state_and_perform_it_at_most_once(call: int) -> None:
    world = World(Clock(), lifetime=timedelta(days=1))
    stack = StackInMemory(world)
    stack.put(skipping())
    tick(stack, ONE)

    def end_the_open_slot_and_fire_again() -> None:
        stack.work()
        stack.tick(TWO)

    world.meanwhile = end_the_open_slot_and_fire_again
    stack.clock.now = TWO
    # Both events are handled in one thread here, and one that reads the pauses of the stack keeps the other waiting.
    stack.app.stack_pause.pauses(TWO)
    with world.process({call: "meanwhile"}):
        tick(stack, TWO)
    stack.work()

    assert set(statuses(stack, TWO)) <= {"skipped", "succeeded"}
    assert len(statuses(stack, TWO)) == 2
    assert len(stack.titles) == 2 + statuses(stack, TWO).count("succeeded")


# ---------------------------------------------------------------------------------------------- late runs


def test_a_late_run_is_skipped_while_another_slot_is_open(stack: StackInMemory) -> None:
    stack.put(skipping(then="run"))
    tick(stack, ONE)

    assert sweep_at(stack, TWO + GRACE) == 2

    assert (statuses(stack, TWO), reasons(stack, TWO)) == (["skipped"] * 2, {OPEN_AT_ONE})
    stack.work()
    assert len(stack.titles) == 2
    assert stack.sweep() == 0


def test_a_late_run_starts_if_no_slot_is_open(stack: StackInMemory) -> None:
    stack.put(skipping(then="run"))
    tick(stack, ONE)
    stack.work()

    sweep_at(stack, TWO + GRACE)
    stack.work()

    assert statuses(stack, TWO) == ["succeeded"] * 2


def test_the_runs_that_a_slot_lost_are_run_late_while_its_other_runs_are_open(stack: StackInMemory) -> None:
    stack.put(skipping(then="run"))
    stack.app.ledger.add([_of_slot(ONE)], lambda _: ONE)

    sweep_at(stack, ONE + GRACE)

    assert statuses(stack, ONE) == ["pending"] * 2
