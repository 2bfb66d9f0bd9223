"""An automation starts at most as many runs as its budget has, whatever fails, and stores the other runs as skipped."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from aichats.automations.run_budgets import add_within_budgets
from aichats.automations.run_factory import of_event, slot_of
from aichats.aws.errors import NoResponseError, ResponseError
from aichats.http.deadline import time_limit
from aichats.runs.queue_messages import EventMessage
from tests.support.automations import listening
from tests.support.budgets import BudgetedStack, listener
from tests.support.crashing import Crash, World
from tests.support.fakes import Json
from tests.support.ledgers import LEASE, NOON, Clock, dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, ONE, THREE, TWO, hourly, payment, slot_run, sweep_at
from tests.support.watched_dynamodb import ScriptedDynamoDB, canceled

TODAY = "2026-11-20"
TOMORROW = (ONE + timedelta(days=1), TWO + timedelta(days=1))
KODEY = {"action": {"type": "kodey.create_chat", "message_text": "Hi"}}


@pytest.fixture
def stack() -> BudgetedStack:
    return BudgetedStack()


def targets(number: int) -> list[str]:
    return [f"biz_{index:02}" for index in range(number)]


def with_budget(definition: Json, runs: int = 10, per: str = "day") -> Json:
    return definition | {"budget": {"runs": runs, "per": per}}


# ---------------------------------------------------------------------------------------------- events


def test_of_40_events_at_once_exactly_ten_are_performed(stack: BudgetedStack) -> None:
    stack.put(listener())

    stack.send(*range(40))
    stack.work()

    assert stack.statuses() == {"succeeded": 10, "skipped": 30}
    assert len(stack.whop.chats) == 10
    assert [(event["percent"], event["used"]) for event in stack.publish()] == [(80, 8), (100, 10)]


def test_of_40_events_that_come_twice_exactly_ten_are_performed(stack: BudgetedStack) -> None:
    stack.put(listener())

    stack.send(*range(40), *range(40))
    stack.send(*range(40))
    stack.work()

    assert stack.statuses() == {"succeeded": 10, "skipped": 30}
    assert stack.counter(TODAY) == {"runs": 10, "limit_runs": 10}


def test_skipped_runs_say_which_budget_is_used_up_when_it_renews_and_how_to_go_on(stack: BudgetedStack) -> None:
    stack.put(listener("biz_A", "biz_B", budget={"runs": 1, "per": "day"}))

    stack.handle(payment())

    assert [row.error for row in stack.runs if row.status == "skipped"] == [
        {
            "type": "Skipped",
            "message": "automation weekly has used up its budget of 1 run per day, which renews at "
            "2026-11-21T00:00:00.000Z. To run it before, raise the budget with PUT /automations/weekly or call "
            "POST /automations/weekly/resume",
        }
    ]


class Contended:
    """DynamoDB in which every second transaction meets another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.transactions = 0

    def transact_write_items(self, **request: Any) -> Any:
        with self._lock:
            self.transactions += 1
            meets_another = self.transactions % 2 == 1
        if meets_another:
            raise canceled("None", "TransactionConflict")
        return dynamodb().transact_write_items(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(dynamodb(), name)


def test_events_whose_transactions_meet_are_neither_lost_nor_counted_twice(
    stack: BudgetedStack, pauses: list[None]
) -> None:
    row = stack.put(listener())
    ledger = replace(stack.app.ledger, client=Contended())
    runs = [
        run
        for number in range(40)
        for run in stack.app.run_factory.runs_for(NAME, row.automation, of_event(f"msg_{number}", payment(), NOON)).runs
    ]

    with ThreadPoolExecutor(max_workers=40) as pool:
        opened = pool.map(lambda run: add_within_budgets(ledger, [row], [run], lambda _: NOON), runs)
        assert sum(map(len, opened)) == 10

    assert stack.statuses() == {"pending": 10, "skipped": 30}
    assert len(pauses) >= 40


def test_a_transaction_is_not_tried_again_after_the_deadline(stack: BudgetedStack, pauses: list[None]) -> None:
    row = stack.put(listener())
    client: Any = ScriptedDynamoDB(*[canceled("None", "TransactionConflict")] * 9)
    [run] = stack.app.run_factory.runs_for(NAME, row.automation, of_event("msg_1", payment(), NOON)).runs

    with time_limit(0), pytest.raises(ResponseError, match="TransactionCanceledException"):
        add_within_budgets(replace(stack.app.ledger, client=client), [row], [run], lambda _: NOON)

    assert (pauses, client.calls["transact_write_items"]) == ([], 1)


@pytest.mark.parametrize("fault", ["crash before", "crash after", "error before", "error after", "answer lost"])
@pytest.mark.parametrize("call", range(9))
def test_whatever_fails_an_event_is_counted_once_and_its_other_runs_are_skipped(call: int, fault: str) -> None:
    world = World(Clock(), timedelta(minutes=5))
    stack = BudgetedStack(world)
    stack.put(listener(*targets(5), budget={"runs": 3, "per": "day"}))

    # A delivery reads the index twice and the automation. It reads the pause, counts runs, skips runs, sends messages.
    with world.process({call: fault}), suppress(Crash, NoResponseError):
        stack.handle(payment())
    stack.handle(payment())
    stack.work()

    assert stack.statuses() == {"succeeded": 3, "skipped": 2}
    assert stack.counter(TODAY)["runs"] == 3


def test_an_event_that_is_rendered_from_the_queue_has_the_same_budget(stack: BudgetedStack) -> None:
    stack.put(listener("biz_A", "biz_B", "biz_C", budget={"runs": 2, "per": "day"}))
    message = EventMessage(webhook_id="msg_1", event=payment(), automations=(NAME,))

    stack.app.webhook_events.render(message)
    stack.app.webhook_events.render(message)
    stack.work()

    assert stack.statuses() == {"succeeded": 2, "skipped": 1}


def test_automations_of_one_event_have_their_own_budgets(stack: BudgetedStack) -> None:
    stack.put(listener("biz_A", "biz_B", budget={"runs": 1, "per": "day"}), "small")
    stack.put(listener("biz_A", "biz_B", budget={"runs": 2, "per": "month"}), "large")
    stack.put(listening(targets=("biz_A", "biz_B")), "none")

    stack.handle(payment())

    open_runs = Counter(row.run.automation for row in stack.runs if row.is_open)
    assert open_runs == {"small": 1, "large": 2, "none": 2}
    assert len(stack.sqs.sent) == 5


def test_texts_that_cannot_be_rendered_use_up_no_budget(stack: BudgetedStack) -> None:
    definition = listener(budget={"runs": 1, "per": "day"})
    stack.put(definition | {"action": {**definition["action"], "title": "{{ event.data.nobody }}"}})

    stack.handle(payment())

    assert (stack.statuses(), stack.counter(TODAY)) == ({"failed": 1}, {})


# ---------------------------------------------------------------------------------------------- schedules


def test_of_a_slot_with_25_targets_the_first_ten_run(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(*targets(25))))

    stack.clock.now = ONE
    stack.tick(ONE)
    stack.tick(ONE)
    stack.work()

    assert stack.history == [("13:00", target, "succeeded") for target in targets(10)] + [
        ("13:00", target, "skipped") for target in targets(25)[10:]
    ]
    assert [event["percent"] for event in stack.publish()] == [80, 100]


def test_a_slot_with_more_targets_than_a_transaction_has_writes_keeps_its_budget(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(*targets(130)), runs=70))

    stack.tick(ONE)

    assert stack.statuses() == {"pending": 70, "skipped": 60}
    assert stack.counter(TODAY) == {"runs": 70, "limit_runs": 70}


def test_a_large_slot_that_comes_again_takes_few_transactions_although_its_budget_is_small(
    stack: BudgetedStack, output: Output
) -> None:
    row = stack.put(with_budget(hourly(*targets(90)), runs=1))
    stack.tick(ONE)
    client: Any = ScriptedDynamoDB()
    runs = stack.app.run_factory.runs_for(NAME, row.automation, slot_of(ONE)).runs

    opened = add_within_budgets(replace(stack.app.ledger, client=client), [row], runs, lambda _: NOON)

    assert (len(opened), stack.statuses()) == (1, {"pending": 1, "skipped": 89})
    assert client.calls["transact_write_items"] <= 4
    messages = [line["message"] for line in output.logs]
    assert messages.count("runs skipped: the budget is used up") == 1, "the second time, no run is skipped"


def test_runs_that_are_added_to_a_slot_do_not_stop_those_that_wait(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly("biz_B", "biz_C"), runs=2))
    stack.tick(ONE)
    stack.sqs.sent.clear()
    stack.put(with_budget(hourly("biz_A", "biz_B", "biz_C"), runs=2))

    stack.tick(ONE)
    stack.work()

    expected = {"biz_A": "skipped", "biz_B": "succeeded", "biz_C": "succeeded"}
    assert stack.history == [("13:00", target, status) for target, status in expected.items()]


def test_the_runs_of_a_slot_keep_the_pace_of_their_provider(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(*targets(3)), runs=2) | {"targets": ["agent_1", "agent_2", "agent_3"]} | KODEY)

    stack.tick(ONE)

    first, second = sorted(row.due_at for row in stack.runs if row.due_at)
    assert (first, second > first) == (NOON, True)


def test_a_single_run_is_performed_at_once_while_there_is_room(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=2))

    results = [stack.tick(slot)[0]["status"] for slot in (ONE, ONE, TWO, THREE, THREE)]

    assert results == ["succeeded", "succeeded", "succeeded", "skipped", "skipped"]
    assert len(stack.whop.chats) == 2


def test_a_run_that_was_stored_before_the_process_died_is_performed_when_its_event_comes_again(
    stack: BudgetedStack,
) -> None:
    row = stack.put(with_budget(hourly(), runs=1))
    runs = stack.app.run_factory.runs_for(NAME, row.automation, slot_of(ONE)).runs
    add_within_budgets(stack.app.ledger, [row], runs, lambda _: NOON)

    [result] = stack.tick(ONE)

    assert result["status"] == "succeeded"


def test_the_next_period_has_a_new_budget(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=1))
    stack.clock.now = NOON.replace(hour=23, minute=59, second=59)

    results = [stack.tick(ONE)[0]["status"], stack.tick(TWO)[0]["status"]]
    stack.clock.forward(seconds=1)
    results.append(stack.tick(THREE)[0]["status"])

    assert results == ["succeeded", "skipped", "succeeded"]


def test_missed_runs_that_are_run_late_use_up_the_budget(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(*targets(4), then="run"), runs=3))

    sweep_at(stack, ONE + timedelta(minutes=10))
    sweep_at(stack, ONE + timedelta(minutes=15))
    stack.work()

    assert stack.statuses() == {"succeeded": 3, "skipped": 1}


def test_a_missed_run_whose_event_comes_late_is_counted_once(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=2))
    sweep_at(stack, ONE + timedelta(minutes=10))
    assert stack.counter(TODAY) == {}

    results = [stack.tick(ONE)[0]["status"] for _ in range(2)]

    assert (results, stack.counter(TODAY)["runs"]) == (["succeeded", "succeeded"], 1)


def test_a_missed_run_whose_event_comes_when_the_budget_is_used_up_stays_missed(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=1))
    sweep_at(stack, ONE + timedelta(minutes=10))
    stack.tick(TWO)

    [result] = stack.tick(ONE)

    assert (result["status"], stack.history) == (
        "missed",
        [("13:00", "biz_A", "missed"), ("14:00", "biz_A", "succeeded")],
    )


# ---------------------------------------------------------------------------------------------- people


def test_a_person_who_replays_a_skipped_run_needs_no_budget(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=1))
    stack.tick(ONE)
    stack.tick(TWO)

    stack.app.ledger.steering.replay(slot_run(TWO))
    stack.app.dispatcher.perform(slot_run(TWO), LEASE)

    assert stack.statuses() == {"succeeded": 2}
    assert stack.counter(TODAY)["runs"] == 1


def test_a_pause_that_a_person_ended_lifts_the_budget_until_the_period_ends(stack: BudgetedStack) -> None:
    stack.put(with_budget(hourly(), runs=1))
    stack.tick(ONE)
    stack.publish()
    stack.clock.forward(minutes=1)
    stack.app.automation_table.change_pauses(NAME, lambda row: row.pauses.resumed(stack.clock.now, "ops"))

    assert [stack.tick(slot)[0]["status"] for slot in (TWO, THREE)] == ["succeeded", "succeeded"]
    assert (stack.publish(), stack.row().pauses.at(stack.clock.now)) == ([], None)
    stack.clock.forward(days=1)
    assert [stack.tick(slot)[0]["status"] for slot in TOMORROW] == ["succeeded", "skipped"]


def test_a_log_line_names_the_automation_and_the_number_of_skipped_runs(stack: BudgetedStack, output: Output) -> None:
    stack.put(listener("biz_A", "biz_B", "biz_C", budget={"runs": 1, "per": "day"}))
    stack.handle(payment())

    [line] = [line for line in output.logs if line["message"] == "runs skipped: the budget is used up"]
    assert (line["automation"], line["runs"]) == (NAME, 2)
