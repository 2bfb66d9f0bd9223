"""A budget that is used up is an event and a pause, once for each limit and period."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from aichats.automations.table import AutomationTable
from aichats.aws.errors import ResponseError
from aichats.aws.table import Table
from aichats.runs.stack_pause import STACK_PAUSE_KEY
from tests.support.budgets import BudgetedStack, listener
from tests.support.fakes import Json, aws_error
from tests.support.ledgers import LEASE, NOON, RUN, dynamodb, end
from tests.support.output import Output
from tests.support.stack_in_memory import NAME, ONE, THREE, TWO, hourly, payment, slot_run

TODAY, MONTH = "2026-11-20", "2026-11"
MIDNIGHT = "2026-11-21T00:00:00.000Z"


@pytest.fixture
def stack() -> BudgetedStack:
    return BudgetedStack()


def budgeted(per: str = "day", **limits: int) -> Json:
    """Return the definition of an automation that fires every hour, with a budget."""
    return hourly() | {"budget": {**limits, "per": per}}


def pauses(stack: BudgetedStack) -> list[tuple[str, Any, str | None]]:
    """Return who paused the automation, until when and why."""
    return [(window.by, window.until, window.reason) for window in stack.row().pauses.windows]


def passed(events: list[Json]) -> list[tuple[str, int, int]]:
    return [(event["kind"], event["percent"], event["used"]) for event in events]


def perform(stack: BudgetedStack, *slots: Any) -> None:
    for slot in slots:
        stack.tick(slot)


# ---------------------------------------------------------------------------------------------- automations


def test_the_event_names_the_budget_and_when_it_renews(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)

    [_, event] = stack.publish()

    assert event == {
        "id": event["id"],
        "automation": NAME,
        "scope": "automation",
        "kind": "runs",
        "percent": 100,
        "used": 1,
        "limit": 1,
        "per": "day",
        "period": TODAY,
        "renews_at": MIDNIGHT,
    }


def test_the_automation_is_paused_until_the_period_ends(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.publish()

    assert pauses(stack) == [("budget", NOON.replace(hour=0) + timedelta(days=1), "budget")]
    stack.put(listener(), "other")
    assert stack.row("other").pauses.windows == ()


def test_events_of_a_paused_automation_are_skipped_with_the_reason(stack: BudgetedStack) -> None:
    stack.put(listener(budget={"runs": 1, "per": "day"}))
    stack.handle(payment(), "msg_1")
    stack.publish()
    stack.handle(payment(), "msg_2")

    [skipped] = [row for row in stack.runs if row.status == "skipped"]
    assert skipped.error is not None
    assert skipped.error["message"] == (
        f"automation {NAME} is paused until 2026-11-21T00:00:00Z, because its budget is used up"
    )


def test_80_percent_is_an_event_without_a_pause(stack: BudgetedStack) -> None:
    stack.put(listener(budget={"runs": 5, "per": "day"}))
    stack.send(*range(4))

    assert passed(stack.publish()) == [("runs", 80, 4)]
    assert pauses(stack) == []


def test_records_that_come_again_have_the_same_ids_and_pause_once(stack: BudgetedStack) -> None:
    stack.put(listener(budget={"runs": 5, "per": "day"}))
    stack.send(*range(9))
    first = stack.publish()

    assert stack.publish_records(stack.records) == first
    assert len({event["id"] for event in first}) == 2
    assert len(pauses(stack)) == 1


def test_records_that_come_again_do_not_pause_what_a_person_has_resumed(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.publish()
    now = stack.clock.forward(minutes=1)
    stack.app.automation_table.change_pauses(NAME, lambda row: row.pauses.resumed(now, "ops"))

    stack.publish_records(stack.records)

    assert stack.row().pauses.at(now) is None


def test_each_period_has_its_own_events(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    first = stack.publish()
    stack.clock.forward(days=1)
    perform(stack, ONE + timedelta(days=1))
    second = stack.publish()

    assert [event["period"] for event in first + second] == [TODAY, TODAY, "2026-11-21", "2026-11-21"]
    assert len({event["id"] for event in first + second}) == 4
    assert len(pauses(stack)) == 2


def test_a_month_ends_with_the_month(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1, per="month"))
    perform(stack, ONE)

    assert [event["renews_at"] for event in stack.publish()] == ["2026-12-01T00:00:00.000Z"] * 2


def test_a_publisher_that_comes_after_the_period_pauses_nothing(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.clock.forward(days=1)

    assert passed(stack.publish()) == [("runs", 80, 1), ("runs", 100, 1)]
    assert pauses(stack) == []


def test_a_publisher_whose_clock_is_behind_pauses_the_right_period(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    stack.clock.now = NOON.replace(hour=0) + timedelta(days=1)
    perform(stack, ONE)
    stack.clock.forward(seconds=-3)
    stack.publish()

    [window] = stack.row().pauses.windows
    assert (window.begins, window.until) == (NOON.replace(day=21, hour=0), NOON.replace(day=22, hour=0))


def test_a_budget_of_a_deleted_automation_pauses_nothing(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.app.automation_table.begin_delete(NAME)

    assert len(stack.publish()) == 2


def test_a_budget_of_an_automation_that_cannot_be_read_is_still_an_event(stack: BudgetedStack, output: Output) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    table = Table(dynamodb(), stack.app.automation_table.table, "name")
    table.update(NAME, {"definition": "{}"}, table.is_present)

    assert len(stack.publish()) == 2
    assert "not paused by budget" in [line["message"] for line in output.logs]


def test_a_pause_that_fails_makes_the_records_come_again(stack: BudgetedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    records = stack.stream.take()

    def fail(*_: object, **__: object) -> None:
        raise aws_error("ThrottlingException")

    with monkeypatch.context() as failing:
        failing.setattr(AutomationTable, "change_pauses", fail)
        with pytest.raises(ResponseError, match="ThrottlingException"):
            stack.publish_records(records)
    assert stack.bus.accepted == []

    assert len(stack.publish_records(records)) == 2
    assert len(pauses(stack)) == 1


def test_a_used_up_budget_is_counted_for_its_alarm_and_logged(stack: BudgetedStack, output: Output) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.publish()

    assert output.counted("BudgetsReached") == 1
    [line] = [line for line in output.logs if line["message"] == "budget used up"]
    assert (line["automation"], line["kind"], line["limit"], line["period"]) == (NAME, "runs", 1, TODAY)


# ---------------------------------------------------------------------------------------------- changed budgets


def test_a_raised_budget_ends_the_pause_and_counts_on(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.publish()
    stack.clock.forward(minutes=1)
    stack.put(budgeted(runs=2))

    perform(stack, TWO, THREE)

    assert stack.history == [(f"{hour}:00", "biz_A", end) for hour, end in ((13, "succeeded"), (14, "succeeded"))] + [
        ("15:00", "biz_A", "skipped")
    ]
    assert [(event["percent"], event["limit"]) for event in stack.publish()] == [(80, 2), (100, 2)]
    assert stack.row().pauses.at(stack.clock.now) is not None


def test_a_budget_that_was_raised_before_its_pause_came_does_not_pause(stack: BudgetedStack, output: Output) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.put(budgeted(runs=2))

    assert len(stack.publish()) == 2
    assert pauses(stack) == []
    assert output.counted("BudgetsReached") == 0, "the alarm says that something is paused"


def test_a_budget_that_is_taken_away_ends_its_pause(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=1))
    perform(stack, ONE)
    stack.publish()
    stack.clock.forward(minutes=1)
    stack.put(hourly())

    perform(stack, TWO)

    assert [status for *_, status in stack.history] == ["succeeded", "succeeded"]


def test_another_change_of_the_automation_keeps_the_pause(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=2))
    perform(stack, ONE, TWO)
    stack.publish()
    stack.clock.forward(minutes=1)

    for changed in (budgeted(runs=2) | {"description": "new"}, budgeted(runs=1)):
        stack.put(changed)
        assert stack.row().pauses.at(stack.clock.now) is not None


def test_a_budget_that_was_lowered_below_what_is_used_is_reached_at_the_next_run(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=100))
    perform(stack, ONE, TWO)
    stack.put(budgeted(runs=1))
    assert stack.publish() == []

    perform(stack, THREE)

    assert [(event["percent"], event["used"], event["limit"]) for event in stack.publish()] == [(80, 2, 1), (100, 2, 1)]
    assert len(pauses(stack)) == 1
    assert [status for *_, status in stack.history] == ["succeeded", "succeeded", "skipped"]


# ---------------------------------------------------------------------------------------------- tokens


def test_the_tokens_of_replies_are_counted_to_the_fraction(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100))
    perform(stack, ONE, TWO)
    stack.reply(slot_run(ONE), Decimal("70.25"))
    assert stack.publish() == []
    stack.reply(slot_run(TWO), Decimal("9.75"))

    assert passed(stack.publish()) == [("tokens", 80, 80)]
    assert stack.counter(TODAY) == {"tokens": 80, "limit_tokens": 100}


def test_tokens_pause_the_automation_when_they_are_used_up(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100, runs=9))
    perform(stack, ONE)
    stack.reply(slot_run(ONE), Decimal("100.5"))

    assert passed(stack.publish()) == [("tokens", 80, 100), ("tokens", 100, 100)]
    assert len(pauses(stack)) == 1


def test_an_automation_that_is_created_again_is_paused_again_by_the_next_tokens(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100))
    perform(stack, ONE, TWO)
    stack.reply(slot_run(ONE), 100)
    first = stack.publish()
    row = stack.app.automation_table.begin_delete(NAME)
    assert row is not None
    stack.app.automation_table.end_delete(row)
    stack.put(budgeted(tokens=100))

    stack.reply(slot_run(TWO), 1)

    assert (len(first), stack.publish()) == (2, [])
    assert len(pauses(stack)) == 1


def test_raising_the_limit_of_runs_does_not_lift_that_of_tokens(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100, runs=5))
    perform(stack, ONE)
    stack.reply(slot_run(ONE), 100)
    stack.publish()
    stack.clock.forward(minutes=1)
    stack.put(budgeted(tokens=100, runs=6))

    perform(stack, TWO)
    stack.publish()

    assert stack.row().pauses.at(stack.clock.now) is not None


def test_the_tokens_of_a_run_that_a_person_started_count(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100, runs=1))
    perform(stack, ONE, TWO)
    stack.app.ledger.steering.replay(slot_run(TWO))
    stack.app.dispatcher.perform(slot_run(TWO), LEASE)
    stack.reply(slot_run(TWO), 50)
    stack.publish()

    assert stack.counter(TODAY) == {"runs": 1, "tokens": 50, "limit_runs": 1, "limit_tokens": 100}


def test_tokens_are_counted_once_although_records_come_again(stack: BudgetedStack) -> None:
    stack.put(budgeted(tokens=100))
    perform(stack, ONE)
    stack.reply(slot_run(ONE), 30)
    stack.publish()
    stack.app.ledger.items.update(
        slot_run(ONE), {"updated_at": "2026-11-20T12:01:00.000Z"}, "attribute_exists(#run_id)"
    )
    stack.publish()
    stack.publish_records(stack.records)

    assert stack.counter(TODAY)["tokens"] == 30


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"])
def test_tokens_count_today_although_the_clock_of_the_provider_is_wrong(stack: BudgetedStack, time: str) -> None:
    stack.put(budgeted(tokens=100))
    perform(stack, ONE)
    stack.reply(slot_run(ONE), 30, replied_at=time)
    stack.publish()

    assert stack.counter(TODAY)["tokens"] == 30


def test_tokens_without_a_budget_are_counted_nowhere(stack: BudgetedStack) -> None:
    stack.put(budgeted(runs=9))
    perform(stack, ONE)
    stack.reply(slot_run(ONE), 30)
    stack.publish()

    assert stack.counter(TODAY) == {"runs": 1, "limit_runs": 9}


# ---------------------------------------------------------------------------------------------- the stack


def test_the_stack_is_paused_when_its_runs_are_used_up(stack: BudgetedStack) -> None:
    stack.limit({"runs": 2})
    stack.put(hourly())
    perform(stack, ONE, TWO)

    events = stack.publish()

    assert passed(events) == [("runs", 80, 2), ("runs", 100, 2)]
    assert {(event["automation"], event["scope"], event["renews_at"]) for event in events} == {
        (None, "stack", MIDNIGHT)
    }
    window = stack.app.stack_pause.read().at(stack.clock.now)
    assert window is not None
    assert (window.by, window.until, window.reason) == ("budget", NOON.replace(day=21, hour=0), "budget")


def test_a_stack_whose_pauses_cannot_be_read_still_sends_the_event(stack: BudgetedStack, output: Output) -> None:
    stack.limit({"runs": 1})
    stack.put(hourly())
    perform(stack, ONE)
    stack.app.ledger.items.put({"run_id": STACK_PAUSE_KEY, "pauses": "[1]"})

    assert len(stack.publish()) == 2
    assert "not paused by budget" in [line["message"] for line in output.logs]
    assert output.counted("BudgetsReached") == 1


def test_the_stack_counts_performed_runs_only(stack: BudgetedStack) -> None:
    stack.limit({"runs": 9})
    stack.put(budgeted(runs=1))
    perform(stack, ONE, TWO)
    stack.app.ledger.add_ended([(RUN, {"type": "Missed", "message": "no"})], "missed")
    stack.publish()

    assert stack.statuses() == {"succeeded": 1, "skipped": 1, "missed": 1}
    assert stack.counter(TODAY, "STACK")["runs"] == 1


def test_the_stack_counts_a_run_again_that_is_performed_again(stack: BudgetedStack) -> None:
    stack.limit({"runs": 9})
    end(stack.app.ledger, "failed")
    stack.publish()
    stack.app.ledger.steering.replay(RUN.run_id)
    stack.clock.forward(minutes=1)
    end(stack.app.ledger, "succeeded")
    stack.publish()

    assert stack.counter(TODAY, "STACK")["runs"] == 2


def test_the_stack_counts_a_run_once_that_a_person_resolves(stack: BudgetedStack) -> None:
    stack.limit({"runs": 9})
    end(stack.app.ledger, "unknown")
    stack.publish()
    stack.app.ledger.steering.resolve(RUN.run_id, "succeeded", chat_id="aich_1", by="ops")
    stack.publish()

    assert stack.counter(TODAY, "STACK")["runs"] == 1


def test_the_tokens_of_all_automations_count_for_the_stack(stack: BudgetedStack) -> None:
    stack.limit({"tokens": 100}, "month")
    stack.put(hourly(), "one")
    stack.put(hourly(), "two")
    for name, tokens in (("one", 60), ("two", Decimal("39.5"))):
        stack.tick(ONE, name)
        stack.reply(slot_run(ONE, name=name), tokens)

    assert passed(stack.publish()) == [("tokens", 80, 99)]
    assert stack.counter(MONTH, "STACK")["tokens"] == Decimal("99.5")


def test_a_stack_that_a_person_resumed_is_not_paused_again_in_the_period(stack: BudgetedStack) -> None:
    stack.limit({"runs": 1})
    stack.put(hourly())
    perform(stack, ONE)
    stack.publish()
    now = stack.clock.forward(minutes=1)
    stack.app.stack_pause.change(lambda pauses: pauses.resumed(now, "ops"), now)

    perform(stack, TWO)
    stack.publish()
    stack.publish_records(stack.records)

    assert stack.app.stack_pause.read().at(now) is None
    assert len(stack.whop.chats) == 2


def test_a_stack_without_a_budget_counts_nothing(stack: BudgetedStack) -> None:
    stack.put(hourly())
    perform(stack, ONE)
    stack.publish()

    assert stack.counter(TODAY, "STACK") == stack.counter(MONTH, "STACK") == {}
    assert stack.app.ledger.items.get(STACK_PAUSE_KEY) is None


def test_an_automation_named_stack_has_its_own_budget(stack: BudgetedStack) -> None:
    stack.limit({"runs": 9})
    stack.put(budgeted(runs=5), "stack")
    stack.tick(ONE, "stack")
    stack.publish()

    assert (stack.counter(TODAY, "stack")["limit_runs"], stack.counter(TODAY, "STACK")["limit_runs"]) == (5, 9)
