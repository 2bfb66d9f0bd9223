"""The last run of each automation: its newest slot, event or manual run, with the number of runs by status."""

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations import last_runs
from aichats.automations.last_runs import FROM_WORST_TO_BEST, LastRun, LastRuns
from aichats.automations.run_factory import slot_of
from aichats.runs.ledger import history
from aichats.runs.ledger.history import History
from aichats.runs.ledger.rows import EndStatus, Row, RunStatus
from aichats.runs.model import Run, slot_text
from tests.support.automations import listening, scheduled
from tests.support.ledgers import ERROR, LEASE, NOON, make_run
from tests.support.stack_in_memory import NAME, ONE, THREE, TWO, StackInMemory, hourly, payment, slot_run, sweep_at
from tests.support.watched_dynamodb import CountingDynamoDB

SECOND = timedelta(seconds=1)


def each(_row: Row) -> bool:
    return True


def finder(stack: StackInMemory) -> LastRuns:
    ledger = stack.app.ledger
    return LastRuns(ledger, History(ledger))


def listed(stack: StackInMemory) -> dict[str, LastRun]:
    """Return the last runs as the list of automations has them."""
    return finder(stack).find_each(stack.app.automation_table.list(), each)


def found(stack: StackInMemory, name: str = NAME) -> LastRun | None:
    """Return the last run of a single automation."""
    return finder(stack).find(stack.row(name), each)


def created(stack: StackInMemory, *runs: Run, status: EndStatus | None = None) -> None:
    """Create runs at the present time. With a status, end them."""
    stack.app.ledger.add(runs, lambda _: stack.clock())
    for run in runs if status else ():
        row = stack.app.ledger.claim(run.run_id, LEASE)
        assert status is not None
        ended: dict[str, Any] = {"chat_id": "aich_1"} if status == "succeeded" else {"error": ERROR}
        stack.app.ledger.finish(row, status, **ended)


def run_of(stack: StackInMemory, slot: Any, target: str = "biz_A", name: str = NAME) -> Run:
    """Return the run of a slot."""
    action = stack.row(name).automation.action
    run = Run(slot_run(slot, target, name), "schedule", action, target, automation=name, slot=slot_text(slot))
    assert run.run_id == slot_of(slot).run_id(name, target)
    return run


def by_hand(number: int, name: str = NAME, **fields: Any) -> Run:
    return replace(make_run(str(number)), automation=name, **fields)


def noise(stack: StackInMemory, number: int, first: int = 0) -> None:
    """Create runs of another automation, more than one read of the newest runs covers."""
    created(stack, *(by_hand(each, "noise") for each in range(first, first + number)))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one read of the newest runs cover few of them."""
    monkeypatch.setattr(last_runs, "LANE_RUNS", 2)


# ------------------------------------------------------------------ one occurrence


def test_an_automation_that_never_ran_has_no_last_run(stack: StackInMemory) -> None:
    stack.put(hourly())
    stack.put(listening(), "listener")

    assert listed(stack) == {}
    assert (found(stack), found(stack, "listener")) == (None, None)


def test_the_last_run_is_that_of_the_newest_slot(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    for slot in (ONE, TWO):
        stack.clock.now = slot + SECOND
        stack.tick(slot)
        stack.work()

    assert listed(stack) == {
        NAME: LastRun(TWO + SECOND, "schedule", slot_text(TWO), "succeeded", {"succeeded": 2}, counted_all=True)
    }
    assert found(stack) == listed(stack)[NAME]


def test_runs_of_a_slot_that_were_created_hours_apart_are_counted_together(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    stack.clock.now = ONE
    created(stack, run_of(stack, ONE, "biz_A"), status="succeeded")
    stack.clock.forward(hours=1)
    created(stack, run_of(stack, ONE, "biz_B"))

    last = listed(stack)[NAME]

    assert (last.at, last.status, last.counts) == (ONE, "pending", {"succeeded": 1, "pending": 1})
    assert last.counted_all


def test_a_run_whose_texts_cannot_be_rendered_counts_as_failed(stack: StackInMemory) -> None:
    definition = scheduled("cron(0 * * * ? *)", message="Of {{ (target == 'biz_A' && 'us') || `null` }}")
    stack.put(definition | {"targets": ["biz_A", "biz_B"]})
    stack.clock.now = ONE
    stack.tick(ONE)
    stack.work()

    last = listed(stack)[NAME]
    assert (last.status, last.counts) == ("failed", {"failed": 1, "succeeded": 1})


def test_a_manual_run_is_the_last_run_until_the_next_slot(stack: StackInMemory) -> None:
    stack.put(hourly())
    stack.tick(ONE)
    stack.clock.forward(minutes=5)
    created(stack, by_hand(1), by_hand(2), status="failed")

    last = listed(stack)[NAME]
    assert (last.trigger, last.slot, last.status, last.counts) == ("http", None, "failed", {"failed": 2})

    stack.clock.forward(hours=1)
    stack.tick(TWO)
    assert listed(stack)[NAME].slot == slot_text(TWO)


def test_a_manual_run_right_after_a_slot_does_not_count_its_runs(stack: StackInMemory) -> None:
    stack.put(hourly())
    stack.tick(ONE)
    stack.clock.forward(seconds=0.5)
    created(stack, by_hand(1))

    assert listed(stack)[NAME].counts == {"pending": 1}


def test_the_last_run_of_a_listener_is_that_of_the_newest_event(stack: StackInMemory) -> None:
    stack.put(listening(targets=("biz_A", "biz_B")), "listener")
    stack.handle(payment(), "msg_1")
    stack.work()
    stack.clock.forward(minutes=1)
    stack.handle(payment(), "msg_2")

    last = listed(stack)["listener"]

    assert (last.at, last.trigger, last.slot) == (stack.clock.now, "webhook", None)
    assert (last.status, last.counts, last.counted_all) == ("pending", {"pending": 2}, True)
    assert found(stack, "listener") == last


def test_of_missed_slots_that_are_stored_at_once_the_newest_is_the_last_run(stack: StackInMemory) -> None:
    stack.put(hourly(*(f"biz_{number}" for number in range(5))))
    sweep_at(stack, THREE + timedelta(minutes=10))

    last = listed(stack)[NAME]

    assert (last.slot, last.status, last.counts) == (slot_text(THREE), "missed", {"missed": 5})


@pytest.mark.parametrize("worst", range(len(FROM_WORST_TO_BEST)))
def test_the_status_is_the_worst_of_all_runs(stack: StackInMemory, worst: int) -> None:
    statuses = list(FROM_WORST_TO_BEST[worst:])
    stack.put(hourly(*(f"biz_{status}" for status in statuses)))
    for status in reversed(statuses):
        store(stack, run_of(stack, ONE, f"biz_{status}"), status)

    last = listed(stack)[NAME]

    assert last.status == statuses[0]
    assert last.counts == dict.fromkeys(statuses, 1)


def store(stack: StackInMemory, run: Run, status: RunStatus) -> None:
    if status in {"pending", "performing"}:
        created(stack, run)
        if status == "performing":
            stack.app.ledger.claim(run.run_id, LEASE)
    else:
        ended: Any = status
        stack.app.ledger.add_ended([(run, ERROR)], ended)


# ------------------------------------------------------------------ what is read


def test_a_slot_from_before_a_change_of_the_targets_has_the_runs_of_its_time(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    stack.clock.now = ONE
    stack.tick(ONE)
    stack.clock.forward(minutes=1)
    stack.put(hourly("biz_C"))

    last = listed(stack)[NAME]

    assert (last.slot, last.counts, last.counted_all) == (slot_text(ONE), {"pending": 2}, True)


def test_of_a_large_fan_out_as_many_are_counted_as_are_read(stack: StackInMemory) -> None:
    stack.put(hourly(*(f"biz_{number}" for number in range(120))))
    stack.clock.now = ONE
    stack.tick(ONE)

    last = listed(stack)[NAME]

    assert (last.counts, last.counted_all) == ({"pending": 100}, False)


def test_of_many_automations_fewer_runs_are_counted_each(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_runs, "MAX_COUNTED_RUNS", 6)
    stack.clock.now = ONE
    for name in ("a", "b"):
        stack.put(hourly(*(f"biz_{number}" for number in range(4))), name)
        stack.tick(ONE + timedelta(hours=1), name)

    for last in listed(stack).values():
        assert (last.counts, last.counted_all) == ({"pending": 3}, False)


@pytest.mark.usefixtures("few")
def test_a_schedule_is_found_although_others_ran_more_often_since(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    stack.tick(ONE)
    stack.tick(TWO)
    stack.clock.forward(minutes=1)
    noise(stack, 40)

    last = listed(stack)[NAME]

    assert (last.slot, last.counts, last.counted_all) == (slot_text(TWO), {"pending": 2}, True)


@pytest.mark.usefixtures("few")
def test_a_listener_that_ran_before_many_others_is_looked_up_only_alone(stack: StackInMemory) -> None:
    stack.put(listening(targets=("biz_A", "biz_B")), "listener")
    stack.handle(payment(), "msg_1")
    stack.clock.forward(minutes=1)
    noise(stack, 40)

    assert listed(stack) == {}
    last = found(stack, "listener")
    assert last is not None
    assert (last.at, last.counts, last.counted_all) == (NOON, {"pending": 2}, True)

    stack.clock.forward(days=7)
    assert found(stack, "listener") is None


@pytest.mark.usefixtures("few")
def test_an_occurrence_of_which_not_all_was_read_says_so(stack: StackInMemory) -> None:
    stack.put(listening(targets=tuple(f"biz_{number}" for number in range(40))), "listener")
    stack.handle(payment(), "msg_1")

    last = listed(stack)["listener"]

    assert sum(last.counts.values()) < 40
    assert not last.counted_all


def test_runs_that_the_caller_may_not_see_do_not_count(stack: StackInMemory) -> None:
    stack.put(hourly("biz_A", "biz_B"))
    stack.tick(ONE)
    rows = stack.app.automation_table.list()

    own = finder(stack).find_each(rows, lambda row: row.run.target == "biz_A")[NAME]

    assert own.counts == {"pending": 1}
    assert finder(stack).find(stack.row(), lambda _: False) is None


@pytest.mark.usefixtures("few")
def test_the_history_is_read_no_further_than_to_the_last_run_or_the_creation_of_the_automation(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "QUERY_RUNS", 5)
    noise(stack, 200)
    stack.clock.forward(minutes=1)
    stack.put(listening(), "listener")
    stack.handle(payment(), "msg_1")
    stack.put(listening(), "new")
    stack.clock.forward(minutes=1)
    noise(stack, 12, 200)
    for name, last_run in (("listener", NOON + 60 * SECOND), ("new", None)):
        client = CountingDynamoDB()
        ledger = replace(stack.app.ledger, client=client)
        last = LastRuns(ledger, History(ledger)).find(stack.row(name), None)
        assert (last and last.at) == last_run
        # Each of the older runs would need further queries.
        assert client.calls["query"] <= 20


def test_a_list_of_a_hundred_automations_needs_few_reads(stack: StackInMemory) -> None:
    rows = [stack.put(hourly(), f"at-{number:03}") for number in range(100)]
    for row in rows[:90]:
        created(stack, run_of(stack, ONE, name=row.name))
    client = CountingDynamoDB()
    ledger = replace(stack.app.ledger, client=client)

    last = LastRuns(ledger, History(ledger)).find_each(rows, each)

    assert len(last) == 90
    # One query for each lane and for each automation without a recent run.
    assert client.calls == {"query": 4 + 10, "batch_get_item": 2}


def test_nothing_is_read_for_an_empty_list(stack: StackInMemory) -> None:
    client = CountingDynamoDB()
    ledger = replace(stack.app.ledger, client=client)

    assert LastRuns(ledger, History(ledger)).find_each([], each) == {}
    assert not client.calls
