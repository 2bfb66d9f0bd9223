"""Replay of runs whose texts could not be rendered."""

from typing import get_args

import pytest

from aichats.api.app import create_api
from aichats.api.callers import Scope
from aichats.bootstrap import Application
from aichats.runs.model import run_id
from tests.support.automations import automation, listening
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json
from tests.support.lambda_calls import CALLERS_SECRET, LOCAL, SECRETS, HttpCaller, make_application, stored_caller
from tests.support.ledgers import NOON, Clock
from tests.support.stack_in_memory import NAME, payment
from tests.support.whop_in_memory import WhopInMemory

FAILED, OF_B = (run_id("webhook", "msg_1", NAME, target) for target in ("biz_A", "biz_B"))
LIMITED = "limited-token"


@pytest.fixture
def app(sqs: FakeSqs, clock: Clock) -> Application:
    limited = stored_caller(LIMITED, "runs:read", "runs:write") | {"companies": ["biz_A"]}
    local = stored_caller(LOCAL, *get_args(Scope.__value__))
    secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: {"local": local, "limited": limited}})
    return make_application(WhopInMemory(), secrets, clock=clock, sqs=sqs)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def put(app: Application, title: str, *targets: str, **trigger: str) -> None:
    definition = listening(targets=targets or ("biz_A",), **trigger)
    app.automation_table.put(NAME, automation(definition | {"action": {**definition["action"], "title": title}}))


def deliver(app: Application) -> None:
    app.webhook_events.handle("msg_1", payment(), NOON)


def test_a_failed_text_is_sent_after_its_automation_is_fixed(api: HttpCaller, app: Application, sqs: FakeSqs) -> None:
    put(app, "{{ event.data.nickname }}")
    deliver(app)
    assert api("GET", f"/runs/{FAILED}").json["error"]["field"] == "action.title"
    put(app, "For {{ event.data.nickname || 'you' }}")

    answer = api("POST", f"/runs/{FAILED}/replay")

    assert (answer.status, answer.json, answer.headers["location"]) == (202, {"run_ids": [FAILED]}, f"/runs/{FAILED}")
    assert [sent.run_id for sent in sqs.sent] == [FAILED]
    shown = api("GET", f"/runs/{FAILED}").json
    assert (shown["status"], shown["error"], shown["sent"]["title"]) == ("pending", None, "For you")


def test_a_second_replay_is_a_conflict(api: HttpCaller, app: Application) -> None:
    put(app, "{{ event.data.nickname }}")
    deliver(app)
    put(app, "Hello")
    api("POST", f"/runs/{FAILED}/replay")

    again = api("POST", f"/runs/{FAILED}/replay")

    assert (again.status, again.json["detail"]) == (409, f"run {FAILED} is pending and can't be replayed")


def test_a_text_that_fails_again_is_422_like_a_run_now(api: HttpCaller, app: Application) -> None:
    put(app, "{{ event.data.nickname }}")
    deliver(app)

    answer = api("POST", f"/runs/{FAILED}/replay")

    assert (answer.status, answer.fields) == (422, ["action.title"])
    assert answer.json["errors"][0]["message"].startswith("fails for the target biz_A: 'event.data.nickname' is null")


def test_a_run_that_cannot_be_rendered_again_is_409_with_the_reason(api: HttpCaller, app: Application) -> None:
    put(app, "{{ event.data.nickname }}")
    deliver(app)
    app.automation_table.begin_delete(NAME)

    answer = api("POST", f"/runs/{FAILED}/replay")

    assert (answer.status, answer.json["detail"]) == (
        409,
        f"run {FAILED} failed and can't be replayed, because automation {NAME} does not exist any more",
    )


def test_the_runs_that_replace_a_run_are_named(api: HttpCaller, app: Application) -> None:
    target = "{{ event.data.company }}"
    put(app, "Hello", target)
    deliver(app)
    failed = run_id("webhook", "msg_1", NAME, target)
    put(app, "Hello", "{{ event.data.company || 'biz_B' }}")

    answer = api("POST", f"/runs/{failed}/replay")

    assert (answer.json, answer.headers["location"]) == ({"run_ids": [OF_B]}, f"/runs/{OF_B}")
    error = api("GET", f"/runs/{failed}").json["error"]
    assert (error["field"], error["replaced_by"]) == ("targets.0", [OF_B])


def test_a_client_that_is_limited_to_companies_starts_no_runs_for_others(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    put(app, "Hello", "biz_A", "biz_B", filter="data.amount")
    deliver(app)
    limited: Json = {"token": f"Bearer {LIMITED}"}
    put(app, "Hello", "biz_A", "biz_B", filter="data.amount > `10`")

    answer = api("POST", f"/runs/{FAILED}/replay", **limited)

    assert answer.status == 409
    assert "it would start runs for other companies" in answer.json["detail"]
    assert sqs.sent == []
    put(app, "Hello", "biz_A", filter="data.amount > `10`")
    assert api("POST", f"/runs/{FAILED}/replay", **limited).json == {"run_ids": [FAILED]}
