"""JSON types are never converted. A query has numbers and truth values in the form of JSON."""

import pytest

from aichats.errors import InputError
from aichats.runs.schedule_models import ScheduleEvent, ScheduleTick
from aichats.validation import parse_strictly
from tests.support.automations import listening, scheduled
from tests.support.fakes import Json, ScriptedTransport, page
from tests.support.lambda_calls import HttpCaller, call_api, make_application
from tests.support.runs_api import CREATE, MUTE

NOON = "2026-11-20T12:00:00Z"
EVENT = {"automation": "weekly", "scheduled_time": NOON, "action": CREATE, "targets": [None]}


@pytest.fixture(scope="module")
def api() -> HttpCaller:
    return call_api(ScriptedTransport())


def trigger(definition: Json, **changes: object) -> Json:
    return definition | {"trigger": definition["trigger"] | changes}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "/automations/weekly", trigger(scheduled(), enabled="off"), "trigger.enabled"),
        ("PUT", "/automations/weekly", trigger(scheduled(), enabled=1), "trigger.enabled"),
        ("PUT", "/automations/weekly", trigger(listening(), enabled="yes"), "trigger.enabled"),
        ("PUT", "/automations/weekly", trigger(scheduled(), end=4102444800), "trigger.end"),
        ("PUT", "/automations/weekly", trigger(scheduled(), end="4102444800"), "trigger.end"),
        ("PUT", "/automations/weekly", scheduled() | {"description": 5}, "description"),
        ("PUT", "/automations/weekly", scheduled() | {"missed": True}, "missed"),
        ("POST", "/automations/preview", scheduled()["trigger"] | {"enabled": 0}, "enabled"),
        ("POST", "/runs", {"action": MUTE, "targets": [5]}, "targets.0"),
        ("POST", "/runs", {"action": CREATE | {"title": 5}, "targets": ["biz_A"]}, "action.title"),
        ("POST", "/chats", {"message_text": "Hi", "title": True}, "title"),
        ("PATCH", "/chats/aich_1", {"title": 1.0}, "title"),
        ("POST", "/kodey/chats", {"agent_id": 5, "message_text": "Hi"}, "agent_id"),
        ("POST", "/kodey/chats", {"agent_id": "a", "message_text": "Hi", "metadata": "{}"}, "metadata"),
        (
            "POST",
            "/chats/notification-preference",
            {"notification_preference": "none", "ids": ["aich_1"], "until": 4102444800},
            "until",
        ),
    ],
    ids=lambda value: str(value)[-60:],
)
def test_a_value_of_another_type_is_422_that_names_the_field(
    api: HttpCaller, method: str, path: str, body: Json, field: str
) -> None:
    answer = api(method, path, body)

    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("number", ["1.0", "01", "+1", "%201", "1_0", "1e1", "true", "\u0661", "0x1", "-0"])
@pytest.mark.parametrize(
    ("path", "name"), [("/runs", "limit"), ("/chats", "first"), ("/chats", "last"), ("/automations/x/preview", "count")]
)
def test_a_number_in_a_query_is_written_as_json_writes_it(api: HttpCaller, path: str, name: str, number: str) -> None:
    answer = api("GET", path, query=f"{name}={number}")

    assert (answer.status, answer.fields) == (422, [name])


@pytest.mark.parametrize("value", ["on", "1", "yes", "TRUE", "t", ""])
def test_a_truth_value_in_a_query_is_true_or_false(api: HttpCaller, value: str) -> None:
    assert api("GET", "/chats", query=f"only_active_crons={value}").fields == ["only_active_crons"]


@pytest.mark.parametrize("time", ["1700000000", "1700000000000", "2026-11-20"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_time_in_a_query_is_no_number_and_no_day(api: HttpCaller, name: str, time: str) -> None:
    assert api("GET", "/runs", query=f"{name}={time}").fields == [name]


def test_what_is_written_right_is_taken() -> None:
    whop = ScriptedTransport(page(), page())
    api = call_api(whop)

    assert api("GET", "/chats", query="first=10&only_active_crons=true").status == 200
    assert api("GET", "/chats", query="last=1&only_active_crons=false").status == 200
    assert [request.url.params["only_active_crons"] for request in whop.requests] == ["true", "false"]
    assert api("PUT", "/automations/weekly", trigger(scheduled(), enabled=False, end="2099-01-01T00:00:00Z")).status
    assert api("GET", "/automations/weekly/preview", query="count=2").status == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scheduled_time": 1795176000}, "scheduled_time"),
        ({"targets": "biz_A"}, "targets"),
        ({"targets": [5]}, "targets.0"),
        ({"automation": 5}, "automation"),
        ({"action": CREATE | {"title": 5}}, "action.title"),
    ],
)
def test_the_event_of_a_schedule_is_as_strict(changes: Json, field: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_strictly(ScheduleEvent, EVENT | changes)

    assert [problem[0] for problem in caught.value.problems] == [field]


def test_the_event_of_a_schedule_is_read_as_before() -> None:
    app = make_application(ScriptedTransport())

    assert parse_strictly(ScheduleTick, {"automation": "weekly", "scheduled_time": NOON}).slot == NOON
    assert [run.slot for run in app.schedule_events.runs_of(EVENT)] == [NOON]
