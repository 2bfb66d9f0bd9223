"""The function that schedules call, whole: from the event of EventBridge Scheduler to the requests that reach Whop."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import boto3
import httpx
import pytest

from aichats import bootstrap
from aichats.aws.secrets import SecretStore
from aichats.bootstrap import Application, application
from aichats.errors import InputError, SecretError
from aichats.http import retry
from aichats.http.deadline import remaining
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, scheduled_runs
from aichats.runs.providers.marks import key_base
from aichats.runs.schedule_models import ScheduleEvent
from aichats.validation import parse
from aichats.whop.credentials import WHOP_SECRET as WHOP_KIND
from functions.run_schedule import app as run_schedule
from tests.support.fakes import FakeSecretsManager, FakeSqs, Json, Step, ai_chat, error_response
from tests.support.fixtures import fresh_application
from tests.support.lambda_calls import REQUEST_ID, SECRETS, WHOP_KEY, WHOP_SECRET, make_context
from tests.support.ledgers import create_table
from tests.support.moto_server import moto_server
from tests.support.output import Output
from tests.support.waiting import PATIENCE
from tests.support.whop_in_memory import WhopInMemory

MESSAGE, TITLE = "message that no log holds", "title that no log holds"
CREATE = {"type": "whop.create_chat", "message_text": MESSAGE, "title": TITLE}
MUTE = {"type": "whop.update_chat", "notification_preference": "none"}

type Fire = Callable[..., Json]


def event(**changes: Any) -> Json:
    return {
        "automation": "weekly-revenue",
        "scheduled_time": "2026-11-23T14:00:00Z",
        "action": CREATE,
        "targets": ["biz_A"],
    } | changes


@pytest.fixture
def fire(app: Application, monkeypatch: pytest.MonkeyPatch, output: Output) -> Fire:
    """Calls the handler in a container that uses the fakes; what it prints is in ``output``."""
    assert output.text == ""
    monkeypatch.setattr(run_schedule, "events", app.schedule_events)
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)

    def call(*, seconds_left: float = 120.0, **changes: Any) -> Json:
        result: Json = run_schedule.lambda_handler(event(**changes), make_context(seconds_left))
        return result

    return call


def refusing(company: str, step: Step) -> Callable[[httpx.Request], Step | None]:
    return lambda request: step if f'"{company}"'.encode() in request.content else None


def the_run(app: Application) -> Run:
    [run] = scheduled_runs(parse(ScheduleEvent, event()), app.environment["WHOP_API_VERSION"])
    return run


def stored(app: Application, run: Json) -> Row:
    row = app.ledger.get(run["run_id"])
    assert row is not None
    return row


def why(row: Row) -> str:
    assert row.error is not None
    return str(row.error["message"])


def test_a_schedule_creates_a_chat_for_a_company(fire: Fire, whop: WhopInMemory) -> None:
    [run] = fire()["runs"]

    assert run["status"] == "succeeded"
    assert whop.chats[run["chat_id"]]["current_company_id"] == "biz_A"
    assert whop.chats[run["chat_id"]]["title"] == TITLE
    assert whop.requests[0].headers["idempotency-key"] == key_base("runs", str(run["run_id"])) + ".1"


def test_a_schedule_mutes_a_chat(fire: Fire, whop: WhopInMemory) -> None:
    whop.chats["aich_seen"] = ai_chat(id="aich_seen")

    result = fire(action=MUTE, targets=["aich_seen"])

    assert result["runs"][0]["chat_id"] == "aich_seen"
    assert whop.chats["aich_seen"]["notification_preference"] == "none"


def test_a_schedule_without_a_company_creates_a_muted_chat(fire: Fire, whop: WhopInMemory) -> None:
    result = fire(action=CREATE | {"notification_preference": "none"}, targets=[None])

    chat = whop.chats[result["runs"][0]["chat_id"]]
    assert (chat.get("current_company_id"), chat["notification_preference"]) == (None, "none")


@pytest.mark.parametrize(("company", "key"), [("biz_A", WHOP_KEY), ("biz_own", "whop-key-of-biz-own")])
def test_each_company_is_served_with_its_own_credential(fire: Fire, whop: WhopInMemory, company: str, key: str) -> None:
    fire(targets=[company])

    assert {request.headers["authorization"] for request in whop.requests} == {f"Bearer {key}"}


def test_an_event_that_arrives_twice_makes_one_chat(fire: Fire, whop: WhopInMemory) -> None:
    first, second = fire(), fire()

    assert first == second
    assert len(whop.chats) == 1
    assert whop.calls == ["POST /api/v1/ai_chats", "PATCH /api/v1/ai_chats/aich_1"]


def test_an_event_that_arrives_twenty_times_at_once_makes_one_chat(app: Application, whop: WhopInMemory) -> None:
    meeting = threading.Barrier(20, timeout=PATIENCE)

    def meet() -> str:
        meeting.wait()
        return app.dispatcher.performer.perform(the_run(app), timedelta(seconds=125)).state

    with ThreadPoolExecutor(max_workers=20) as pool:
        states = [job.result() for job in [pool.submit(meet) for _ in range(20)]]

    assert len(whop.chats) == 1
    assert set(states) <= {"succeeded", "in_progress"}
    assert "succeeded" in states


def test_several_targets_become_a_message_each_and_the_same_target_once(
    fire: Fire, whop: WhopInMemory, sqs: FakeSqs, app: Application, output: Output
) -> None:
    runs = fire(targets=["biz_A", "biz_own", None, "biz_A"])["runs"]

    assert [(run["status"], run["chat_id"]) for run in runs] == [("queued", None)] * 3
    assert [sent.run_id for sent in sqs.sent] == [run["run_id"] for run in runs]
    assert whop.requests == []
    assert [stored(app, run).run.target for run in runs] == ["biz_A", "biz_own", None]
    assert output.counted("RunsQueued") == 3


def test_a_single_run_that_may_take_minutes_is_queued(fire: Fire, sqs: FakeSqs) -> None:
    [run] = fire(action={"type": "kodey.send_message", "content": MESSAGE}, targets=["chat_1"])["runs"]

    assert (run["status"], run["chat_id"]) == ("queued", None)
    assert [(sent.queue, sent.run_id, sent.delay) for sent in sqs.sent] == [
        ("https://sqs.invalid/slow-runs", run["run_id"], 0)
    ]


def test_runs_whose_messages_no_queue_takes_are_left_to_the_sweep_and_do_not_make_the_event_fail(
    fire: Fire, sqs: FakeSqs, app: Application, output: Output
) -> None:
    sqs.rejects = lambda _: True

    runs = fire(targets=["biz_A", "biz_B"])["runs"]

    assert [stored(app, run).is_open for run in runs] == [True, True]
    [log] = [log for log in output.logs if log["message"] == "runs left to the sweep"]
    assert log["run_ids"] == [run["run_id"] for run in runs]


def test_a_thousand_targets_are_spread_so_that_the_rate_limit_is_kept(
    fire: Fire, sqs: FakeSqs, app: Application
) -> None:
    runs = fire(targets=[f"biz_{number}" for number in range(1000)])["runs"]

    assert len({run["run_id"] for run in runs}) == len(sqs.runs) == 1000
    delays = Counter(delay for _, delay in sqs.runs)
    assert (max(delays.values()), max(delays)) == (8, 125)
    assert sqs.batches == [10]
    first, last = stored(app, runs[0]), stored(app, runs[-1])
    assert first.due_at is not None
    assert last.due_at is not None
    assert (last.due_at - first.due_at).total_seconds() == pytest.approx(999 / 8, abs=0.01)


def test_an_event_for_several_that_arrives_again_sends_again_only_what_is_open(
    fire: Fire, sqs: FakeSqs, app: Application
) -> None:
    first, second = fire(targets=["biz_A", "biz_B"])["runs"]
    sqs.sent.clear()
    app.ledger.finish(stored(app, first), "succeeded", chat_id="aich_1")

    fire(targets=["biz_A", "biz_B"])

    assert [sent.run_id for sent in sqs.sent] == [second["run_id"]]


def test_a_run_that_is_rejected_is_in_the_ledger_and_does_not_make_the_event_fail(
    fire: Fire, whop: WhopInMemory, app: Application, output: Output
) -> None:
    whop.interfere = refusing("biz_A", error_response(403, "Not for you"))

    [run] = fire()["runs"]

    assert (run["status"], run["chat_id"]) == ("failed", None)
    assert "Not for you" in why(stored(app, run))
    assert output.counted("RunsFailed") == 1


def test_a_run_whose_outcome_is_unknown_goes_to_the_queue_for_when_it_can_be_settled(
    fire: Fire, whop: WhopInMemory, sqs: FakeSqs, output: Output
) -> None:
    whop.interfere = refusing("biz_A", httpx.ReadTimeout("slow"))

    [run] = fire()["runs"]

    assert run["status"] == "waiting"
    assert [(sent.run_id, sent.delay) for sent in sqs.sent] == [(run["run_id"], 60)]
    assert output.counted("RunsWaiting") == 1


def test_a_run_that_waits_and_whose_message_no_queue_takes_is_left_to_the_sweep(
    fire: Fire, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    whop.interfere = refusing("biz_A", error_response(429, "Try again in 30 seconds."))
    sqs.rejects = lambda _: True

    assert fire()["runs"][0]["status"] == "waiting"
    assert sqs.sent == []
    assert fire()["runs"][0]["status"] == "waiting"


def test_a_mute_that_is_rejected_after_the_create_names_the_chat(
    fire: Fire, whop: WhopInMemory, output: Output
) -> None:
    whop.interfere = lambda request: error_response(403) if request.method == "PATCH" else None

    [run] = fire(action=CREATE | {"notification_preference": "none"})["runs"]

    assert (run["status"], [run["chat_id"]]) == ("failed", list(whop.chats))
    assert (output.logs[-1]["run_id"], output.logs[-1]["chat_id"]) == (run["run_id"], run["chat_id"])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scheduled_time": "<aws.scheduler.scheduled-time>"}, "scheduled_time"),
        ({"scheduled_time": 1795442400}, "scheduled_time"),
        ({"scheduled_time": "1795442400"}, "scheduled_time"),
        ({"automation": "weekly revenue"}, "automation"),
        ({"action": CREATE | {"message_text": ""}}, "action.message_text"),
        ({"action": CREATE | {"message_text": "x" * 32_769}}, "action.message_text"),
        ({"action": MUTE | {"message_text": MESSAGE}}, "action.message_text"),
        ({"action": {"type": "whop.burn_chat"}}, "action.type"),
        ({"targets": []}, "targets"),
        ({"targets": ["biz_A", "aich_1"]}, "targets"),
        ({"targets": [f"biz_{number}" for number in range(1001)]}, "targets"),
        ({"target": "biz_A"}, "target"),
    ],
)
def test_an_event_that_is_wrong_raises_naming_the_field_and_nothing_is_done(
    fire: Fire, whop: WhopInMemory, changes: Json, named: str
) -> None:
    with pytest.raises(InputError) as caught:
        fire(**changes)

    assert [field for field, _ in caught.value.problems] == [named]
    assert whop.requests == []


def test_a_secret_that_is_empty_fails_the_run_and_says_what_to_type(
    fire: Fire, secrets: FakeSecretsManager, whop: WhopInMemory, app: Application
) -> None:
    secrets.values[WHOP_SECRET] = {}

    [run] = fire()["runs"]

    reason = "secret aichats/dev/whop is empty. To store it, type: aichats admin secret set whop"
    assert (run["status"], why(stored(app, run)).startswith(reason)) == ("failed", True)
    assert whop.requests == []


def test_with_no_time_left_nothing_is_begun_and_the_run_goes_to_the_queue(
    fire: Fire, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    [run] = fire(seconds_left=2.0)["runs"]

    assert run["status"] == "waiting"
    assert [sent.run_id for sent in sqs.sent] == [run["run_id"]]
    assert whop.requests == []


def test_work_stops_before_lambda_does(fire: Fire, whop: WhopInMemory) -> None:
    left: list[float] = []
    whop.interfere = lambda _: left.append(remaining(default=1000.0))

    assert fire(seconds_left=24.0)["runs"][0]["status"] == "succeeded"

    assert 19.0 < max(left) <= 20.0


def test_the_lease_ends_after_lambda_would_kill_the_function(fire: Fire, whop: WhopInMemory, app: Application) -> None:
    leases: list[float] = []

    def look(_: httpx.Request) -> None:
        row = app.ledger.get(the_run(app).run_id)
        assert row is not None
        assert row.lease_until is not None
        leases.append((row.lease_until - row.created_at).total_seconds())

    whop.interfere = look
    fire(seconds_left=120.0)

    assert leases[0] == pytest.approx(125.0)


def test_logs_hold_each_run_and_no_message_title_or_key(fire: Fire, whop: WhopInMemory, output: Output) -> None:
    fire()
    whop.interfere = refusing("biz_B", error_response(400))
    fire(targets=["biz_B"])

    logs = {log["message"]: log for log in output.logs}
    failed, succeeded = logs["run failed"], logs["run succeeded"]
    assert (failed["target"], succeeded["target"]) == ("biz_B", "biz_A")
    assert succeeded["run_id"] != failed["run_id"]
    for log in (failed, succeeded):
        assert (log["automation"], log["slot"], log["trigger"]) == (
            "weekly-revenue",
            "2026-11-23T14:00:00Z",
            "schedule",
        )
        assert (log["function_request_id"], log["service"]) == (REQUEST_ID, "aichats")
    for secret in (MESSAGE, TITLE, WHOP_KEY):
        assert secret not in output.text


def test_metrics_are_sent_in_their_namespace_also_when_the_event_is_wrong(fire: Fire, output: Output) -> None:
    fire()
    with pytest.raises(InputError):
        fire(targets=[])

    sent = [metric for line in output.metrics for metric in line["_aws"]["CloudWatchMetrics"]]
    assert {metric["Namespace"] for metric in sent} == {"aichats"}
    assert output.counted("Events") == 2
    assert output.counted("RunsSucceeded") == 1


@pytest.fixture
def in_aws(monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory) -> Iterator[Application]:
    """The application as it wires itself, with moto's AWS. Whop alone is another."""
    monkeypatch.setattr(bootstrap, "DeadlineTransport", lambda: whop)
    with moto_server(), fresh_application():
        boto3.client("secretsmanager").create_secret(Name=WHOP_SECRET, SecretString=json.dumps(SECRETS[WHOP_SECRET]))
        create_table(boto3.client("dynamodb"), "runs")
        yield application()


@pytest.mark.usefixtures("output")
def test_the_application_reads_its_secret_from_aws(
    in_aws: Application, monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory
) -> None:
    monkeypatch.setattr(run_schedule, "events", in_aws.schedule_events)

    assert run_schedule.lambda_handler(event(), make_context(120))["runs"][0]["status"] == "succeeded"
    assert whop.requests[0].headers["authorization"] == f"Bearer {WHOP_KEY}"


@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.usefixtures("whop")
def test_on_lambda_the_secret_is_read_in_the_init_phase_and_a_missing_one_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, *, filled: bool
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    monkeypatch.setenv("REFRESH_TOKENS_FUNCTION", "refresh-tokens")
    with moto_server(), fresh_application():
        client = boto3.client("secretsmanager")
        if filled:
            client.create_secret(Name=WHOP_SECRET, SecretString=json.dumps(SECRETS[WHOP_SECRET]))
        app = application()
        app.init_phase.finish()
        if filled:
            client.delete_secret(SecretId=WHOP_SECRET, ForceDeleteWithoutRecovery=True)
            assert app.secrets.read(WHOP_SECRET, WHOP_KIND).api_key == WHOP_KEY
        else:
            with pytest.raises(SecretError, match="does not exist"):
                app.secrets.read(WHOP_SECRET, WHOP_KIND)


@pytest.mark.parametrize(
    ("whop", "webhook", "kodey", "read"),
    [
        ("one", "", "two", ["one", "one/default"]),
        ("", "other", "", ["other"]),
        ("one", "other", "", ["one", "one/default"]),
        ("", "", "two", ["two"]),
        ("", "", "", []),
    ],
)
def test_on_lambda_the_secret_that_the_function_needs_first_is_read_in_the_init_phase(
    monkeypatch: pytest.MonkeyPatch, whop: str, webhook: str, kodey: str, read: list[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    monkeypatch.setenv("REFRESH_TOKENS_FUNCTION", "refresh-tokens")
    monkeypatch.setenv("WHOP_SECRET", whop)
    monkeypatch.setenv("WEBHOOK_SECRET", webhook)
    monkeypatch.setenv("KODEY_SECRET", kodey)
    found: list[str] = []
    monkeypatch.setattr(SecretStore, "read_in_background", lambda _, name, _kind: found.append(name))
    with moto_server(), fresh_application():
        application()

    assert found == read
