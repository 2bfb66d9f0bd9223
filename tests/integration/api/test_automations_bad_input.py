"""Invalid input to ``/automations``: 422 names the field and what is valid, and nothing is done."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.bootstrap import Application
from tests.support.automations import FakeScheduler, listening, scheduled
from tests.support.fakes import Json, ScriptedTransport
from tests.support.lambda_calls import Answer, HttpCaller, http_event, make_application
from tests.support.template import load_template

CHATS = [f"aich_{number}" for number in range(1001)]
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}
DEEP = "[" * 100_000
OWN_SCHEDULE = load_template()["Resources"]["RunScheduleFunctionSchedule"]["Properties"]


@pytest.fixture
def app(scheduler: FakeScheduler) -> Application:
    return make_application(ScriptedTransport(), scheduler=scheduler)


@pytest.fixture
def rejected(app: Application, scheduler: FakeScheduler) -> Callable[..., Answer]:
    """A function that returns the error of a PUT. Afterwards there is neither a row nor a schedule."""
    api = HttpCaller(create_api(app).resolve)

    def put(definition: object, name: str = "weekly", **options: Any) -> Answer:
        answer = api("PUT", f"/automations/{name}", definition, **options)
        assert answer.status == 422
        assert (list(app.automation_table.rows()), scheduler.calls) == ([], [])
        return answer

    return put


def titled(title: str) -> Json:
    return scheduled() | {"action": {**scheduled()["action"], "title": title}}


WRONG = {
    "unknown zone": (scheduled(timezone="Europe/Atlantis"), "trigger.timezone", "Europe/Atlantis"),
    "zone that climbs": (scheduled(timezone="../../etc/passwd"), "trigger.timezone", "zone"),
    "bad expression": (scheduled("every monday"), "trigger.expression", "cron("),
    "too few fields": (
        scheduled("cron(0 9 * * *)"),
        "trigger.expression",
        "EventBridge cron expressions have 6: cron(0 9 * * ? *)",
    ),
    "unit of a rate": (scheduled("rate(1 week)"), "trigger.expression", "minute"),
    "never fires": (scheduled("cron(0 9 30 2 ? *)"), "trigger.expression", "never fires"),
    "years that are over": (scheduled("cron(0 9 1 1 ? 2020-2021)"), "trigger.expression", "never fires"),
    "ends before it begins": (
        scheduled(start="2100-01-02T00:00:00Z", end="2100-01-01T00:00:00Z"),
        "trigger.end",
        "must be later than start",
    ),
    "ends before it fires": (scheduled(end="2020-01-01T00:00:00Z"), "trigger.expression", "never fires"),
    "in the past": (scheduled("at(2020-01-01T09:00:00)"), "trigger.expression", "in the past"),
    "once with an end": (
        scheduled("at(2100-01-01T09:00:00)", end="2101-01-01T00:00:00Z"),
        "trigger.expression",
        "Remove start and end",
    ),
    "time without offset": (scheduled(start="2100-01-01T09:00:00"), "trigger.start", "must be a time with an offset"),
    "time as a number": (scheduled(start=4102444800), "trigger.start", "2026-11-20T09:00:00Z"),
    "fraction of a second": (scheduled(end="2100-01-01T09:00:00.5Z"), "trigger.end", "whole seconds"),
    "not closed": (titled("Week {{ slot.week"), "action.title", "}}"),
    "no JMESPath": (titled("{{ slot. }}"), "action.title", "JMESPath"),
    "unknown name": (titled("{{ slott.week }}"), "action.title", "Known: automation, slot, target"),
    "unknown part": (titled("{{ slot.month }}"), "action.title", "Known: date, iso, time, week"),
    "event of a schedule": (titled("{{ event.id }}"), "action.title", "Known: automation, slot, target"),
    "unknown function": (titled("{{ upper(target) }}"), "action.title", "unknown"),
    "null on the sample": (titled("{{ `null` }}"), "action.title", "is null"),
    "too long on the sample": (titled("{{ slot.iso }}" * 25), "action.title", "is invalid after rendering: "),
    "filter": (listening(filter="data.amount >"), "trigger.filter", "JMESPath"),
    "unknown name in a filter": (listening(filter="body.amount"), "trigger.filter", "Known: "),
    "template of a target": (listening(targets=("{{ event.account }}",)), "targets.0", "Known: "),
    "target of another kind": (scheduled() | {"targets": ["biz_A", "aich_1"]}, "targets", "item 1: "),
    "target of another kind for an event": (listening(targets=("biz_A", "aich_1")), "targets", "item 1: "),
    "template as a target of a schedule": (scheduled() | {"targets": ["{{ automation }}"]}, "targets", "biz_"),
    "no target": (scheduled() | {"targets": []}, "targets", "at least 1"),
    "1,001 targets": (scheduled() | {"action": MUTE, "targets": CHATS}, "targets", "at most 1000"),
    "101 targets for an event": (
        listening() | {"action": MUTE, "targets": CHATS[:101]},
        "targets",
        "has 101 items. A webhook allows at most 100",
    ),
    "no events": (listening() | {"trigger": {"type": "webhook", "events": []}}, "trigger.events", "at least 1"),
    "event type": (listening("payment failed"), "trigger.events.0", "1 to 100 characters of A-Z, a-z, 0-9, _, ., :, -"),
    "late runs of events": (listening() | {"missed": "run"}, "missed", "requires a schedule"),
    "missed": (scheduled() | {"missed": "twice"}, "missed", "'skip' or 'run'"),
    "unknown trigger": (scheduled() | {"trigger": {"type": "tide"}}, "trigger.type", "must be 'schedule' or 'webhook'"),
    "no trigger's type": (
        scheduled() | {"trigger": {"enabled": True}},
        "trigger.type",
        "is required: 'schedule' or 'webhook'",
    ),
    "unknown action": (scheduled() | {"action": {"type": "whop.burn_chat"}}, "action.type", "whop.create_chat"),
    "agent before its time": (
        scheduled() | {"action": {**scheduled()["action"], "agent_identifier": "support"}},
        "action.agent_identifier",
        "needs Whop's API version 2026-09-15 or later",
    ),
    "action that changes nothing": (
        scheduled() | {"action": {"type": "whop.update_chat"}, "targets": ["aich_1"]},
        "action",
        "changes nothing",
    ),
    "unknown field": (scheduled() | {"enabled": True}, "enabled", "unknown field"),
    "unknown field of the trigger": (scheduled(zone="UTC"), "trigger.zone", "unknown field; did you mean `timezone`?"),
    "unknown field of the action": (
        scheduled() | {"action": {**scheduled()["action"], "message": "x"}},
        "action.message",
        "unknown field; did you mean `message_text`?",
    ),
    "another name": (scheduled() | {"name": "daily"}, "name", "must be weekly, the name in the path"),
    "null for a name": (scheduled() | {"name": None}, "name", "must be weekly"),
    "misspelled read-only field": (scheduled() | {"last_runs": None}, "last_runs", "did you mean `last_run`?"),
    "long description": (scheduled() | {"description": "x" * 501}, "description", "500"),
    "long message": (scheduled(message="x" * 32_769), "action.message_text", "the limit is 32768"),
    "huge message": (scheduled(message="x" * 5_000_000), "action.message_text", "the limit is 32768"),
}


@pytest.mark.parametrize(("definition", "field", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_what_would_be_right(
    rejected: Callable[..., Answer], definition: Json, field: str, message: str
) -> None:
    answer = rejected(definition)

    assert answer.fields == [field]
    assert message in answer.json["errors"][0]["message"]


def test_a_definition_that_no_row_can_hold_is_rejected(rejected: Callable[..., Answer]) -> None:
    target = "{{ event.account_id }}" + "\U0001f600" * 978

    answer = rejected(listening(targets=(target,) * 100))

    assert answer.fields == ["body"]
    assert "the limit is 350000. Use fewer targets" in answer.json["detail"]


@pytest.mark.parametrize("name", ["Weekly", "week_1", "ä", "a" * 65, "a b", "a\n", "a.b", "a/../b"])
def test_a_name_outside_of_a_to_z_and_digits_is_rejected(rejected: Callable[..., Answer], name: str) -> None:
    answer = rejected(scheduled(), name)

    assert answer.fields == ["name"]
    assert "must be 1 to 64 characters of a-z, 0-9, -" in answer.json["errors"][0]["message"]


def test_the_name_of_the_stacks_own_schedule_is_rejected(rejected: Callable[..., Answer]) -> None:
    written = json.loads(OWN_SCHEDULE["Target"]["Input"]["Fn::Sub"][0].replace("${Target}", "null"))

    answer = rejected(scheduled(), written["automation"])

    assert answer.fields == ["name"]
    assert "choose another one" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("name", ["a", "0", "-", "a" * 64, "run", "preview", "stack-schedules"])
def test_a_name_of_a_to_z_and_digits_is_taken(app: Application, name: str) -> None:
    api = HttpCaller(create_api(app).resolve)

    assert api("PUT", f"/automations/{name}", scheduled()).status == 201
    assert api("GET", f"/automations/{name}/preview").status == 200
    assert api("POST", f"/automations/{name}/run").status == 202
    assert api("DELETE", f"/automations/{name}").status == 204


@pytest.mark.parametrize(
    "body",
    [None, "", "[]", "null", "{", DEEP, '{"trigger": ' + DEEP, '{"action": {"metadata": ' + DEEP, "NaN", '"\ud800"'],
    ids=lambda body: str(body)[:20].encode("ascii", "replace").decode(),
)
def test_what_is_no_definition_is_rejected(rejected: Callable[..., Answer], body: object) -> None:
    assert len(rejected(body).fields) >= 1


def test_a_huge_body_of_unknown_fields_is_rejected_in_short(rejected: Callable[..., Answer]) -> None:
    answer = rejected(scheduled() | {f"field{number}": number for number in range(100_000)})

    assert len(answer.fields) == 20
    assert len(answer.body) < 10_000


def test_all_that_is_wrong_is_named_at_once(rejected: Callable[..., Answer]) -> None:
    wrong = scheduled("rate(1 week)", timezone="Mars/Base") | {"missed": 1, "targets": []}

    assert set(rejected(wrong).fields) == {"trigger.timezone", "trigger.expression", "missed", "targets"}


def test_a_body_that_is_not_declared_as_json_is_rejected(rejected: Callable[..., Answer]) -> None:
    assert rejected(scheduled(), headers={"content-type": "text/yaml"}).fields == ["Content-Type"]


def test_an_at_is_held_against_the_clock_of_its_own_zone(app: Application) -> None:
    api = HttpCaller(create_api(app).resolve)
    soon = datetime.now(UTC) + timedelta(hours=1)
    once = f"at({soon:%Y-%m-%dT%H:%M:%S})"

    assert api("PUT", "/automations/early", scheduled(once, timezone="Pacific/Kiritimati")).fields == [
        "trigger.expression"
    ]
    assert api("PUT", "/automations/late", scheduled(once, timezone="Pacific/Pago_Pago")).status == 201


def test_a_rejected_change_leaves_all_as_it_was(app: Application, scheduler: FakeScheduler) -> None:
    api = HttpCaller(create_api(app).resolve)
    etag = api("PUT", "/automations/weekly", scheduled()).headers["etag"]
    before = json.dumps(scheduler.schedules, default=str)

    for definition, *_ in WRONG.values():
        assert api("PUT", "/automations/weekly", definition).status == 422

    assert api("GET", "/automations/weekly").headers["etag"] == etag
    assert json.dumps(scheduler.schedules, default=str) == before


def test_the_sizes_that_api_gateway_takes_are_read(app: Application) -> None:
    event = http_event("PUT", "/automations/weekly", json.dumps(scheduled()) + " " * 9_000_000, in_base64=True)

    assert HttpCaller(create_api(app).resolve).send(event).status == 201
