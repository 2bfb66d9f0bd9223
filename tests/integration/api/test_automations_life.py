"""The answers of ``/automations``: next times, last run, API clients, and the view of what was sent."""

import json
from copy import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aichats.api.app import create_api
from aichats.api.automation_view import AutomationBody, StoredAutomation
from aichats.automations.definition_models import AutomationModel, validated_automation
from aichats.automations.row import item_from_row
from aichats.aws.attributes import encode
from aichats.bootstrap import Application
from aichats.runs.model import Run, slot_text
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.fakes import FakeSecretsManager, Json, aws_error
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    SECRETS,
    Answer,
    HttpCaller,
    make_application,
    stored_caller,
)
from tests.support.ledgers import CREATE, dynamodb
from tests.support.output import Output
from tests.support.stack_in_memory import slot_run
from tests.support.watched_dynamodb import ScriptedDynamoDB
from tests.support.whop_in_memory import WhopInMemory

PATH = "/automations/weekly"
ALL = ("automations:read", "automations:write", "chats:write", "runs:read", "runs:write")
CALLERS = {
    "local": stored_caller(LOCAL, *ALL),
    "git": stored_caller("git", *ALL),
    "agency": stored_caller("agency", *ALL) | {"companies": ["biz_A"]},
}
EVERY_MINUTE = "cron(* * * * ? *)"


@pytest.fixture
def app(scheduler: FakeScheduler) -> Application:
    secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: CALLERS})
    return make_application(WhopInMemory(), secrets, scheduler=scheduler)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def put(api: HttpCaller, definition: Json, path: str = PATH, token: str = LOCAL, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api("PUT", path, definition, token=f"Bearer {token}", headers=named)
    assert answer.status in {200, 201}, answer.body
    return answer


def get(api: HttpCaller, query: str = "", path: str = PATH) -> Json:
    answer = api("GET", path, query=query)
    assert answer.status == 200, answer.body
    shown: Json = answer.json
    return shown


def ran(app: Application, *targets: str, name: str = "weekly", slot: datetime | None = None) -> str:
    """Store failed runs of a past slot. Return the slot."""
    slot = slot or datetime.now(UTC).replace(second=0, microsecond=0)
    text = slot_text(slot)
    runs = [Run(slot_run(slot, each, name), "schedule", CREATE, each, automation=name, slot=text) for each in targets]
    app.ledger.add_ended([(run, {"type": "Error", "message": "no"}) for run in runs], "failed")
    return text


# ------------------------------------------------------------------ next times


def test_the_next_five_times_are_shown_in_utc_and_local_time(api: HttpCaller) -> None:
    put(api, scheduled("cron(0 9 ? * MON *)", timezone="America/New_York"))

    shown = get(api)

    assert shown["next_at"] == shown["next"][0]["utc"]
    by_the_wall_clock = [datetime.fromisoformat(each["local"]).replace(tzinfo=None) for each in shown["next"]]
    assert [later - time for time, later in pairwise(by_the_wall_clock)] == [timedelta(days=7)] * 4
    for each in shown["next"]:
        assert each["utc"].endswith("Z")
        assert "T09:00:00-0" in each["local"]
        assert datetime.fromisoformat(each["utc"]) == datetime.fromisoformat(each["local"])


@pytest.mark.parametrize(
    ("definition", "number"),
    [
        (scheduled("at(2100-01-01T09:00:00)"), 1),
        (scheduled(enabled=False), 0),
        (listening(), 0),
    ],
    ids=["fires once", "paused", "listens"],
)
def test_there_are_only_as_many_next_times_as_it_will_fire(api: HttpCaller, definition: Json, number: int) -> None:
    shown = put(api, definition).json

    assert len(shown["next"]) == number
    assert get(api)["next"] == shown["next"]


def test_an_automation_that_is_done_has_no_next_time(api: HttpCaller, app: Application) -> None:
    put(api, scheduled("at(2100-01-01T09:00:00)"))
    row = app.automation_table.get("weekly")
    assert row is not None
    app.automation_table.finish(row)

    shown = get(api)

    assert (shown["state"], shown["next_at"], shown["next"]) == ("done", None, [])


# ------------------------------------------------------------------ the last run


def test_the_last_run_is_shown_everywhere(api: HttpCaller, app: Application) -> None:
    assert put(api, scheduled(EVERY_MINUTE)).json["last_run"] is None
    slot = ran(app, "biz_A", "biz_B")

    shown = get(api)["last_run"]

    assert shown.pop("at")
    assert shown == {
        "trigger": "schedule",
        "slot": slot,
        "status": "failed",
        "counts": {"failed": 2},
        "counted_all": True,
    }
    for other in (get(api, path="/automations")["data"][0], put(api, scheduled(EVERY_MINUTE)).json):
        assert other["last_run"].items() >= shown.items()


def test_a_client_that_is_limited_to_companies_sees_the_counts_of_its_own_runs(
    api: HttpCaller, app: Application
) -> None:
    put(api, scheduled(EVERY_MINUTE) | {"targets": ["biz_A", "biz_B"]})
    ran(app, "biz_A", "biz_B")
    put(api, scheduled(EVERY_MINUTE))

    own = api("GET", PATH, token="Bearer agency").json

    assert own["last_run"]["counts"] == {"failed": 1}
    assert get(api)["last_run"]["counts"] == {"failed": 2}
    [listed] = api("GET", "/automations", token="Bearer agency").json["data"]
    assert listed["last_run"] == own["last_run"]


def test_a_change_succeeds_although_the_last_run_cannot_be_read(
    api: HttpCaller, app: Application, output: Output
) -> None:
    busy = aws_error("ProvisionedThroughputExceededException")
    app.last_runs = replace(app.last_runs, ledger=replace(app.ledger, client=ScriptedDynamoDB(*[busy] * 8)))

    answer = put(api, scheduled())

    assert (answer.status, answer.json["last_run"]) == (201, None)
    [line] = [line for line in output.logs if line["message"] == "last run not read"]
    assert (line["level"], line["automation"]) == ("WARNING", "weekly")
    assert api("GET", PATH).status == 503


# ------------------------------------------------------------------ who and when


def test_the_clients_that_created_and_changed_it_are_shown(api: HttpCaller) -> None:
    first = put(api, scheduled(), token="git").json
    assert (first["created_by"], first["updated_by"]) == ("git", "git")
    assert first["created_at"] == first["updated_at"]

    put(api, scheduled(message="Another"))

    shown = get(api)
    assert (shown["created_by"], shown["updated_by"]) == ("git", "local")
    assert shown["created_at"] == first["created_at"]
    assert datetime.fromisoformat(first["created_at"]) < datetime.fromisoformat(shown["updated_at"])


def test_the_same_definition_of_another_client_is_no_change(api: HttpCaller) -> None:
    first = put(api, scheduled(), token="git").json

    assert put(api, scheduled()).json == first


def test_an_automation_that_is_deleted_and_created_again_is_that_of_the_second_client(api: HttpCaller) -> None:
    put(api, scheduled(), token="git")
    api("DELETE", PATH)

    assert put(api, scheduled()).json["created_by"] == "local"


def test_the_automation_that_ends_a_mute_has_the_client_of_the_mute(api: HttpCaller) -> None:
    body = {"notification_preference": "none", "ids": ["aich_1"]}
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    name = api("POST", "/chats/notification-preference", body | {"until": until}, token="Bearer git").json["automation"]

    assert get(api, path=f"/automations/{name}")["created_by"] == "git"


def test_a_row_of_an_earlier_version_is_shown_without_clients_and_with_its_stored_fields(
    api: HttpCaller, app: Application
) -> None:
    put(api, scheduled())
    row = app.automation_table.get("weekly")
    assert row is not None
    new = ("defaults", "created_by", "updated_by")
    item = {name: value for name, value in item_from_row(row).items() if name not in new}
    dynamodb().put_item(TableName=app.automation_table.table, Item=encode(item))

    shown = get(api)

    assert (shown["created_by"], shown["updated_by"], shown["etag"]) == (None, None, row.etag)
    assert get(api, "view=input") == row.automation.definition
    put(api, scheduled())
    assert get(api, "view=input") == scheduled()
    assert get(api)["etag"] == row.etag


# ------------------------------------------------------------------ round trip


@pytest.mark.parametrize("definition", [scheduled(), listening("payment.failed", filter="data.amount > `5`")])
def test_every_answer_can_be_put_back_as_it_is(api: HttpCaller, app: Application, definition: Json) -> None:
    written = put(api, definition | {"labels": {"team": "growth"}, "managed_by": "git"})
    ran(app, "biz_A")
    [listed] = get(api, path="/automations")["data"]
    [named] = get(api, "view=input", path="/automations")["data"]

    for answer in (written.json, get(api), listed, named):
        back = put(api, answer, if_match=written.headers["etag"])
        assert (back.status, back.headers["etag"]) == (200, written.headers["etag"])


def test_a_read_only_field_is_ignored_whatever_it_holds(api: HttpCaller) -> None:
    read_only = set(StoredAutomation.model_fields) - set(AutomationModel.model_fields) - {"name"}

    answer = put(api, scheduled() | {field: {"any": ["thing", None]} for field in read_only})

    assert answer.json["state"] == "active"
    assert get(api, "view=input") == scheduled()


def test_every_field_that_is_shown_may_be_sent() -> None:
    assert set(AutomationBody.model_fields) == set(StoredAutomation.model_fields)


# ------------------------------------------------------------------ what was sent

IN_2090 = st.datetimes(datetime.fromisoformat("2090-01-01"), datetime.fromisoformat("2090-12-31T23:59:59"))
TIMES = IN_2090.map(lambda time: f"{time.isoformat(timespec='seconds')}Z")
TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=20)
SCHEDULES = st.fixed_dictionaries(
    {"type": st.just("schedule"), "expression": st.sampled_from(["cron(0 9 ? * MON *)", "rate(1 hour)"])},
    optional={
        "timezone": st.sampled_from(["UTC", "Australia/Lord_Howe"]),
        "start": st.none() | TIMES,
        "end": st.none() | st.just("2099-01-01T00:00:00Z"),
        "enabled": st.booleans(),
    },
)
WEBHOOKS = st.fixed_dictionaries(
    {"type": st.just("webhook"), "events": st.just(["payment.failed"])},
    optional={"filter": st.none() | st.just("data.amount > `5`"), "enabled": st.booleans()},
)
FILE = "https://example.com/report.pdf"
ACTIONS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("whop.create_chat"), "message_text": TEXTS},
        optional={
            "title": st.none() | TEXTS,
            "notification_preference": st.none() | st.sampled_from(["all", "none"]),
            "attachments": st.none() | st.just(["file_1", {"url": FILE}, {"url": FILE, "filename": None}]),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("kodey.create_chat"), "message_text": TEXTS},
        optional={"user_id": st.none() | st.just("u-1"), "metadata": st.none() | st.just({"b": [1, None], "a": {}})},
    ),
)
DEFINITIONS = st.fixed_dictionaries(
    {"trigger": SCHEDULES | WEBHOOKS, "action": ACTIONS, "targets": st.just(["biz_A"]) | st.just(["biz_A", "biz_A"])},
    optional={
        "missed": st.just("skip"),
        "overlap": st.just("allow"),
        "description": st.none() | TEXTS,
        "labels": st.dictionaries(st.sampled_from(["team", "env"]), st.sampled_from(["", "a b"])),
        "managed_by": st.none() | st.just("git"),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(definition=DEFINITIONS)
def test_the_view_of_the_input_is_whatever_was_sent(api: HttpCaller, definition: Json) -> None:
    etag = put(api, definition).headers["etag"]

    assert get(api, "view=input") == definition
    [listed] = get(api, "view=input", path="/automations")["data"]
    assert listed == {"name": "weekly", "etag": etag, **definition}


def test_without_a_view_all_defaults_are_shown(api: HttpCaller) -> None:
    put(api, scheduled())

    shown = get(api)

    assert (shown["missed"], shown["overlap"], shown["description"]) == ("skip", "allow", None)
    assert (shown["labels"], shown["managed_by"], shown["trigger"]["timezone"]) == ({}, None, "UTC")


def test_the_same_definition_with_other_fields_sent_changes_the_view_and_no_version(
    api: HttpCaller, scheduler: FakeScheduler
) -> None:
    first = put(api, scheduled())
    before = dict(scheduler.schedules)
    explicit = scheduled(timezone="UTC", start=None) | {"missed": "skip", "description": None}

    again = put(api, explicit, token="git")

    assert again.json == first.json
    assert again.headers["etag"] == first.headers["etag"]
    assert get(api, "view=input") == explicit
    assert scheduler.schedules == before


def test_a_dry_run_shows_the_client_and_notes_no_fields(api: HttpCaller, app: Application) -> None:
    put(api, scheduled(), token="git")
    before = app.automation_table.get("weekly")

    same = api("PUT", PATH, scheduled(timezone="UTC"), query="dry_run=true").json
    other = api("PUT", PATH, scheduled(message="Another"), query="dry_run=true").json

    assert (same["updated_by"], other["updated_by"], other["created_by"]) == ("git", "local", "git")
    assert app.automation_table.get("weekly") == before


def test_the_view_of_the_input_has_the_etag(api: HttpCaller) -> None:
    etag = put(api, scheduled()).headers["etag"]

    assert api("GET", PATH, query="view=input").headers["etag"] == etag


def test_another_view_is_rejected(api: HttpCaller) -> None:
    for path in (PATH, "/automations"):
        answer = api("GET", path, query="view=output")
        assert (answer.status, answer.fields) == (422, ["view"])
        assert "must be 'input'" in answer.json["detail"]


# ------------------------------------------------------------------ pages and labels


def names(page: Json) -> list[str]:
    return [each["name"] for each in page["data"]]


@pytest.mark.parametrize("view", ["", "&view=input"])
def test_the_list_has_pages(api: HttpCaller, view: str) -> None:
    for name in ("a", "b", "c"):
        put(api, scheduled(), f"/automations/{name}")

    first = get(api, f"limit=2{view}", path="/automations")
    second = get(api, f"limit=2&cursor={first['next_cursor']}{view}", path="/automations")

    assert (names(first), first["next_cursor"]) == (["a", "b"], "b")
    assert (names(second), second["next_cursor"]) == (["c"], None)


def test_a_page_has_a_hundred_automations_unless_you_say_how_many(api: HttpCaller, app: Application) -> None:
    for number in range(101):
        app.automation_table.put(f"number-{number:03}", validated_automation(scheduled()))

    page = get(api, path="/automations")

    assert (len(page["data"]), page["next_cursor"]) == (100, "number-099")
    assert [each["name"] for each in get(api, "cursor=number-099", path="/automations")["data"]] == ["number-100"]
    assert len(get(api, "limit=2", path="/automations")["data"]) == 2


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_limit_that_does_not_fit_is_rejected(api: HttpCaller, limit: str) -> None:
    answer = api("GET", "/automations", query=f"limit={limit}")

    assert (answer.status, answer.fields) == (422, ["limit"])


def test_a_label_selects_automations_across_pages(api: HttpCaller) -> None:
    labels: dict[str, Any] = {
        "a": {"team": "growth"},
        "b": {"team": "ops"},
        "c": {"team": "growth", "x": "1:2"},
        "d": {},
    }
    for name, value in labels.items():
        put(api, scheduled() | {"labels": value}, f"/automations/{name}")

    assert names(get(api, "label=team:growth", path="/automations")) == ["a", "c"]
    assert names(get(api, "label=x:1:2", path="/automations")) == ["c"]
    assert names(get(api, "label=team:", path="/automations")) == []
    first = get(api, "label=team:growth&limit=1", path="/automations")
    assert (names(first), first["next_cursor"]) == (["a"], "a")
    second = get(api, "label=team:growth&limit=1&cursor=a", path="/automations")
    assert (names(second), second["next_cursor"]) == (["c"], None)


def test_a_label_without_a_value_is_rejected_with_an_example(api: HttpCaller) -> None:
    answer = api("GET", "/automations", query="label=team")

    assert (answer.status, answer.fields) == (422, ["label"])
    assert "such as team:sales" in answer.json["detail"]


def test_an_answer_has_no_text_that_the_row_does_not_have(api: HttpCaller) -> None:
    put(api, scheduled())

    assert "defaults" not in json.dumps(get(api))
