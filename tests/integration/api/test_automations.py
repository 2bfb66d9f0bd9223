"""``/automations``: create, get, change and delete automations together with their schedules."""

import json
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aichats.api.app import create_api
from aichats.api.routes import automations
from aichats.aws.errors import NoResponseError
from aichats.bootstrap import Application
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.fakes import FakeSecretsManager, Json, aws_error
from tests.support.lambda_calls import CALLERS_SECRET, SECRETS, Answer, HttpCaller, make_application, stored_caller
from tests.support.whop_in_memory import WhopInMemory

PATH = "/automations/weekly"
SCHEDULE = "dev-automation-weekly"
UNMUTE: Json = {
    "trigger": {"type": "schedule", "expression": "at(2100-01-01T09:00:00)"},
    "action": {"type": "whop.update_chat", "notification_preference": "all"},
    "targets": ["aich_1"],
}
BY_EVENT = listening("payment.failed", targets=("{{ event.account_id }}",), filter="data.amount > `5`")


@pytest.fixture
def app(scheduler: FakeScheduler) -> Application:
    return make_application(WhopInMemory(), scheduler=scheduler)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def put(api: HttpCaller, definition: Json, path: str = PATH, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api("PUT", path, definition, headers=named)


# ---------------------------------------------------------------------------------------------- written and read


def test_a_new_automation_is_created_with_its_schedule(api: HttpCaller, scheduler: FakeScheduler) -> None:
    answer = put(api, scheduled("cron(0 9 ? * MON *)", timezone="America/New_York"))

    assert answer.status == 201
    assert answer.headers["location"] == PATH
    assert answer.headers["etag"].startswith('"')
    shown = {"name": "weekly", "state": "active", "warnings": []}
    assert answer.json | shown == answer.json
    assert datetime.fromisoformat(answer.json["next_at"]) > datetime.now(UTC)
    schedule = scheduler.schedules[SCHEDULE]
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("cron(0 9 ? * MON *)", "ENABLED")
    assert schedule["ScheduleExpressionTimezone"] == "America/New_York"


def test_the_very_same_again_changes_nothing(api: HttpCaller, scheduler: FakeScheduler) -> None:
    first = put(api, scheduled("rate(5 minutes)"))
    before = dict(scheduler.schedules)

    again = put(api, scheduled("rate(5 minutes)"))

    assert (again.status, again.headers["etag"]) == (200, first.headers["etag"])
    assert again.headers["location"] == PATH
    assert again.json == first.json
    assert scheduler.schedules == before


def test_a_change_has_an_etag_of_its_own_and_changes_the_schedule(api: HttpCaller, scheduler: FakeScheduler) -> None:
    first = put(api, scheduled("rate(5 minutes)"))

    changed = put(api, scheduled("rate(5 minutes)", enabled=False))

    assert changed.status == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert scheduler.schedules[SCHEDULE]["State"] == "DISABLED"


def test_what_becomes_a_webhook_has_no_schedule_any_more(api: HttpCaller, scheduler: FakeScheduler) -> None:
    put(api, scheduled())

    assert put(api, BY_EVENT).status == 200
    assert scheduler.schedules == {}


@pytest.mark.parametrize(
    "definition",
    [
        scheduled(start="2100-01-01T09:00:00+01:00", end="2101-01-01T09:00:00Z", timezone="Europe/Berlin"),
        scheduled("rate(3 days)", enabled=False),
        UNMUTE,
        UNMUTE | {"action": {"type": "whop.update_chat", "title": None}},
        BY_EVENT,
        scheduled(message="{{ slot.week }} of {{ target || 'nobody' }}") | {"targets": [None, "biz_A", "biz_A"]},
        scheduled() | {"action": {"type": "kodey.send_message", "content": "Hello?"}, "targets": ["chat_1"]},
        scheduled() | {"missed": "run", "description": "Every Monday"},
    ],
)
def test_what_is_read_can_be_put_back_and_is_the_same(api: HttpCaller, definition: Json) -> None:
    written = put(api, definition)
    assert written.status == 201

    read = api("GET", PATH)
    back = put(api, read.json, if_match=read.headers["etag"])

    assert read.headers["etag"] == written.headers["etag"]
    assert (back.status, back.headers["etag"]) == (200, written.headers["etag"])
    assert back.json == written.json
    assert {name: written.json[name] for name in read.json} == read.json
    for field in ("action", "targets"):
        assert read.json[field] == definition[field]


ACTIONS = st.fixed_dictionaries(
    {"type": st.just("whop.update_chat")},
    optional={
        "title": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1, max_size=20),
        "notification_preference": st.sampled_from(["all", "none"]),
        "company_id": st.none() | st.just("biz_A"),
    },
).filter(lambda action: len(action) > 1)
IN_2090 = st.datetimes(datetime.fromisoformat("2090-01-01"), datetime.fromisoformat("2090-12-31T23:59:59"))
TRIGGERS = st.fixed_dictionaries(
    {"type": st.just("schedule"), "expression": st.sampled_from(["cron(0 9 ? * MON *)", "rate(1 hour)"])},
    optional={
        "timezone": st.sampled_from(["UTC", "Australia/Lord_Howe"]),
        "start": st.none() | IN_2090.map(lambda time: f"{time.isoformat(timespec='seconds')}Z"),
        "enabled": st.booleans(),
    },
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trigger=TRIGGERS, action=ACTIONS)
def test_whatever_is_written_can_be_put_back_and_is_the_same(api: HttpCaller, trigger: Json, action: Json) -> None:
    written = put(api, {"trigger": trigger, "action": action, "targets": ["aich_1"]})
    assert written.status in {200, 201}

    read = api("GET", PATH).json

    assert read["action"] == action
    assert put(api, read).headers["etag"] == written.headers["etag"]


def test_the_list_has_each_automation_by_name_with_its_next_time(api: HttpCaller) -> None:
    off = UNMUTE | {"trigger": {**UNMUTE["trigger"], "enabled": False}}
    definitions = {"on": UNMUTE, "off": off, "heard": BY_EVENT}
    etags = {name: put(api, each, f"/automations/{name}").headers["etag"] for name, each in definitions.items()}

    listed = api("GET", "/automations").json["data"]

    assert [(each["name"], each["state"], each["next_at"]) for each in listed] == [
        ("heard", "active", None),
        ("off", "paused", None),
        ("on", "active", "2100-01-01T09:00:00Z"),
    ]
    assert {each["name"]: each["etag"] for each in listed} == etags
    assert listed[2]["action"] == UNMUTE["action"]


def test_what_fired_for_the_last_time_is_done_in_the_list(app: Application, api: HttpCaller) -> None:
    put(api, UNMUTE)
    row = app.automation_table.get("weekly")
    assert row is not None
    app.automation_table.finish(row)

    [listed] = api("GET", "/automations").json["data"]

    assert (listed["state"], listed["next_at"]) == ("done", None)


def test_without_automations_the_list_is_empty(api: HttpCaller) -> None:
    assert api("GET", "/automations").json == {"data": [], "next_cursor": None}


def test_a_list_that_does_not_fit_into_an_answer_goes_on_at_its_cursor(
    api: HttpCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        put(api, UNMUTE, f"/automations/{name}")
    [one, *_] = api("GET", "/automations").json["data"]
    monkeypatch.setattr(automations, "MAX_LIST_BYTES", 2 * len(json.dumps(json.dumps(one))))

    first = api("GET", "/automations").json
    second = api("GET", "/automations", query=f"cursor={first['next_cursor']}").json

    assert ([each["name"] for each in first["data"]], first["next_cursor"]) == (["a", "b"], "b")
    assert ([each["name"] for each in second["data"]], second["next_cursor"]) == (["c"], None)


@pytest.mark.parametrize("character", ["🎉", '"'], ids=["emoji", "quote"])
def test_a_page_of_the_list_is_measured_as_lambda_sends_it(
    api: HttpCaller, monkeypatch: pytest.MonkeyPatch, character: str
) -> None:
    action = {"type": "whop.create_chat", "message_text": "Hello " + 8_000 * character}
    for name in ("a", "b", "c", "d"):
        put(api, listening("payment.failed") | {"action": action}, f"/automations/{name}")
    monkeypatch.setattr(automations, "MAX_LIST_BYTES", 100_000)

    listed = api("GET", "/automations")

    assert [each["name"] for each in listed.json["data"]] == ["a", "b", "c"]
    assert len(json.dumps(listed.body, ensure_ascii=False).encode()) < 100_000


def test_an_automation_that_is_larger_than_an_answer_s_share_is_listed_alone(
    api: HttpCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        put(api, UNMUTE, f"/automations/{name}")
    monkeypatch.setattr(automations, "MAX_LIST_BYTES", 1)

    listed = api("GET", "/automations").json

    assert ([each["name"] for each in listed["data"]], listed["next_cursor"]) == (["a"], "a")


def test_an_event_type_that_is_not_known_is_a_warning(api: HttpCaller) -> None:
    answer = put(api, listening("payment.failed", "payment.invented"))

    assert answer.status == 201
    unknown, not_sent = answer.json["warnings"]
    assert unknown == "trigger.events: payment.invented is not a known event of Whop"
    assert "Whop does not send payment.invented" in not_sent


# ---------------------------------------------------------------------------------------------- deleted


def test_what_is_deleted_is_gone_with_its_schedule(api: HttpCaller, app: Application, scheduler: FakeScheduler) -> None:
    put(api, scheduled())

    assert api("DELETE", PATH).status == 204

    assert (list(app.automation_table.rows()), scheduler.schedules) == ([], {})
    assert api("GET", PATH).status == 404
    assert api("DELETE", PATH).status == 404


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("DELETE", ""), ("POST", "/run"), ("GET", "/preview")])
def test_an_unknown_name_is_404(api: HttpCaller, method: str, rest: str) -> None:
    answer = api(method, f"/automations/unknown{rest}")

    assert answer.status == 404
    assert answer.json["detail"] == "automation unknown doesn't exist"


# ---------------------------------------------------------------------------------------------- Scheduler does not

AWAY = NoResponseError("can't connect to https://scheduler.invalid")
REFUSALS = [
    (aws_error("ServiceQuotaExceededException"), "ask AWS to raise the quota"),
    (aws_error("AccessDeniedException"), "iam:PassRole"),
    (aws_error("ValidationException"), "Change the automation's trigger"),
    (aws_error("ThrottlingException"), "Retry the request"),
    (AWAY, "Retry the request"),
]


@pytest.mark.parametrize(("problem", "remedy"), REFUSALS, ids=[remedy for _, remedy in REFUSALS])
def test_a_schedule_that_cannot_be_made_is_502_with_what_to_do(
    api: HttpCaller, scheduler: FakeScheduler, problem: Exception, remedy: str
) -> None:
    scheduler.down = problem

    answer = put(api, scheduled())

    assert answer.status == HTTPStatus.BAD_GATEWAY
    assert "weekly" in answer.json["detail"]
    assert remedy in answer.json["detail"]


def test_a_repeat_makes_the_schedule_that_could_not_be_made(api: HttpCaller, scheduler: FakeScheduler) -> None:
    scheduler.down = AWAY
    put(api, scheduled())
    written = api("GET", PATH)
    scheduler.down = None

    again = put(api, scheduled())

    assert (again.status, again.headers["etag"]) == (200, written.headers["etag"])
    assert SCHEDULE in scheduler.schedules


def test_a_deletion_that_could_not_be_ended_counts_and_a_repeat_ends_it(
    api: HttpCaller, app: Application, scheduler: FakeScheduler
) -> None:
    put(api, scheduled())
    scheduler.down = AWAY

    assert api("DELETE", PATH).status == HTTPStatus.BAD_GATEWAY
    assert api("GET", PATH).status == 404

    scheduler.down = None
    assert api("DELETE", PATH).status == 204
    assert (list(app.automation_table.rows()), scheduler.schedules) == ([], {})


# ---------------------------------------------------------------------------------------------- scopes

EACH = [
    ("GET", "/automations", None, "automations:read"),
    ("POST", "/automations/preview", UNMUTE["trigger"], "automations:read"),
    ("PUT", PATH, UNMUTE, "automations:write"),
    ("GET", PATH, None, "automations:read"),
    ("GET", f"{PATH}/preview", None, "automations:read"),
    ("POST", f"{PATH}/run", None, "automations:write"),
    ("DELETE", PATH, None, "automations:write"),
]


@pytest.mark.parametrize(("method", "path", "body", "scope"), EACH)
def test_each_operation_needs_its_scope(method: str, path: str, body: Json | None, scope: str) -> None:
    other = {"automations:read": "automations:write", "automations:write": "automations:read"}[scope]
    callers = {
        "has": stored_caller("has", scope, "chats:write"),
        "lacks": stored_caller("lacks", other, "chats:write", "runs:write"),
    }
    app = make_application(WhopInMemory(), FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers}))
    api = HttpCaller(create_api(app).resolve)

    rejected = api(method, path, body, token="Bearer lacks")

    assert rejected.status == 403
    assert scope in rejected.json["detail"]
    assert api(method, path, body, token="Bearer has").status != 403
