"""``POST /automations/{name}/run``: an automation runs now."""

import re
from copy import replace
from datetime import UTC, datetime

import pytest

from aichats.api.app import create_api
from aichats.automations.run_factory import slot_of
from aichats.bootstrap import Application
from aichats.runs.providers.whop import WhopProvider
from aichats.whop.settings import WhopSettings
from tests.support.automations import scheduled
from tests.support.fakes import FakeSqs, Json, ScriptedTransport
from tests.support.lambda_calls import Answer, HttpCaller, make_application

TWO = scheduled(message="{{ target }} on {{ slot.date }}") | {"targets": ["biz_A", "biz_B", "biz_A"]}


@pytest.fixture
def app(sqs: FakeSqs) -> Application:
    return make_application(ScriptedTransport(), sqs=sqs)


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def run(api: HttpCaller, definition: Json, key: str | None = None) -> Answer:
    api("PUT", "/automations/weekly", definition)
    return api("POST", "/automations/weekly/run", headers={"idempotency-key": key})


def test_each_target_becomes_a_run_of_the_automation_that_waits(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    answer = run(api, TWO)

    assert answer.status == 202
    assert [sent.run_id for sent in sqs.sent] == answer.json["run_ids"]
    rows = [row for row in map(app.ledger.get, answer.json["run_ids"]) if row]
    assert [(row.run.automation, row.run.target, row.run.slot, row.status) for row in rows] == [
        ("weekly", "biz_A", None, "pending"),
        ("weekly", "biz_B", None, "pending"),
    ]
    assert {row.run.trigger for row in rows} == {"http"}
    texts = [str(row.run.action.message) for row in rows]
    assert [re.sub(r"\d{4}-\d\d-\d\d$", "today", text) for text in texts] == ["biz_A on today", "biz_B on today"]


def test_each_call_is_a_run_of_its_own(api: HttpCaller) -> None:
    assert not set(run(api, TWO).json["run_ids"]) & set(run(api, TWO).json["run_ids"])


def test_the_same_key_meets_the_same_runs(api: HttpCaller, sqs: FakeSqs) -> None:
    first, again, other = (run(api, TWO, key) for key in ("a", "a", "b"))

    assert again.json == first.json
    assert not set(other.json["run_ids"]) & set(first.json["run_ids"])
    assert len({sent.run_id for sent in sqs.sent}) == 4


def test_an_action_that_an_older_api_version_does_not_know_is_rejected_whole(
    api: HttpCaller, app: Application, sqs: FakeSqs
) -> None:
    older, provider = app.providers["whop"], app.provider(WhopProvider)
    settings = WhopSettings(**vars(provider.settings) | {"whop_api_version": "2026-09-15"})
    app.providers = {**app.providers, "whop": replace(provider, settings=settings)}
    definition = scheduled() | {"action": {**scheduled()["action"], "agent_identifier": "support"}}
    assert run(api, definition, "a").status == 202
    sqs.sent.clear()
    app.providers = {**app.providers, "whop": older}

    answer = api("POST", "/automations/weekly/run", headers={"idempotency-key": "b"})

    assert (answer.status, answer.fields) == (422, ["action.agent_identifier"])
    assert sqs.sent == []


def test_one_key_is_good_for_each_automation(api: HttpCaller) -> None:
    api("PUT", "/automations/daily", TWO)
    daily = api("POST", "/automations/daily/run", headers={"idempotency-key": "a"})

    assert not set(run(api, TWO, "a").json["run_ids"]) & set(daily.json["run_ids"])


def test_it_never_meets_the_run_of_a_slot(api: HttpCaller, app: Application) -> None:
    now = datetime.now(UTC)
    row_ids = set(run(api, TWO, now.isoformat()).json["run_ids"])
    row = app.automation_table.get("weekly")
    assert row is not None

    in_slot = app.run_factory.runs_for("weekly", row.automation, slot_of(now)).runs

    assert not row_ids & {each.run_id for each in in_slot}


def test_one_that_is_switched_off_runs_too(api: HttpCaller) -> None:
    assert run(api, scheduled(enabled=False)).status == 202


# ---------------------------------------------------------------------------------------------- targets


def test_some_of_the_targets_can_be_selected(api: HttpCaller, app: Application) -> None:
    api("PUT", "/automations/weekly", TWO)
    answer = api("POST", "/automations/weekly/run", {"targets": ["biz_B", "biz_B"]})

    rows = [row for row in map(app.ledger.get, answer.json["run_ids"]) if row]
    assert [row.run.target for row in rows] == ["biz_B"]


@pytest.mark.parametrize(
    ("targets", "fields"),
    [
        (["biz_C", "biz_A", None], ["targets.0", "targets.2"]),
        ([], ["targets"]),
        ("biz_A", ["targets"]),
        ([7], ["targets.0"]),
    ],
)
def test_what_is_not_a_target_of_the_automation_is_rejected_and_nothing_runs(
    api: HttpCaller, sqs: FakeSqs, targets: object, fields: list[str]
) -> None:
    api("PUT", "/automations/weekly", TWO)
    answer = api("POST", "/automations/weekly/run", {"targets": targets})

    assert (answer.status, answer.fields) == (422, fields)
    assert sqs.sent == []


def test_a_key_belongs_to_one_body(api: HttpCaller) -> None:
    run(api, TWO, "a")
    other, empty = (
        api("POST", "/automations/weekly/run", body, headers={"idempotency-key": "a"})
        for body in ({"targets": ["biz_A"]}, {})
    )

    assert (other.status, other.fields) == (422, ["Idempotency-Key"])
    assert empty.status == 202
