"""``PUT /automations/{name}?dry_run=true`` checks and answers as the PUT would, and stores nothing."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from aichats.runs.ledger.times import utc_now
from aichats.whop.webhooks import known_event_types
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.fakes import Json, ScriptedTransport, page
from tests.support.lambda_calls import Answer, HttpCaller, make_application
from tests.support.ledgers import dynamodb
from tests.support.whop_in_memory import registered

PATH = "/automations/weekly"
VALID = scheduled("rate(5 minutes)")


@pytest.fixture
def whop() -> ScriptedTransport:
    return ScriptedTransport()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """A clock that does not move: an error may name the time, and two answers are compared."""
    now = utc_now()
    return lambda: now


@pytest.fixture
def app(whop: ScriptedTransport, scheduler: FakeScheduler, clock: Callable[[], datetime]) -> Application:
    return make_application(whop, scheduler=scheduler, clock=clock)


@pytest.fixture
def scheduler(clock: Callable[[], datetime]) -> FakeScheduler:
    return FakeScheduler(clock)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def dry_run(api: HttpCaller, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return api("PUT", PATH, body, query="dry_run=true", headers=named)


def items(app: Application) -> list[Any]:
    return sorted(map(str, dynamodb().scan(TableName=app.automation_table.table)["Items"]))


def without_times(body: Json) -> Json:
    """Return an answer without its times, and without the time in an error, which is that of the machine."""
    text = re.sub(r"now: [0-9T:+-]+", "now", json.dumps(body))
    return {name: value for name, value in json.loads(text).items() if not name.endswith("_at") and name != "next"}


def test_a_new_automation_is_answered_as_it_would_be_and_is_not_stored(
    api: HttpCaller, app: Application, scheduler: FakeScheduler
) -> None:
    answer = dry_run(api, VALID)

    assert (answer.status, items(app), scheduler.calls) == (200, [], [])
    assert api("GET", PATH).status == 404
    put = api("PUT", PATH, VALID)
    assert put.status == 201
    assert without_times(answer.json) == without_times(put.json)
    assert answer.headers["etag"] == put.headers["etag"]


def test_an_existing_automation_stays_as_it_is(api: HttpCaller, app: Application, scheduler: FakeScheduler) -> None:
    api("PUT", PATH, scheduled("rate(6 minutes)"))
    before, calls = items(app), list(scheduler.calls)

    answer = dry_run(api, VALID)

    assert (answer.status, answer.json["trigger"]["expression"]) == (200, "rate(5 minutes)")
    assert (items(app), scheduler.calls) == (before, calls)
    put = api("PUT", PATH, VALID)
    assert without_times(answer.json) == without_times(put.json)
    assert answer.headers["etag"] == put.headers["etag"]


def test_the_same_definition_keeps_its_version(api: HttpCaller, app: Application) -> None:
    etag = api("PUT", PATH, VALID).headers["etag"]
    before = items(app)

    assert dry_run(api, VALID).headers["etag"] == etag
    assert items(app) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (VALID | {"unknown": 1}, "unknown"),
        (scheduled("cron(0 9 30 2 ? *)"), "trigger.expression"),
        (scheduled("at(2020-01-01T09:00:00)"), "trigger.expression"),
        (scheduled(message="{{ slto.date }}"), "action.message_text"),
        (scheduled(message="{{ abs(target) }}"), "action.message_text"),
        (listening(filter="data.amount >"), "trigger.filter"),
        (VALID | {"targets": ["aich_1"]}, "targets"),
        (listening(targets=("{{ event.account_id }}" + "\U0001f600" * 978,) * 100), "body"),
    ],
)
def test_a_dry_run_rejects_what_a_put_rejects(api: HttpCaller, app: Application, body: Json, field: str) -> None:
    answer = dry_run(api, body)

    assert (answer.status, answer.fields) == (422, [field])
    put = api("PUT", PATH, body)
    assert without_times(put.json) == without_times(answer.json)
    assert items(app) == []


def test_the_conditions_are_those_of_a_put(api: HttpCaller) -> None:
    assert dry_run(api, VALID, if_match="*").status == 412
    etag = api("PUT", PATH, VALID).headers["etag"]

    assert dry_run(api, scheduled(), if_none_match="*").status == 412
    assert dry_run(api, scheduled(), if_match='"stale"').status == 412
    assert dry_run(api, scheduled(), if_match=etag).status == 200


def test_the_warnings_are_those_of_a_put(api: HttpCaller, whop: ScriptedTransport) -> None:
    hooks = page(registered(events=sorted(known_event_types() - {"payment.failed"})))
    whop.script = [hooks, hooks]
    body = listening("payment.failed", "payment.imagined")

    warnings = dry_run(api, body).json["warnings"]

    assert any("payment.imagined is not a known event" in warning for warning in warnings)
    assert any("aichats admin webhook" in warning for warning in warnings)


def test_the_reserved_name_is_rejected(api: HttpCaller) -> None:
    answer = api("PUT", "/automations/stack-schedule", VALID, query="dry_run=true")

    assert (answer.status, answer.fields) == (422, ["name"])


@pytest.mark.parametrize("value", ["", "1", "yes", "True"])
def test_dry_run_is_true_or_false(api: HttpCaller, app: Application, value: str) -> None:
    answer = api("PUT", PATH, VALID, query=f"dry_run={value}")

    assert (answer.status, answer.fields, items(app)) == (422, ["dry_run"], [])


def test_with_dry_run_false_the_automation_is_stored(api: HttpCaller) -> None:
    assert api("PUT", PATH, VALID, query="dry_run=false").status == 201
    assert api("GET", PATH).status == 200
