"""The stack that people look at: it has something of every kind that the console shows."""

from typing import get_args

import pytest

from aichats.runs.ledger.rows import RunStatus
from tests.support.console_life import LivingStack
from tests.support.console_world import lively_stack
from tests.support.ledgers import NOON


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
