"""The files in ``events/``: what `sam local` is given is what AWS sends, and each is a valid input of its function."""

import hashlib
import re
from copy import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest

from aichats.api.app import create_api
from aichats.api.every_operation import OPERATIONS
from aichats.automations.definition_models import AutomationModel
from aichats.aws.secret_versions import SecretVersions
from aichats.bootstrap import Application
from aichats.errors import InputError
from aichats.events.log import BY_TIME
from aichats.runs.ledger.jobs import Job
from aichats.runs.model import Run
from aichats.runs.schedule_models import ScheduleEvent, ScheduleTick
from aichats.subscriptions.model import Subscription
from aichats.validation import parse, parse_json
from aichats.whop.oauth import OAuthClient
from aichats.whop.renewal import Renewals
from functions.deliver_events import app as deliver_events
from functions.http_api import app as http_api
from functions.perform_runs import app as perform_runs
from functions.publish_events import app as publish_events
from functions.refresh_tokens import app as refresh_tokens
from functions.run_schedule import app as run_schedule
from functions.sweep_runs import app as sweep_runs
from local.setup import ROOT
from tests.support.delivery_bench import FakeReceivers, deliver_through
from tests.support.example_events import body_of, load, named
from tests.support.fakes import FakeEventBridge, FakeSqs, ai_chat
from tests.support.kodey_in_memory import KodeyInMemory
from tests.support.lambda_calls import EVENTS, LOCAL, HttpCaller, make_context
from tests.support.ledgers import LEASE, MUTE, Clock, make_ledger
from tests.support.oauth_in_memory import OAuthInMemory
from tests.support.own_webhook import with_own_webhook
from tests.support.secret_vault import SecretVault
from tests.support.whop_in_memory import WhopInMemory

FUNCTION_OF = {
    "deliveries": "deliver_events",
    "http": "http_api",
    "schedule": "run_schedule",
    "schedule/sweep": "sweep_runs",
    "schedule/refresh_tokens": "refresh_tokens",
    "sqs": "perform_runs",
    "stream": "publish_events",
    "webhook": "receive_webhook",
}
"""The function that takes the events of a folder, or a single event."""

SWEEP, RENEWAL = "sweep", "refresh_tokens"
"""The events of the schedules that call other functions."""

REFUSED = {"no_token": 401, "mute_kodey_chat": 422}
"""HTTP events that are rejected; all others succeed."""

QUEUED = (
    "cancel_run",
    "cancel_runs",
    "create_kodey_chat",
    "start_redelivery",
    "replay_run",
    "replay_runs",
    "run_automation",
    "send_kodey_message",
    "set_notification_preference",
    "start_runs",
)
"""HTTP events of which something goes to a queue."""

JOB_ID = "f" * 32
"""The job that the events speak of."""

BY_NAME = "automation"
"""The schedule event that only names what is to be done."""

FILE_ID = "file_xxxxxxxxxxxxx"

NEVER_FILLED = "placeholder_not_filled"
"""The schedule event that is rejected."""


class Both(httpx.BaseTransport):
    """Each provider at its own address."""

    def __init__(self, whop: WhopInMemory, kodey: KodeyInMemory) -> None:
        self._at = {"whop.invalid": whop, "kodey.invalid": kodey}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._at[request.url.host].handle_request(request)


HTTP, SCHEDULE, SQS = named("http"), named("schedule"), named("sqs")
DELIVERIES = named("deliveries")
SCHEDULED = sorted(SCHEDULE.keys() - {BY_NAME, NEVER_FILLED, SWEEP, RENEWAL})


@pytest.fixture
def whop() -> WhopInMemory:
    """Whop with the chat that the events speak of, and another one."""
    return WhopInMemory(ai_chat(id="aich_xxxxxxxxxxxxx"), ai_chat(id="aich_other"))


@pytest.fixture
def kodey() -> KodeyInMemory:
    """Kodey with the chat that the events speak of."""
    kodey = KodeyInMemory()
    kodey.chat(id="chat_xxxxxxxxxxxxx")
    return kodey


@pytest.fixture
def receivers() -> FakeReceivers:
    return FakeReceivers()


@pytest.fixture(autouse=True)
def app(
    monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory, kodey: KodeyInMemory, sqs: FakeSqs, receivers: FakeReceivers
) -> Application:
    """The application behind all functions, with the runs that the events speak of."""
    app, _ = with_own_webhook(Both(whop, kodey), sqs=sqs)
    for function in (run_schedule, perform_runs):
        monkeypatch.setattr(function, "app", app)
    monkeypatch.setattr(run_schedule, "events", app.schedule_events)
    monkeypatch.setattr(sweep_runs, "sweep", app.sweep)
    app.publisher = replace(app.publisher, client=FakeEventBridge)
    monkeypatch.setattr(publish_events, "publisher", app.publisher)
    monkeypatch.setattr(http_api, "api", create_api(app))
    deliver_through(app, receivers)
    monkeypatch.setattr(deliver_events, "messages", app.outgoing.messages)
    add_runs(app)
    app.subscriptions.put("alerts", parse_json(Subscription, body_of(load(HTTP["put_subscription"]))))
    app.automations.put("weekly-revenue", parse_json(AutomationModel, body_of(load(HTTP["put_automation"]))).plain)
    return app


def add_runs(app: Application) -> None:
    """Add a waiting run (a), a failed run (b), a run of unknown outcome (c), two waiting runs (d, e), and a job (f)."""
    version = app.environment["WHOP_API_VERSION"]
    runs = {letter: Run(letter * 32, "http", MUTE, "aich_xxxxxxxxxxxxx", version) for letter in "abcd"}
    # Runs of one chat wait for each other, and both of these are in one batch.
    runs["e"] = Run("e" * 32, "http", MUTE, "aich_other", version)
    app.ledger.finish(app.ledger.claim(runs["b"], LEASE), "failed", error={"type": "E", "message": "no"})
    app.ledger.finish(app.ledger.claim(runs["c"], LEASE), "unknown", error={"type": "E", "message": "?"})
    app.ledger.add([runs[letter] for letter in "ade"], lambda _: app.ledger.clock())
    run_ids, now = ("b" * 32,), app.ledger.clock()
    app.jobs.add(Job(JOB_ID, "replay", "local", "local", {"status": ["failed"]}, now, run_ids, has_more=False))


def test_each_function_has_events_and_each_event_a_function() -> None:
    functions = {folder.name for folder in (ROOT / "functions").iterdir() if (folder / "app.py").is_file()}
    files = [file.relative_to(EVENTS).with_suffix("") for file in EVENTS.rglob("*") if file.is_file()]

    assert {FUNCTION_OF.get(str(file)) or FUNCTION_OF[str(file.parent)] for file in files} == functions


def test_each_route_has_an_event() -> None:
    shown = {(event["requestContext"]["http"]["method"], event["rawPath"]) for event in map(load, HTTP.values())}
    in_form = {
        (method, re.sub(r"([abc])\1{31}", "{run_id}", re.sub(r"(aich|chat)_x{13}", "{chat_id}", path)))
        for method, path in (
            (
                method,
                re.sub("weekly-revenue|alerts", "{name}", path)
                .replace(FILE_ID, "{file_id}")
                .replace(JOB_ID, "{job_id}"),
            )
            for method, path in shown
        )
    }

    assert {(operation.method, operation.path) for operation in OPERATIONS} | {("GET", "/health")} <= in_form


@pytest.mark.parametrize("name", HTTP)
def test_an_http_event_is_answered(name: str, whop: WhopInMemory, kodey: KodeyInMemory, sqs: FakeSqs) -> None:
    # With less time than a look at a queued run takes, nothing is watched.
    seconds_left = 2.5 if name in QUEUED else 29.0

    answer = HttpCaller(http_api.lambda_handler).send(load(HTTP[name]), make_context(seconds_left))

    assert answer.status == REFUSED.get(name, answer.status)
    assert (answer.status >= 400) is (name in REFUSED)
    of_whop = "kodey" not in name and name.endswith(("chat", "chats", "chat_base64", "title", "file"))
    assert bool(whop.requests) is of_whop
    assert len(kodey.requests) == ("kodey" in name and name.startswith(("list", "retrieve", "delete")))
    assert bool(sqs.sent) is (name in QUEUED)


@pytest.mark.parametrize("name", HTTP)
def test_an_http_event_is_one_of_payload_format_2(name: str) -> None:
    event = load(HTTP[name])
    context, request = event["requestContext"], event["requestContext"]["http"]

    assert (event["version"], event["routeKey"], context["routeKey"]) == ("2.0", "ANY /{proxy+}", "ANY /{proxy+}")
    assert request["path"] == event["rawPath"] == "/" + event["pathParameters"]["proxy"]
    assert event.get("queryStringParameters", {}) == dict(parse_qsl(event["rawQueryString"]))
    assert context["stage"] == "$default"
    assert context["domainName"] == f"{context['apiId']}.execute-api.eu-west-1.amazonaws.com"
    assert context["domainPrefix"] == context["apiId"]
    when = datetime.fromtimestamp(context["timeEpoch"] / 1000, UTC)
    assert context["time"] == when.strftime("%d/%b/%Y:%H:%M:%S +0000")


@pytest.mark.parametrize("name", HTTP)
def test_the_headers_of_an_http_event_fit_the_rest_of_it(name: str) -> None:
    event = load(HTTP[name])
    headers, context = event["headers"], event["requestContext"]

    assert list(headers) == sorted(header.lower() for header in headers)
    assert headers["host"] == context["domainName"]
    assert headers["user-agent"] == context["http"]["userAgent"]
    assert headers["x-forwarded-for"] == context["http"]["sourceIp"]
    assert headers.get("content-length") == (str(len(body_of(event))) if "body" in event else None)
    assert ("content-type" in headers) is ("body" in event)
    assert headers.get("authorization", f"Bearer {LOCAL}") == f"Bearer {LOCAL}"


def test_the_http_event_with_a_form_uploads_its_file(whop: WhopInMemory) -> None:
    answer = HttpCaller(http_api.lambda_handler).send(load(HTTP["create_file"]), make_context())

    assert (answer.status, whop.uploads) == (201, [b"%PDF-1.7\n%%EOF\n"])


def test_an_http_event_in_base64_has_the_body_of_its_neighbor() -> None:
    assert body_of(load(HTTP["create_chat_base64"])) == body_of(load(HTTP["create_chat"]))


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_event_is_performed_or_queued(name: str, whop: WhopInMemory, sqs: FakeSqs) -> None:
    event = load(SCHEDULE[name])

    result = run_schedule.lambda_handler(event, make_context(seconds_left=120))

    assert len(result["runs"]) == len(event["targets"])
    if len(event["targets"]) > 1 or event["action"]["type"].startswith("kodey."):
        assert [sent.run_id for sent in sqs.sent] == [run["run_id"] for run in result["runs"]]
        assert whop.requests == []
    else:
        muted = event["action"].get("notification_preference", "all")
        assert whop.chats[result["runs"][0]["chat_id"]]["notification_preference"] == muted


@pytest.mark.parametrize("name", SCHEDULED)
def test_a_schedule_event_has_a_fixed_time_written_as_scheduler_writes_it(name: str) -> None:
    event = load(SCHEDULE[name])

    assert event["scheduled_time"] == parse(ScheduleEvent, event).slot


def test_a_schedule_event_that_names_an_automation_does_what_the_automation_says(whop: WhopInMemory) -> None:
    event = load(SCHEDULE[BY_NAME])

    [run] = run_schedule.lambda_handler(event, make_context(seconds_left=60))["runs"]

    assert event["scheduled_time"] == parse(ScheduleTick, event).slot
    assert run["status"] == "succeeded"
    chat = whop.chats[run["chat_id"]]
    assert (chat["title"], chat["notification_preference"]) == ("Weekly revenue 2026-11-23", "none")


def test_a_schedule_event_whose_placeholder_was_not_filled_raises(whop: WhopInMemory) -> None:
    with pytest.raises(InputError, match="scheduled_time"):
        run_schedule.lambda_handler(load(SCHEDULE[NEVER_FILLED]), make_context())

    assert whop.requests == []


def test_the_event_of_the_renewal_renews_the_connections_that_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    whop = OAuthInMemory(clock)
    vault = SecretVault({"aichats/dev/whop/default": whop.consent("default")})
    oauth, table = OAuthClient("https://whop.invalid/api/v1", whop, 20.0), make_ledger(clock).items
    renewals = Renewals(table, SecretVersions(vault), oauth, "aichats/dev/whop/", clock)
    monkeypatch.setattr(refresh_tokens, "renewals", renewals)

    assert refresh_tokens.lambda_handler(load(SCHEDULE[RENEWAL]), make_context(60)) == {"not due": 1}
    clock.forward(minutes=40)
    assert refresh_tokens.lambda_handler(load(SCHEDULE[RENEWAL]), make_context(60)) == {"renewed": 1}


def test_the_sweep_s_event_is_taken() -> None:
    assert sweep_runs.lambda_handler(load(SCHEDULE[SWEEP]), make_context()) == {
        "resumed": 0,
        "ended": 0,
        "missed": 0,
        "repaired": 0,
    }


@pytest.mark.parametrize("name", SQS)
def test_an_sqs_event_is_performed_and_what_cannot_be_read_is_buried(name: str, app: Application, sqs: FakeSqs) -> None:
    event = load(SQS[name])

    assert perform_runs.lambda_handler(event, make_context(seconds_left=60)) == {"batchItemFailures": []}

    row = app.ledger.get("d" * 32)
    assert row is not None
    assert row.status == "succeeded"
    assert len(sqs.sent) == (name in ("job", "unreadable"))


def test_the_end_of_a_run_is_published(app: Application) -> None:
    event = load(named("stream")["run_succeeded"])

    assert publish_events.lambda_handler(event, make_context(seconds_left=60)) == {"events": 1}

    log = replace(app.event_log, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    [(_, stored)] = log.after(BY_TIME, "2026-11-23", "2026-11-24")
    assert (stored.type, stored.data["chat_id"]) == ("run.succeeded", "aich_xxxxxxxxxxxxx")


def test_a_delivery_reaches_its_receiver(app: Application, receivers: FakeReceivers) -> None:
    created_at = {"created_at": "2026-11-20T08:00:00.000Z"}
    app.subscriptions.items.update(("subscriptions", "alerts"), created_at, app.subscriptions.items.is_present)
    event = load(DELIVERIES["run_failed"])

    assert deliver_events.lambda_handler(event, make_context(seconds_left=60)) == {"batchItemFailures": []}

    [got] = receivers.accepted
    assert (got.event["type"], got.event["data"]["run_id"]) == ("run.failed", "b" * 32)


@pytest.mark.parametrize("file", [*SQS.values(), *DELIVERIES.values()], ids=lambda file: file.stem)
def test_an_sqs_event_is_one_of_sqs(file: Path) -> None:
    for record in load(file)["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["eventSource"] == "aws:sqs"
