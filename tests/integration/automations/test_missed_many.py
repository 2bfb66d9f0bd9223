"""The check for missed slots needs one read and one write for many automations, and none if no slot is due."""

from collections import Counter
from collections.abc import Sequence
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations import missed
from aichats.automations import row as rows
from aichats.automations.missed import MissedSlots
from aichats.automations.model import schedule_times
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.model import Run
from tests.support.automations import scheduled
from tests.support.fakes import Json
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import GRACE, ONE, TWO, StackInMemory, hourly, slot_run, sweep_at
from tests.support.watched_dynamodb import CountingDynamoDB

MANY = [f"automation-{number:02}" for number in range(30)]


@pytest.fixture
def calls(stack: StackInMemory) -> Counter[str]:
    """The numbers of calls from now on."""
    counting: Any = CountingDynamoDB()
    app = stack.app
    app.automation_table, app.ledger = (
        replace(app.automation_table, client=counting),
        replace(app.ledger, client=counting),
    )
    dispatcher = replace(app.dispatcher, ledger=app.ledger)
    app.missed_slots = MissedSlots(app.automation_table, app.ledger, dispatcher, app.run_factory, GRACE, stack.clock)
    found: Counter[str] = counting.calls
    return found


def put(stack: StackInMemory, **fields: Any) -> None:
    for name in MANY:
        stack.app.automation_table.put(name, stack.put(hourly() | fields, name).automation)


def test_if_no_slot_is_due_only_the_table_is_read(stack: StackInMemory, calls: Counter[str]) -> None:
    put(stack)
    before = [stack.row(name) for name in MANY]
    calls.clear()

    for minutes in range(5, 60, 5):
        assert sweep_at(stack, NOON + timedelta(minutes=minutes)) == 0

    assert calls == {"scan": 11}
    assert [stack.row(name) for name in MANY] == before


def test_slots_that_fired_cost_one_read_and_one_write_for_many_automations(
    stack: StackInMemory, calls: Counter[str]
) -> None:
    put(stack)
    stack.clock.now = ONE
    runs = [
        run
        for name in MANY
        for run in stack.app.schedule_events.runs_of({"automation": name, "scheduled_time": ONE.isoformat()})
    ]
    stack.app.ledger.add(runs, lambda _: ONE)
    calls.clear()

    assert sweep_at(stack, ONE + GRACE) == 0

    assert calls == {"scan": 1, "get_item": 1, "batch_get_item": 1, "transact_write_items": 1}
    assert {stack.row(name).checked_until for name in MANY} == {ONE}
    calls.clear()
    assert sweep_at(stack, ONE + 2 * GRACE) == 0
    assert calls == {"scan": 1}


@pytest.mark.parametrize(("then", "status", "writes"), [("skip", "missed", 2), ("run", "pending", 2)])
def test_slots_that_were_missed_cost_as_little(
    stack: StackInMemory, calls: Counter[str], then: str, status: str, writes: int
) -> None:
    put(stack, missed=then)
    calls.clear()

    assert sweep_at(stack, ONE + GRACE) == len(MANY)

    assert calls["transact_write_items"] == writes
    assert calls["batch_get_item"] == 1
    assert {row.run.run_id: row.status for row in stack.runs} == {slot_run(ONE, name=name): status for name in MANY}


def test_a_row_that_changes_meanwhile_does_not_stop_others_from_being_marked(stack: StackInMemory) -> None:
    put(stack)
    rows = list(stack.app.automation_table.rows())
    stack.put(hourly() | {"description": "changed"}, MANY[7])

    stack.app.automation_table.mark_checked(rows, ONE)

    marked = {name for name in MANY if stack.row(name).checked_until == ONE}
    assert marked == set(MANY) - {MANY[7]}


def test_slots_before_the_targets_changed_are_queried_by_name(stack: StackInMemory, calls: Counter[str]) -> None:
    stack.put(hourly("biz_A"), MANY[0])
    stack.clock.now = ONE
    stack.tick(ONE, MANY[0])
    stack.clock.forward(minutes=1)
    stack.put(hourly("biz_B"), MANY[0])
    calls.clear()

    assert sweep_at(stack, ONE + GRACE) == 0
    assert (calls["query"], calls["batch_get_item"]) == (1, 0)
    assert sweep_at(stack, TWO + GRACE) == 1
    assert (calls["query"], calls["batch_get_item"]) == (1, 1)


def test_a_day_of_slots_is_computed_once(stack: StackInMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """To begin again at each of 10,000 slots took a second, so a hundred such automations took the whole sweep."""
    row = stack.put(scheduled("cron(* * * * ? *)"))
    walks: list[object] = []

    def walk(*args: Any) -> Any:
        walks.append(args)
        return schedule_times(*args)

    monkeypatch.setattr(rows, "schedule_times", walk)

    assert sweep_at(stack, NOON + timedelta(days=1)) == missed.MAX_RUNS
    assert len(walks) < 10
    assert stack.row().checked_until > row.checked_until


def test_missing_runs_of_many_automations_are_not_all_in_memory_together(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that the texts of many automations do not need more memory than the function has."""
    put(stack, targets=["biz_A", "biz_B"])
    monkeypatch.setattr(missed, "MAX_RUNS", 6)
    noted: list[int] = []
    add_ended = Ledger.add_ended

    def counted(self: Ledger, runs: Sequence[tuple[Run, Json]], *args: Any) -> int:
        noted.append(len(runs))
        return add_ended(self, runs, *args)

    monkeypatch.setattr(Ledger, "add_ended", counted)

    assert sweep_at(stack, ONE + GRACE) == 2 * len(MANY)
    assert (sum(noted), max(noted)) == (2 * len(MANY), 6)


def test_automations_that_were_checked_before_a_sweep_dies_are_not_checked_again(
    stack: StackInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stack)
    monkeypatch.setattr(missed, "MAX_RUNS", 6)
    noted: list[int] = []
    add_ended = Ledger.add_ended

    def dies(self: Ledger, runs: Sequence[tuple[Run, Json]], *args: Any) -> int:
        noted.append(len(runs))
        if len(noted) == 3:
            raise KeyboardInterrupt
        return add_ended(self, runs, *args)

    monkeypatch.setattr(Ledger, "add_ended", dies)
    with pytest.raises(KeyboardInterrupt):
        sweep_at(stack, ONE + GRACE)

    assert sum(stack.row(name).checked_until == ONE for name in MANY) == 12
    assert sweep_at(stack, ONE + GRACE) == len(MANY) - 12
