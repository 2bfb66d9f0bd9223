"""Budgets over HTTP: written, shown, used up, lifted and raised."""

from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.automations.change_notes import RESUMED_PREFIX
from aichats.aws.table import Table
from aichats.outbox.automation_events import AutomationEvents
from aichats.outbox.stream import ItemChange
from tests.support.budgets import BudgetedStack
from tests.support.fakes import Json
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import dynamodb
from tests.support.runs_api import CREATE
from tests.support.stack_in_memory import NAME, ONE, THREE, TWO, hourly, slot_run

PATH = f"/automations/{NAME}"


@pytest.fixture
def stack() -> BudgetedStack:
    return BudgetedStack()


@pytest.fixture
def api(stack: BudgetedStack) -> HttpCaller:
    return HttpCaller(create_api(stack.app).resolve)


def put(api: HttpCaller, budget: Any, **fields: Any) -> Json:
    answer = api("PUT", PATH, hourly() | {"budget": budget} | fields)
    assert answer.status in (200, 201), answer.body
    stored: Json = answer.json
    return stored


def resumed_note(stack: BudgetedStack) -> Json | None:
    """Return the note that a definition has ended a pause."""
    return Table(dynamodb(), stack.app.automation_table.table, "name").get(f"{RESUMED_PREFIX}{NAME}")


@pytest.mark.parametrize("budget", [{"runs": 2, "per": "day"}, {"tokens": 5000, "per": "month"}])
def test_a_budget_is_shown_as_it_was_written(api: HttpCaller, budget: Json) -> None:
    put(api, budget)

    assert api("GET", PATH).json["budget"] == budget
    assert api("GET", PATH, query="view=input").json["budget"] == budget
    assert api("GET", "/automations").json["data"][0]["budget"] == budget


def test_an_automation_without_a_budget_shows_none(api: HttpCaller) -> None:
    put(api, None)

    assert api("GET", PATH).json["budget"] is None


def test_what_get_returns_can_be_put(api: HttpCaller) -> None:
    etag = put(api, {"runs": 2, "per": "day"})["etag"]

    answer = api("PUT", PATH, api("GET", PATH).json)

    assert (answer.status, answer.json["etag"]) == (200, etag)


def test_a_budget_without_a_limit_is_rejected_with_an_example(api: HttpCaller) -> None:
    answer = api("PUT", PATH, hourly() | {"budget": {"per": "day"}})

    assert answer.status == 422
    assert answer.json["errors"] == [
        {"field": "budget", "message": 'must have runs, tokens or both, such as {"runs": 10, "per": "day"}'}
    ]


def test_a_used_up_budget_is_shown_as_a_pause(api: HttpCaller, stack: BudgetedStack) -> None:
    put(api, {"runs": 1, "per": "day"})
    stack.tick(ONE)
    stack.publish()

    shown = api("GET", PATH).json

    assert shown["state"] == "paused"
    assert shown["paused"] == {
        "from": "2026-11-20T12:00:00Z",
        "until": "2026-11-21T00:00:00Z",
        "by": "budget",
        "at": "2026-11-20T12:00:00Z",
        "reason": "budget",
        "scope": "automation",
    }
    assert shown["next_at"] == "2026-11-21T00:00:00Z"


def test_resuming_lifts_the_budget_until_it_renews(api: HttpCaller, stack: BudgetedStack) -> None:
    put(api, {"runs": 1, "per": "day"})
    stack.tick(ONE)
    stack.publish()
    stack.clock.forward(minutes=1)

    assert api("POST", f"{PATH}/resume").json["state"] == "active"
    assert [stack.tick(slot)[0]["status"] for slot in (TWO, THREE)] == ["succeeded", "succeeded"]


def test_a_raised_budget_resumes(api: HttpCaller, stack: BudgetedStack) -> None:
    put(api, {"runs": 1, "per": "day"})
    stack.tick(ONE)
    stack.publish()
    stack.clock.forward(minutes=1)

    assert put(api, {"runs": 2, "per": "day"})["state"] == "active"
    assert [stack.tick(slot)[0]["status"] for slot in (TWO, THREE)] == ["succeeded", "skipped"]


def test_a_raised_budget_is_an_event_that_the_automation_is_resumed(api: HttpCaller, stack: BudgetedStack) -> None:
    put(api, {"runs": 1, "per": "day"})
    stack.tick(ONE)
    stack.publish()
    stack.clock.forward(minutes=1)
    put(api, {"runs": 1, "per": "day"}, description="still used up")
    assert resumed_note(stack) is None

    put(api, {"runs": 2, "per": "day"})
    put(api, {"runs": 3, "per": "day"})

    note = resumed_note(stack) or {}
    [entry] = AutomationEvents("stack", "automations").entries(ItemChange(note["name"], {}, note))
    assert entry.event is not None
    assert entry.event.type == "automation.resumed"
    shown = {name: entry.event.data[name] for name in ("automation", "version", "reason", "until")}
    until = "2026-11-21T00:00:00.000Z"
    assert shown == {"automation": NAME, "version": 3, "reason": "budget", "until": until}


def test_a_person_may_run_an_automation_whose_budget_is_used_up(api: HttpCaller, stack: BudgetedStack) -> None:
    put(api, {"runs": 1, "per": "day"})
    stack.tick(ONE)
    stack.tick(TWO)
    stack.publish()

    assert api("POST", f"{PATH}/run").status == 202
    assert api("POST", f"/runs/{slot_run(TWO)}/replay").status == 202
    stack.work()
    assert stack.statuses() == {"succeeded": 3}
    assert stack.counter("2026-11-20")["runs"] == 1


def test_while_the_budget_of_the_stack_is_used_up_nothing_can_be_started(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.limit({"runs": 1})
    put(api, None)
    stack.tick(ONE)
    stack.publish()

    answer = api("POST", "/runs", {"action": CREATE, "targets": ["biz_A"]})

    assert (answer.status, answer.json["type"].rpartition("#")[2]) == (503, "stack-paused")
    assert answer.json["detail"].startswith("the stack is paused until 2026-11-21T00:00:00Z, because its budget")
    assert answer.headers["retry-after"] == str(12 * 3600)
    assert api("GET", "/pause").json["paused"]["by"] == "budget"
