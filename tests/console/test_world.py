"""The stack that people look at: it has something of every kind that the console shows."""

from typing import get_args

import pytest

from aichats.api.app import create_api
from aichats.runs.ledger.rows import RunStatus
from tests.support.console_bulk import many_automations, many_runs
from tests.support.console_life import LivingStack
from tests.support.console_world import lively_stack
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory


@pytest.fixture(scope="module")
def stack() -> LivingStack:
    """The stack at noon."""
    return lively_stack(NOON)


def test_it_has_a_run_in_every_state(stack: LivingStack) -> None:
    assert {row.status for row in stack.runs} == set(get_args(RunStatus.__value__))
    assert {None, "schedule", "webhook", "http"} >= {row.run.trigger for row in stack.runs}


def test_agents_have_replied_never_replied_or_are_awaited(stack: LivingStack) -> None:
    awaiting = [row for row in stack.runs if row.await_reply]

    assert [row for row in awaiting if row.replied_at]
    assert [row for row in awaiting if row.reply_overdue_at]
    assert [row for row in awaiting if not (row.replied_at or row.reply_overdue_at)]


def test_an_automation_is_done_disabled_paused_and_out_of_budget(stack: LivingStack) -> None:
    assert stack.row("launch-note").state == "done"
    assert not stack.row("quiet-hours").automation.trigger.enabled
    assert [stack.row(name).pauses.at(NOON) is not None for name in ("month-end-close", "member-welcome")] == [True] * 2


def test_a_receiver_fails_and_another_one_gets_all_events(stack: LivingStack) -> None:
    rows = {row.name: row for row in stack.app.subscriptions.list()}

    assert rows["old-crm"].open_until is not None
    assert rows["crm"].last_success_at is not None


def test_nothing_but_the_clock_lets_it_go_on(stack: LivingStack) -> None:
    before = len(stack.runs)

    stack.work()

    assert len(stack.runs) == before


def test_many_automations_and_runs_are_as_if_they_had_happened() -> None:
    stack = StackInMemory()
    many_automations(stack, 60)
    many_runs(stack, 600)

    api = HttpCaller(create_api(stack.app).resolve)
    usage = api("GET", "/usage", query="by=day").json
    assert (len(stack.runs), usage["total"]["runs"]["total"], usage["total"]["runs"]["failed"]) == (600, 600, 30)
    assert len(api("GET", "/automations", query="limit=100").json["data"]) == 60
    assert api("GET", "/runs", query="limit=1").json["data"][0]["created_at"].startswith("2026-11-20T12:00")


def test_an_event_for_trial_reaches_the_webhook_of_the_stack(stack: LivingStack) -> None:
    api = HttpCaller(create_api(stack.app).resolve)

    answer = api("POST", "/events/test", {"type": "payment.failed", "data": {"amount": 20, "user": {"name": "Bob"}}})

    assert answer.status == 200
    assert len(answer.json["run_ids"]) == 1
