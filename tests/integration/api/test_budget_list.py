"""``GET /budgets``: what is used of each budget, whether it is used up, and until when it pauses."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.api.callers import CALLERS
from tests.support.budgets import BudgetedStack, listener
from tests.support.fakes import Json
from tests.support.lambda_calls import CALLERS_SECRET, HttpCaller, stored_caller
from tests.support.stack_in_memory import NAME, ONE, TWO, hourly

PERIOD = {"per": "day", "since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}


@pytest.fixture
def stack() -> BudgetedStack:
    return BudgetedStack()


@pytest.fixture
def api(stack: BudgetedStack) -> HttpCaller:
    return HttpCaller(create_api(stack.app).resolve)


def budgets(api: HttpCaller, query: str = "", **options: Any) -> list[Json]:
    answer = api("GET", "/budgets", query=query, **options)
    assert answer.status == 200, answer.body
    shown: list[Json] = answer.json["data"]
    return shown


def test_a_new_budget_is_unused(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 2, "per": "day"}})
    stack.put(hourly(), "without")

    assert budgets(api) == [
        {
            "automation": NAME,
            **PERIOD,
            "runs": {"limit": 2, "used": 0},
            "tokens": None,
            "state": "available",
            "paused_until": None,
        }
    ]


def test_runs_and_tokens_are_counted(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 9, "tokens": 100, "per": "month"}})
    stack.tick(ONE)
    stack.tick(TWO)
    stack.publish()
    stack.reply(stack.runs[0].run.run_id, 10)
    stack.publish()

    [shown] = budgets(api)

    assert (shown["runs"], shown["tokens"]) == ({"limit": 9, "used": 2}, {"limit": 100, "used": 10})
    assert (shown["since"], shown["until"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")


def test_a_budget_is_used_up_at_once_and_its_pause_follows(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 1, "per": "day"}})
    stack.tick(ONE)
    assert [(each["state"], each["paused_until"]) for each in budgets(api)] == [("used_up", None)]

    stack.publish()

    assert [(each["state"], each["paused_until"]) for each in budgets(api)] == [("used_up", "2026-11-21T00:00:00Z")]


def test_tokens_alone_can_use_a_budget_up_and_exceed_it(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 9, "tokens": 5, "per": "day"}})
    stack.tick(ONE)
    stack.publish()
    stack.reply(stack.runs[0].run.run_id, 7)
    stack.publish()

    [shown] = budgets(api)

    assert (shown["tokens"], shown["state"]) == ({"limit": 5, "used": 7}, "used_up")


def test_a_resumed_budget_is_lifted_until_it_renews(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 1, "per": "day"}})
    stack.tick(ONE)
    stack.publish()
    stack.clock.forward(minutes=1)
    api("POST", f"/automations/{NAME}/resume")
    assert [(each["state"], each["paused_until"]) for each in budgets(api)] == [("lifted", None)]

    stack.clock.now = datetime(2026, 11, 21, tzinfo=UTC)

    assert [(each["state"], each["runs"]["used"]) for each in budgets(api)] == [("available", 0)]


def test_a_pause_by_a_person_is_none_of_the_budget(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly() | {"budget": {"runs": 1, "per": "day"}})
    api("POST", f"/automations/{NAME}/pause")

    assert budgets(api)[0]["paused_until"] is None


def test_the_budget_of_the_stack_comes_first_without_a_name(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.limit({"runs": 2})
    stack.put(hourly() | {"budget": {"runs": 9, "per": "day"}}, "a")
    stack.tick(ONE, "a")
    stack.tick(TWO, "a")
    stack.publish()
    stack.app.stack_pause.pauses(stack.clock.forward(minutes=1))

    shown, own = budgets(api)

    assert shown == {
        "automation": None,
        **PERIOD,
        "runs": {"limit": 2, "used": 2},
        "tokens": None,
        "state": "used_up",
        "paused_until": "2026-11-21T00:00:00Z",
    }
    assert (own["automation"], own["paused_until"]) == ("a", None)


def test_a_stack_without_budgets_has_an_empty_list(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(hourly())

    assert api("GET", "/budgets").json == {"data": [], "next_cursor": None}


def test_pages_go_by_name_and_only_the_first_has_the_stack(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.limit({"tokens": 5})
    for name in "cab":
        stack.put(listener(), name)
    stack.put(hourly(), "bb")

    first = api("GET", "/budgets", query="limit=2").json
    second = api("GET", "/budgets", query=f"limit=2&cursor={first['next_cursor']}").json

    assert [each["automation"] for each in first["data"]] == [None, "a", "b"]
    assert ([each["automation"] for each in second["data"]], second["next_cursor"]) == (["c"], None)


def test_a_page_that_ends_with_the_last_budget_is_the_last(api: HttpCaller, stack: BudgetedStack) -> None:
    stack.put(listener(), "a")
    stack.put(hourly(), "b")

    assert api("GET", "/budgets", query="limit=1").json["next_cursor"] is None


def test_a_limited_client_sees_the_budgets_of_its_own_automations(api: HttpCaller, stack: BudgetedStack) -> None:
    caller = stored_caller("agency", "runs:read") | {"companies": ["biz_A"]}
    stack.secrets.values[CALLERS_SECRET] = {"agency": caller}
    stack.app.secrets.read_again(CALLERS_SECRET, CALLERS)
    stack.limit({"runs": 2})
    budget = {"budget": {"runs": 9, "per": "day"}}
    stack.put(hourly("biz_A") | budget, "own")
    stack.put(hourly("biz_B") | budget, "other")
    stack.put(listener(), "events")

    assert [each["automation"] for each in budgets(api, token="Bearer agency")] == ["own"]
