"""``GET /upcoming``: the next times of all automations, in pages that stay the same while time passes."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from aichats.api.app import create_api
from tests.support.automations import listening, scheduled
from tests.support.fakes import Json
from tests.support.lambda_calls import HttpCaller
from tests.support.ledgers import NOON
from tests.support.stack_in_memory import StackInMemory

LAMBDA_LIMIT = 6_000_000


@pytest.fixture
def api(stack: StackInMemory) -> HttpCaller:
    return HttpCaller(create_api(stack.app).resolve)


def daily(hour: int, minute: int = 0, **trigger: Any) -> Json:
    """Return the definition of an automation that fires every day."""
    return scheduled(f"cron({minute} {hour} * * ? *)", **trigger)


def names(answer: Mapping[str, list[Json]]) -> list[str]:
    return [each["automation"] for each in answer["data"]]


def times(automation: Json) -> list[str]:
    return [time["utc"] for time in automation["times"]]


def upcoming(api: HttpCaller, query: str = "") -> Json:
    answer = api("GET", "/upcoming", query=query)
    assert answer.status == 200, answer.body
    shown: Json = answer.json
    return shown


def test_the_times_of_the_next_24_hours_are_shown_in_both_zones(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(daily(9, timezone="America/New_York") | {"targets": ["biz_A", "biz_B"]}, "report")

    assert upcoming(api) == {
        "since": "2026-11-20T12:00:00Z",
        "until": "2026-11-21T12:00:00Z",
        "data": [
            {
                "automation": "report",
                "expression": "cron(0 9 * * ? *)",
                "timezone": "America/New_York",
                "targets": 2,
                "times": [{"utc": "2026-11-20T14:00:00Z", "local": "2026-11-20T09:00:00-05:00"}],
                "more": False,
            }
        ],
        "next_cursor": None,
    }


def test_automations_come_by_their_first_time_and_then_by_name(api: HttpCaller, stack: StackInMemory) -> None:
    for name, hour in (("c", 14), ("a", 15), ("b", 14), ("d", 13)):
        stack.put(daily(hour), name)

    assert names(upcoming(api)) == ["d", "b", "c", "a"]


def test_the_last_moment_of_the_window_counts_and_now_does_not(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(daily(NOON.hour), "noon")
    stack.put(daily(13), "one")

    assert times(upcoming(api)["data"][1]) == ["2026-11-21T12:00:00Z"]
    assert names(upcoming(api, "until=2026-11-21T11:59:59Z")) == ["one"]


def test_until_makes_the_window_longer(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(daily(13), "one")

    assert len(times(upcoming(api, "until=2026-11-27T12:00:00Z")["data"][0])) == 7


@pytest.mark.parametrize("until", ["2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "2026-11-27T12:00:01Z"])
def test_a_window_in_the_past_or_of_more_than_7_days_is_rejected(api: HttpCaller, until: str) -> None:
    answer = api("GET", "/upcoming", query=f"until={until}")

    assert (answer.status, answer.fields) == (422, ["until"])
    assert answer.json["detail"] == "until: must be in the future, by at most 7 days"


def test_what_does_not_fire_in_the_window_is_left_out(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(daily(13, enabled=False), "off")
    stack.put(listening(), "events")
    stack.put(scheduled("cron(0 9 1 1 ? 2100)"), "rare")
    stack.put(daily(13), "deleted")
    stack.app.automation_table.begin_delete("deleted")

    assert upcoming(api)["data"] == []


def test_times_in_a_pause_are_left_out(api: HttpCaller, stack: StackInMemory) -> None:
    stack.put(scheduled("rate(1 hour)", start="2026-11-20T00:00:00Z"), "hourly")
    stack.put(daily(13), "one")
    api("POST", "/automations/hourly/pause", {"from": "2026-11-20T13:00:00Z", "until": "2026-11-20T15:00:00Z"})
    assert names(upcoming(api)) == ["one", "hourly"]

    api("POST", "/pause", {"from": "2026-11-20T12:30:00Z", "until": "2026-11-20T17:00:00Z"})
    shown = upcoming(api)

    assert names(shown) == ["hourly"]
    assert times(shown["data"][0])[0] == "2026-11-20T17:00:00Z"


def test_only_the_first_50_times_are_shown(api: HttpCaller, stack: StackInMemory) -> None:
    for name, minutes in (("fifty", 28), ("more", 1)):
        stack.put(scheduled(f"rate({minutes} minutes)", start="2026-11-20T12:01:00Z"), name)
    stack.put(scheduled("rate(1 minute)", start="2026-11-20T12:01:00Z", end="2026-11-20T12:51:00Z"), "whole")

    shown = {each["automation"]: (len(each["times"]), each["more"]) for each in upcoming(api)["data"]}

    assert shown == {"fifty": (50, True), "more": (50, True), "whole": (50, False)}


def test_pages_are_those_of_the_first_request_although_time_passes(api: HttpCaller, stack: StackInMemory) -> None:
    for number in range(7):
        stack.put(daily(13, number // 2), f"n{number}")
    stack.put(daily(12, 30), "late")

    page = upcoming(api, "limit=3&until=2026-11-20T14:00:00Z")
    seen, window = names(page), (page["since"], page["until"])
    while page["next_cursor"]:
        # The first times of all automations pass meanwhile.
        stack.clock.forward(minutes=50)
        page = upcoming(api, f"limit=3&cursor={page['next_cursor']}")
        seen += names(page)
        assert (page["since"], page["until"]) == window

    assert seen == ["late", *(f"n{number}" for number in range(7))]


def test_a_page_begins_after_the_cursor_even_if_its_automation_is_gone(api: HttpCaller, stack: StackInMemory) -> None:
    for name in "abc":
        stack.put(daily(13), name)
    cursor = upcoming(api, "limit=2")["next_cursor"]
    stack.app.automation_table.begin_delete("b")

    assert names(upcoming(api, f"cursor={cursor}")) == ["c"]


@pytest.mark.parametrize("cursor", ["x", "e30", "%22%22"])
def test_another_cursor_is_rejected(api: HttpCaller, cursor: str) -> None:
    answer = api("GET", "/upcoming", query=f"cursor={cursor}")

    assert (answer.status, answer.fields) == (422, ["cursor"])


def test_the_largest_page_fits_into_an_answer(api: HttpCaller, stack: StackInMemory) -> None:
    # 256 characters are the limit of AWS for an expression, and 64 ours for a name.
    expression = f"cron({','.join(map(str, range(60)))}".ljust(246) + "* * * ? *)"
    for number in range(100):
        stack.put(scheduled(expression, timezone="America/Argentina/ComodRivadavia"), f"{number:0>64}")

    answer = api("GET", "/upcoming", query="limit=100")

    assert {len(each["times"]) for each in answer.json["data"]} == {50}
    assert 300_000 < len(answer.body) < LAMBDA_LIMIT / 10


def test_the_window_covers_a_change_of_the_clocks(api: HttpCaller, stack: StackInMemory) -> None:
    stack.clock.now = datetime.fromisoformat("2027-03-14T00:00:00-05:00")
    stack.put(scheduled("cron(30 0-4 * * ? *)", timezone="America/New_York"), "nightly")

    shown = upcoming(api, "until=2027-03-14T12:00:00Z")["data"][0]["times"]

    # 02:30 does not exist.
    assert [time["local"][11:] for time in shown] == [
        "00:30:00-05:00",
        "01:30:00-05:00",
        "03:30:00-04:00",
        "04:30:00-04:00",
    ]
    assert timedelta(hours=1) == datetime.fromisoformat(shown[2]["utc"]) - datetime.fromisoformat(shown[1]["utc"])
