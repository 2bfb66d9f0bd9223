"""``/automations/preview`` and ``/automations/{name}/preview``: the next times of a schedule."""

from datetime import datetime
from itertools import pairwise

import pytest

from aichats.api.app import create_api
from tests.support.automations import listening, scheduled
from tests.support.fakes import Json, ScriptedTransport
from tests.support.lambda_calls import HttpCaller, make_application

NEW_YEAR = {"type": "schedule", "expression": "cron(0 9 1 1 ? 2100-2104)", "timezone": "America/New_York"}


@pytest.fixture
def api() -> HttpCaller:
    return HttpCaller(create_api(make_application(ScriptedTransport())).resolve)


def test_a_schedule_that_is_not_stored_is_previewed_as_a_bare_array(api: HttpCaller) -> None:
    answer = api("POST", "/automations/preview", NEW_YEAR, query="count=2")

    assert answer.status == 200
    assert answer.json == [
        {"utc": "2100-01-01T14:00:00Z", "local": "2100-01-01T09:00:00-05:00"},
        {"utc": "2101-01-01T14:00:00Z", "local": "2101-01-01T09:00:00-05:00"},
    ]
    assert api("GET", "/automations").json["data"] == []


def test_a_stored_schedule_is_previewed_alike(api: HttpCaller) -> None:
    api("PUT", "/automations/yearly", scheduled() | {"trigger": NEW_YEAR})

    stored = api("GET", "/automations/yearly/preview", query="count=3")

    assert stored.json == api("POST", "/automations/preview", NEW_YEAR, query="count=3").json
    assert len(stored.json) == 3


def test_one_that_is_switched_off_is_previewed_too(api: HttpCaller) -> None:
    off = NEW_YEAR | {"enabled": False}
    api("PUT", "/automations/yearly", scheduled() | {"trigger": off})

    assert len(api("GET", "/automations/yearly/preview").json) == 5
    assert len(api("POST", "/automations/preview", off).json) == 5


def test_fewer_times_are_returned_if_the_schedule_ends(api: HttpCaller) -> None:
    assert len(api("POST", "/automations/preview", NEW_YEAR, query="count=100").json) == 5
    once = {"type": "schedule", "expression": "at(2100-01-01T09:00:00)", "timezone": "Asia/Tokyo"}
    assert api("POST", "/automations/preview", once, query="count=100").json == [
        {"utc": "2100-01-01T00:00:00Z", "local": "2100-01-01T09:00:00+09:00"}
    ]


@pytest.mark.parametrize(("query", "count"), [("", 5), ("count=1", 1), ("count=100", 100)])
def test_the_number_of_times_is_the_one_in_the_query(api: HttpCaller, query: str, count: int) -> None:
    trigger = {"type": "schedule", "expression": "rate(90 minutes)"}

    times = [
        datetime.fromisoformat(each["utc"]) for each in api("POST", "/automations/preview", trigger, query=query).json
    ]

    assert len(times) == count
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(times)} <= {5400.0}
    assert times[0].second == 0


def test_a_rate_keeps_its_beat_from_one_preview_to_the_next(api: HttpCaller) -> None:
    api("PUT", "/automations/often", scheduled("rate(7 days)", start="2020-01-01T00:00:30Z"))

    times = [datetime.fromisoformat(each["utc"]) for each in api("GET", "/automations/often/preview").json]

    start = datetime.fromisoformat("2020-01-01T00:00:30Z")
    assert {(time - start).total_seconds() % (7 * 86400) for time in times} == {0.0}


@pytest.mark.parametrize("query", ["count=0", "count=101", "count=-1", "count=x", "count=", "count=1&count=2"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_count_outside_of_1_to_100_is_rejected(api: HttpCaller, method: str, query: str) -> None:
    api("PUT", "/automations/yearly", scheduled() | {"trigger": NEW_YEAR})
    path, body = ("/automations/yearly/preview", None) if method == "GET" else ("/automations/preview", NEW_YEAR)

    answer = api(method, path, body, query=query)

    assert (answer.status, answer.fields) == (422, ["count"])


def test_an_automation_that_listens_to_events_has_no_times(api: HttpCaller) -> None:
    api("PUT", "/automations/heard", listening())

    answer = api("GET", "/automations/heard/preview")

    assert (answer.status, answer.fields) == (422, ["name"])
    assert "listens for events" in answer.json["detail"]


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        ({"type": "schedule", "expression": "cron(0 9 30 2 ? *)"}, "expression"),
        ({"type": "schedule", "expression": "at(2020-01-01T09:00:00)"}, "expression"),
        ({"type": "schedule", "expression": "rate(1 hour)", "timezone": "Mars/Base"}, "timezone"),
        ({"type": "webhook", "events": ["payment.failed"]}, "type"),
    ],
)
def test_a_schedule_that_cannot_be_is_rejected(api: HttpCaller, trigger: Json, field: str) -> None:
    answer = api("POST", "/automations/preview", trigger)

    assert answer.status == 422
    assert field in answer.fields
