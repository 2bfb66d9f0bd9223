"""``GET /events``: the events that aichats has sent, to list or to follow."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from tests.support.fakes import FakeSecretsManager, Json, ScriptedTransport
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    SECRETS,
    Answer,
    HttpCaller,
    make_application,
    stored_caller,
)
from tests.support.ledgers import Clock
from tests.support.waiting import turns

SCOPES = ("runs:read", "automations:read")


class EventsApi:
    """The API, events to store, and a client that is limited to ``biz_A``."""

    def __init__(self) -> None:
        callers = {
            "local": stored_caller(LOCAL, *SCOPES),
            "agency": stored_caller("limited", *SCOPES) | {"companies": ["biz_A"]},
            "runs": stored_caller("runs", "runs:read"),
        }
        self.clock = Clock()
        secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers})
        self.app: Application = make_application(ScriptedTransport(), secrets, clock=self.clock)
        self.call = HttpCaller(create_api(self.app).resolve)

    def store(self, name: str, type_: str = "run.failed", *, ago: float = 0, **data: Any) -> None:
        time = self.clock.now - timedelta(seconds=ago)
        self.app.event_log.store([Entry.of(SentEvent(event_id(name), type_, time, "stack", {"name": name, **data}))])

    def get(self, query: str = "", **options: Any) -> Answer:
        return self.call("GET", "/events", query=query, **options)

    def names(self, query: str = "", **options: Any) -> list[str]:
        answer = self.get(query, **options)
        assert answer.status == 200, answer.body
        return [event["data"]["name"] for event in answer.json["data"]]


@pytest.fixture
def api() -> EventsApi:
    return EventsApi()


def test_events_are_listed_as_receivers_get_them_oldest_first(api: EventsApi) -> None:
    api.store("a", ago=10, run_id="1" * 32)
    api.store("b", "automation.paused")

    page = api.get().json

    assert page["data"][0] == {
        "id": event_id("a"),
        "type": "run.failed",
        "version": 1,
        "timestamp": "2026-11-20T11:59:50.000Z",
        "stack": "stack",
        "data": {"name": "a", "run_id": "1" * 32},
    }
    assert [event["type"] for event in page["data"]] == ["run.failed", "automation.paused"]
    assert page["has_more"] is False
    assert page["next_cursor"]


def test_the_next_cursor_returns_only_what_has_come_since(api: EventsApi) -> None:
    api.store("a", ago=1)
    cursor = api.get().json["next_cursor"]
    assert api.names(f"cursor={cursor}") == []
    api.clock.forward(seconds=5)
    api.store("b")

    assert api.names(f"cursor={cursor}") == ["b"]


def test_a_client_that_follows_gets_an_event_that_appears_before_the_last_one(api: EventsApi) -> None:
    api.store("new")
    cursor = api.get().json["next_cursor"]
    api.store("old", ago=5)

    page = api.get(f"cursor={cursor}").json

    assert [event["data"]["name"] for event in page["data"]] == ["old", "new"]
    assert api.names(f"cursor={page['next_cursor']}") == []


def test_a_client_that_follows_gets_an_event_that_is_stored_hours_late(api: EventsApi) -> None:
    cursor = api.get("since=2026-11-20T11:55:00Z").json["next_cursor"]
    api.clock.forward(minutes=10)
    api.store("new")
    api.store("late", ago=3 * 3600)

    page = api.get(f"cursor={cursor}").json

    assert [event["data"]["name"] for event in page["data"]] == ["late", "new"]
    assert api.names(f"cursor={page['next_cursor']}") == []


def test_a_late_event_that_is_found_twice_is_shown_once_in_a_page(api: EventsApi) -> None:
    api.store("new")
    cursor = api.get().json["next_cursor"]
    api.store("late", ago=30)

    assert api.names(f"cursor={cursor}") == ["late", "new"]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_have_at_most_the_limit_and_say_whether_there_is_more(api: EventsApi, limit: int) -> None:
    for number in range(5):
        api.store(str(number), ago=80 - number)
    names, query, has_more, turn = [], f"limit={limit}", True, turns()
    while has_more:
        next(turn)
        page = api.get(query).json
        assert len(page["data"]) <= limit
        names += [event["data"]["name"] for event in page["data"]]
        query, has_more = f"limit={limit}&cursor={page['next_cursor']}", page["has_more"]

    assert list(dict.fromkeys(names)) == list("01234")


def test_types_and_groups_select_events(api: EventsApi) -> None:
    for type_ in ("run.failed", "run.succeeded", "connection.broken"):
        api.store(type_, type_)

    assert set(api.names("type=run.*")) == {"run.failed", "run.succeeded"}
    assert set(api.names("type=run.failed,connection.*")) == {"run.failed", "connection.broken"}


def test_the_events_of_one_run_are_selected(api: EventsApi) -> None:
    api.store("a", run_id="1" * 32)
    api.store("b", run_id="2" * 32)
    api.store("c", "automation.paused")

    assert api.names("run_id=" + "2" * 32) == ["b"]


def test_a_time_span_has_an_end_without_a_cursor(api: EventsApi) -> None:
    for number in range(4):
        api.store(str(number), ago=3600 - number)
    span = "since=2026-11-20T11:00:01Z&until=2026-11-20T11:00:02Z"

    first = api.get(f"{span}&limit=1").json
    rest = api.get(f"{span}&cursor={first['next_cursor']}").json

    assert [event["data"]["name"] for event in [*first["data"], *rest["data"]]] == ["1", "2"]
    assert (first["has_more"], rest["has_more"], rest["next_cursor"]) == (True, False, None)


def test_by_default_the_events_of_the_last_24_hours_are_listed(api: EventsApi) -> None:
    api.store("yesterday", ago=25 * 3600)
    api.clock.forward(minutes=10)
    api.store("today", ago=23 * 3600)
    api.clock.forward(minutes=10)

    assert api.names() == ["today"]


def test_a_client_whose_clock_is_fast_misses_no_event(api: EventsApi) -> None:
    cursor = api.get("since=2026-11-20T12:10:00Z").json["next_cursor"]
    api.clock.forward(seconds=5)
    api.store("soon")

    assert api.names(f"cursor={cursor}") == ["soon"]


@pytest.mark.parametrize(
    ("query", "field", "problem"),
    [
        ("type=run.fialed", "type", "did you mean run.failed?"),
        ("type=", "type", "is not an event of aichats"),
        ("limit=0", "limit", "1"),
        ("run_id=x", "run_id", ""),
        ("since=yesterday", "since", "time"),
        ("since=2026-11-20T11:00:01Z&until=2026-11-20T11:00:00Z", "since", "must not be after until"),
        ("cursor=x", "cursor", "use `next_cursor` from the previous page"),
    ],
)
def test_bad_input_is_rejected_with_the_field(api: EventsApi, query: str, field: str, problem: str) -> None:
    answer = api.get(query)

    assert (answer.status, answer.fields) == (422, [field])
    assert problem in answer.json["detail"]


@pytest.mark.parametrize(
    "key",
    [
        "usage#2026-11-20",
        "2026-13-45T00:00:00.000Z",
        "",
        "2026-11-20T12:00:00.000Z#" + "x" * 100,
        "2026-02-30T00:00:00Z",
    ],
)
def test_a_cursor_that_we_did_not_write_is_rejected(api: EventsApi, key: str) -> None:
    assert api.get(f"cursor={cursor_of(key)}").status == 422


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_cursor_of_a_day_without_events_costs_no_search_of_centuries(api: EventsApi, day: str) -> None:
    answer = api.get(f"cursor={cursor_of(f'{day}T00:00:00.000Z')}")

    assert (answer.status, answer.json["data"]) == (200, [])


def cursor_of(key: str) -> str:
    position: list[Json | str | int] = ["2000-01-01T00:00:00.000Z", key, 0]
    return base64.urlsafe_b64encode(json.dumps({"events": position, "late": position}).encode()).decode().rstrip("=")


def test_reading_events_needs_both_scopes(api: EventsApi) -> None:
    answer = api.get(token="Bearer runs")

    assert (answer.status, answer.json["type"].rpartition("#")[2]) == (403, "missing-scope")
    assert "automations:read" in answer.json["detail"]


def test_a_limited_client_gets_only_the_events_of_runs_for_its_companies(api: EventsApi) -> None:
    whop: Json = {"action": "whop.create_chat"}
    kodey: Json = {"action": "kodey.create_chat"}
    api.store("own", target="biz_A", **whop)
    api.store("other", target="biz_B", **whop)
    api.store("none", target=None, **whop)
    api.store("kodey", target="biz_A", **kodey)
    api.store("slot", "slot.finished", automation="weekly")
    api.store("automation", "automation.created", automation="weekly", target="biz_A", **whop)
    api.store("connection", "connection.broken", connection="agency")
    api.store("late", target="biz_B", ago=3600, **whop)

    assert api.names(token="Bearer limited") == ["own"]
    assert len(api.names()) == 8
