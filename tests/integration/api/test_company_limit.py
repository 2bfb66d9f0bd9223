"""A caller that is limited to companies reaches nothing of another company, through no operation."""

from copy import replace
from typing import Any

import pytest

from aichats.api.app import create_api
from aichats.api.callers import Scope
from aichats.api.every_operation import OPERATIONS
from aichats.bootstrap import Application
from aichats.runs.ledger.jobs import Job
from aichats.runs.ledger.times import utc_now
from aichats.runs.model import Run, run_id
from tests.support.actions import kodey_create_chat, whop_create_chat
from tests.support.automations import listening, scheduled
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, ScriptedTransport, ai_chat, ok, page
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    SECRETS,
    Answer,
    HttpCaller,
    make_application,
    stored_caller,
)
from tests.support.ledgers import dynamodb
from tests.support.runs_api import CREATE, MUTE, end, items
from tests.support.subscriptions import subscribing
from tests.support.waiting import turns

ALL: tuple[str, ...] = Scope.__value__.__args__
HIDDEN = "hidden-text"
"""A text that only what belongs to other companies contains."""
HIDDEN_OBJECT = {"s3": f"s3://my-bucket/{HIDDEN}"}
OTHERS: dict[str, Json] = {
    "other": scheduled(message=HIDDEN) | {"targets": ["biz_B"]},
    "mixed": scheduled(message=HIDDEN) | {"targets": ["biz_A", "biz_B"]},
    "nobody": scheduled(message=HIDDEN) | {"targets": [None]},
    "mute": scheduled() | {"action": MUTE, "targets": ["aich_1"], "description": HIDDEN},
    "kodey": scheduled() | {"action": {"type": "kodey.create_chat", "message_text": HIDDEN}, "targets": ["biz_A"]},
    "events": listening() | {"description": HIDDEN},
    "object": scheduled() | {"action": CREATE | {"attachments": [HIDDEN_OBJECT]}, "targets": ["biz_A"]},
}
"""Automations that don't belong to a caller that is limited to ``biz_A``."""
OWN = {"trigger": {"type": "schedule", "expression": "rate(1 day)"}, "action": CREATE, "targets": ["biz_A"]}


def run_of(number: str, target: str | None, **fields: Any) -> Run:
    action = whop_create_chat(message_text="Hello")
    return replace(Run(number * 32, "http", action, target), **fields)


class LimitedApi:
    """The API with a caller for ``biz_A`` alone, and the runs and automations of other companies."""

    def __init__(self, *companies: str) -> None:
        limited = stored_caller("limited", *ALL) | {"companies": list(companies)}
        callers = {"agency": limited, "local": stored_caller(LOCAL, *ALL)}
        self.secrets = FakeSecretsManager({**SECRETS, CALLERS_SECRET: callers})
        # The PUT of the automation that listens for events asks Whop for the webhooks of both API keys.
        self.whop, self.sqs = ScriptedTransport(page(), page()), FakeSqs()
        self.app: Application = make_application(self.whop, self.secrets, sqs=self.sqs, attachments_bucket="my-bucket")
        self.unlimited = HttpCaller(create_api(self.app).resolve)
        for name, definition in OTHERS.items():
            assert self.unlimited("PUT", f"/automations/{name}", definition).status == 201
        kodey = kodey_create_chat(message_text="Hello")
        self.others = [
            end(self.app, "unknown", run_of("2", "biz_B", automation=HIDDEN)),
            end(self.app, "unknown", run_of("3", None, automation=HIDDEN)),
            end(self.app, "unknown", run_of("4", "biz_A", action=kodey, automation=HIDDEN)),
        ]
        conditions = {"status": ["unknown"], "automation": HIDDEN}
        self.app.jobs.add(
            Job(JOB, "replay", "local", "local", conditions, utc_now(), tuple(self.others), has_more=False)
        )

    def __call__(self, method: str, path: str, body: object = None, **options: Any) -> Answer:
        return self.unlimited(method, path, body, token="Bearer limited", **options)

    def state(self) -> tuple[object, ...]:
        """Return everything that a call could change, and the calls to Whop and SQS."""
        rows = [row.automation for row in self.app.automation_table.rows()]
        return sorted(map(str, rows)), sorted(map(str, items(self.app))), list(self.sqs.sent), self.whop.calls


@pytest.fixture
def world() -> LimitedApi:
    return LimitedApi("biz_A")


type Attempts = list[tuple[str, object, int]]
"""The path, the body and the expected status of calls that reach for something of others."""
ON_OTHERS: list[str] = list(OTHERS)
RUNS = ["2" * 32, "3" * 32, "4" * 32]
JOB = "7" * 32
CLOSED = 403


def each_run(suffix: str, *bodies: object) -> Attempts:
    return [(f"/runs/{run}{suffix}", body, 404) for run in RUNS for body in bodies or (None,)]


def each_automation(suffix: str, status: int, body: object = None) -> Attempts:
    return [(f"/automations/{name}{suffix}", body, status) for name in ON_OTHERS]


WITH_OBJECT: Json = {"attachments": ["file_1", {"s3": "s3://my-bucket/biz_B.pdf"}]}
FROM_S3 = {"company_id": "biz_A"} | WITH_OBJECT
ATTEMPTS: dict[str, Attempts] = {
    "create_chat": [("/chats", {"message_text": "Hi"} | more, 403) for more in ({}, {"company_id": "biz_B"}, FROM_S3)],
    "list_chats": [("/chats", None, CLOSED)],
    "get_chat": [("/chats/aich_1", None, CLOSED)],
    "update_chat": [("/chats/aich_1", {"company_id": "biz_A"}, CLOSED)],
    "delete_chat": [("/chats/aich_1", None, CLOSED)],
    "set_notification_preference": [
        ("/chats/notification-preference", {"notification_preference": "none", "ids": ["aich_1"]}, CLOSED)
    ],
    "create_file": [
        ("/files", {"filename": "a.pdf", "byte_size": 5} | more, 403) for more in ({}, {"company_id": "biz_B"})
    ],
    "get_file": [("/files/file_1", None, 403)],
    "create_kodey_chat": [("/kodey/chats", {"agent_id": "biz_A", "message_text": "Hi"}, CLOSED)],
    "list_kodey_chats": [("/kodey/chats", None, CLOSED)],
    "get_kodey_chat": [("/kodey/chats/chat_1", None, CLOSED)],
    "update_kodey_chat": [("/kodey/chats/chat_1", {}, CLOSED)],
    "delete_kodey_chat": [("/kodey/chats/chat_1", None, CLOSED)],
    "send_kodey_message": [("/kodey/chats/chat_1/messages", {"content": "Hi"}, CLOSED)],
    "list_kodey_messages": [("/kodey/chats/chat_1/messages", None, CLOSED)],
    "start_runs": [
        ("/runs", {"action": CREATE, "targets": ["biz_B"]}, 403),
        ("/runs", {"action": CREATE, "targets": ["biz_A", "biz_B"]}, 403),
        ("/runs", {"action": CREATE, "targets": ["biz_A", None]}, 403),
        ("/runs", {"action": MUTE, "targets": ["aich_1"]}, 403),
        ("/runs", {"action": {"type": "kodey.create_chat", "message_text": "Hi"}, "targets": ["biz_A"]}, 403),
        ("/runs", {"action": CREATE | WITH_OBJECT, "targets": ["biz_A"]}, 403),
    ],
    "list_runs": [("/runs", None, 200)],
    "list_upcoming": [("/upcoming", None, 200)],
    "list_connections": [("/connections", None, CLOSED)],
    "list_budgets": [("/budgets", None, 200)],
    "get_me": [("/me", None, 200)],
    "get_usage": [("/usage", None, 200)],
    "list_events": [("/events", None, 200)],
    "get_run": each_run(""),
    "replay_run": each_run("/replay"),
    "cancel_run": each_run("/cancel", {"reason": "wrong"}),
    "replay_runs": [("/runs/replay", {"filter": {"status": ["unknown"]}, "dry_run": True}, 200)],
    "cancel_runs": [("/runs/cancel", {"filter": {"status": ["unknown"]}, "dry_run": True}, 200)],
    "get_job": [(f"/jobs/{JOB}", None, 404)],
    "resolve_run": each_run("/resolve", {"outcome": "failed"}, {"outcome": "succeeded", "chat_id": "aich_1"}),
    "put_automation": each_automation("", 409, OWN)
    + [(f"/automations/new-{name}", definition, 403) for name, definition in OTHERS.items()],
    "get_automation": each_automation("", 404),
    "list_automations": [("/automations", None, 200)],
    "delete_automation": each_automation("", 404),
    "run_automation": each_automation("/run", 404),
    "list_event_types": [("/events/types", None, CLOSED)],
    "send_test_event": [("/events/test", {"type": "payment.failed"}, CLOSED)],
    "pause_automation": each_automation("/pause", 404),
    "resume_automation": each_automation("/resume", 404),
    "pause_stack": [("/pause", None, CLOSED)],
    "resume_stack": [("/resume", None, CLOSED)],
    "get_stack_pause": [("/pause", None, CLOSED)],
    "preview_automation": each_automation("/preview", 404),
    "put_subscription": [("/subscriptions/all", subscribing("*"), CLOSED)],
    "get_subscription": [("/subscriptions/all", None, CLOSED)],
    "list_subscriptions": [("/subscriptions", None, CLOSED)],
    "delete_subscription": [("/subscriptions/all", None, CLOSED)],
    "send_test_delivery": [("/subscriptions/all/test", None, CLOSED)],
    "list_deliveries": [("/subscriptions/all/deliveries", None, CLOSED)],
    "start_redelivery": [("/subscriptions/all/redeliver", {"since": "2020-01-01T00:00:00Z"}, CLOSED)],
    "rotate_secret": [("/subscriptions/all/rotate", None, CLOSED)],
    "preview_schedule": [
        ("/automations/preview", {"type": "schedule", "expression": "rate(1 day)"}, 200),
        *(("/automations/preview", definition, 403) for definition in OTHERS.values()),
    ],
}
"""The attempts for each operation. A new operation needs its own."""

CLOSED_OPERATIONS = [operation for operation in OPERATIONS if not operation.limited]


def test_there_are_attempts_for_each_operation() -> None:
    assert ATTEMPTS.keys() == {operation.run.__name__ for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.run.__name__)
def test_a_limited_caller_reaches_nothing_of_others(world: LimitedApi, operation: Any) -> None:
    before = world.state()

    for path, body, status in ATTEMPTS[operation.run.__name__]:
        answer = world(operation.method, path, body)

        assert (answer.status, path) == (status, path)
        if status == 403:
            assert answer.json["type"].endswith("#company-limit")
        assert HIDDEN not in answer.body
        assert "biz_B" not in answer.body
        assert world.state() == before


@pytest.mark.parametrize("operation", CLOSED_OPERATIONS, ids=lambda operation: operation.run.__name__)
def test_a_closed_operation_is_rejected_before_its_input_is_read(world: LimitedApi, operation: Any) -> None:
    answer = world(operation.method, ATTEMPTS[operation.run.__name__][0][0], "{")

    assert (answer.status, answer.json["title"]) == (403, "Company limit")
    assert f"{operation.method} {operation.path} is closed to it" in answer.json["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/chats", {"message_text": "Hi"}, "company_id"),
        ("POST", "/runs", {"action": CREATE, "targets": ["biz_A", None]}, "targets.1"),
        ("POST", "/runs", {"action": MUTE, "targets": ["aich_1"]}, "action.type"),
        ("POST", "/chats", {"message_text": "Hi"} | FROM_S3, "attachments.1.s3"),
        ("PUT", "/automations/new", OWN | {"action": CREATE | WITH_OBJECT}, "action.attachments.1.s3"),
        ("PUT", "/automations/new", OTHERS["mixed"], "targets.1"),
        ("PUT", "/automations/new", OTHERS["events"], "trigger.type"),
    ],
)
def test_a_rejection_names_the_field_and_what_the_caller_may_use(
    world: LimitedApi, method: str, path: str, body: Json, field: str
) -> None:
    answer = world(method, path, body)

    assert answer.fields == [field]
    assert answer.json["detail"].startswith(f"{field}: the caller agency is limited to companies; use ")


def test_a_limited_caller_works_with_its_own_company(world: LimitedApi) -> None:
    world.whop.script = [ok(ai_chat(id="aich_1"))] * 2
    failed, unknown = (end(world.app, "failed", run_of("5", "biz_A")), end(world.app, "unknown", run_of("6", "biz_A")))

    created = world("POST", "/chats", {"message_text": "Hi", "company_id": "biz_A"})
    started = world("POST", "/runs", {"action": CREATE, "targets": ["biz_A"]})
    assert (created.status, started.status) == (201, 202)
    assert [world("PUT", "/automations/own", OWN).status for _ in range(2)] == [201, 200]
    by_hand = world("POST", "/automations/own/run")

    for path in ("/automations/own", "/automations/own/preview", f"/runs/{failed}"):
        assert world("GET", path).status == 200
    assert world("POST", "/automations/preview", OWN).json["rendered"][0]["target"] == "biz_A"
    assert [automation["name"] for automation in world("GET", "/automations").json["data"]] == ["own"]
    shown = {run["run_id"] for run in world("GET", "/runs").json["data"]}
    others = {failed, unknown, created.headers["x-run-id"]}
    assert shown == others | {*started.json["run_ids"], *by_hand.json["run_ids"]}
    failures = {"filter": {"status": ["failed"]}}
    counted = world("POST", "/runs/replay", failures | {"dry_run": True}).json
    assert (counted["count"], counted["sample"]) == (1, [failed])
    job = world("POST", "/runs/replay", failures)
    assert (job.json["count"], world("GET", job.headers["location"]).status) == (1, 200)
    assert world("POST", f"/runs/{failed}/replay").status == 202
    assert world("POST", f"/runs/{unknown}/resolve", {"outcome": "failed"}).status == 200
    assert world("DELETE", "/automations/own").status == 204


def test_a_limited_caller_cannot_claim_a_chat_by_its_id(world: LimitedApi) -> None:
    unknown = end(world.app, "unknown", run_of("5", "biz_A"))

    answer = world("POST", f"/runs/{unknown}/resolve", {"outcome": "succeeded", "chat_id": "aich_9"})

    assert (answer.status, answer.fields) == (403, ["chat_id"])
    assert world("GET", f"/runs/{unknown}").json["status"] == "unknown"


@pytest.mark.parametrize("header", ["if-match", "if-none-match"])
@pytest.mark.parametrize("value", ["*", '"other"'])
def test_a_condition_reveals_no_version_of_an_automation_of_others(world: LimitedApi, header: str, value: str) -> None:
    etag = world.unlimited("GET", "/automations/other").headers["etag"]

    put = world("PUT", "/automations/other", OWN, headers={header: value})
    deleted = world("DELETE", "/automations/other", headers={"if-match": value})

    assert (put.status, deleted.status) == (409, 404)
    assert etag.strip('"') not in put.body + deleted.body


def test_a_dry_run_reveals_no_automation_of_others(world: LimitedApi) -> None:
    statuses = [world("PUT", f"/automations/{name}", OWN, query="dry_run=true").status for name in ("other", "new")]

    assert statuses == [409, 200]
    assert world("PUT", "/automations/new", OTHERS["mixed"], query="dry_run=true").status == 403


def test_an_automation_that_cannot_be_read_does_not_exist_for_a_limited_caller(world: LimitedApi) -> None:
    table, key = world.app.automation_table.table, {"name": {"S": "other"}}
    item = dict(dynamodb().get_item(TableName=table, Key=key)["Item"])
    dynamodb().put_item(TableName=table, Item=item | {"definition": {"S": "{}"}})

    statuses = [world(method, "/automations/other").status for method in ("GET", "DELETE")]

    assert (statuses, world("PUT", "/automations/other", OWN).status) == ([404, 404], 409)
    assert world.unlimited("GET", "/automations/other").status == 500


def test_a_caller_whose_list_of_companies_is_empty_reaches_none() -> None:
    world = LimitedApi()

    answer = world("POST", "/chats", {"message_text": "Hi", "company_id": "biz_A"})

    assert (answer.status, answer.fields) == (403, ["company_id"])
    assert world("GET", "/runs").json["data"] == []


# ------------------------------------------------------------------ the pages of GET /runs


def all_runs(world: LimitedApi, query: str) -> tuple[list[str], int]:
    """Return the ids of the runs on all pages, and the number of pages."""
    shown: list[str] = []
    cursor, pages = "", 0
    for _ in turns():
        page = world("GET", "/runs", query=f"{query}{cursor}").json
        shown, pages = shown + [run["run_id"] for run in page["data"]], pages + 1
        if page["next_cursor"] is None:
            return shown, pages
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError


def test_the_pages_of_a_limited_caller_have_each_of_its_runs_once(world: LimitedApi) -> None:
    ids = [run_id("http", str(number), "biz_A" if number % 3 == 0 else "biz_B") for number in range(60)]
    runs = [replace(run_of("5", "biz_A" if number % 3 == 0 else "biz_B"), run_id=ids[number]) for number in range(60)]
    world.app.ledger.add(runs, lambda _: utc_now())
    own = sorted(ids[::3])

    for limit, least in ((100, 1), (20, 1), (7, 3), (1, 20)):
        shown, pages = all_runs(world, f"limit={limit}")
        assert sorted(shown) == own
        assert least <= pages <= least + 1
    assert sorted(all_runs(world, "limit=3&status=pending")[0]) == own
    assert all_runs(world, "limit=3&status=missed")[0] == []


def test_a_limited_caller_gets_its_old_run_without_empty_pages(world: LimitedApi) -> None:
    world.app.ledger.add([run_of("5", "biz_A")], lambda _: utc_now())
    runs = [replace(run_of("6", "biz_B"), run_id=run_id("http", str(number), None)) for number in range(1200)]
    world.app.ledger.add(runs, lambda _: utc_now())

    assert [run["run_id"] for run in world("GET", "/runs", query="limit=1").json["data"]] == ["5" * 32]
