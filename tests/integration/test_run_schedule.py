"""The function that schedules call, whole: from the event of EventBridge Scheduler to the requests that reach Whop."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws

from aichats import bootstrap
from aichats.bootstrap import Application, application
from aichats.errors import InputError, RunsFailedError
from aichats.http import retry
from aichats.http.deadline import remaining
from functions.run_schedule import app as run_schedule
from tests.fakes import FakeSecretsManager, Json, Step, ai_chat, refused
from tests.integration.conftest import Output
from tests.lambda_calls import REQUEST_ID, SECRETS, WHOP_KEY, WHOP_SECRET, make_application, make_context
from tests.whop_in_memory import WhopInMemory

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
def fire(whop: WhopInMemory, secrets: FakeSecretsManager, monkeypatch: pytest.MonkeyPatch, output: Output) -> Fire:
    """Calls the handler in a container that uses the fakes; what it prints is in ``output``."""
    assert output.text == ""
    monkeypatch.setattr(run_schedule, "app", make_application(whop, secrets))
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)

    def call(*, seconds_left: float = 120.0, **changes: Any) -> Json:
        result: Json = run_schedule.lambda_handler(event(**changes), make_context(seconds_left))
        return result

    return call


def refusing(company: str, step: Step) -> Callable[[httpx.Request], Step | None]:
    return lambda request: step if f'"{company}"'.encode() in request.content else None


def test_a_schedule_creates_a_chat_for_a_company(fire: Fire, whop: WhopInMemory) -> None:
    result = fire()

    [run] = result["runs"]
    assert whop.chats[run["chat_id"]]["current_company_id"] == "biz_A"
    assert whop.bodies == [{"message_text": MESSAGE, "title": TITLE, "current_company_id": "biz_A"}]
    assert whop.requests[0].headers["idempotency-key"] == run["run_id"] + ".1"


def test_a_schedule_mutes_a_chat(fire: Fire, whop: WhopInMemory) -> None:
    whop.chats["aich_seen"] = ai_chat(id="aich_seen")

    result = fire(action=MUTE, targets=["aich_seen"])

    assert result["runs"][0]["chat_id"] == "aich_seen"
    assert whop.chats["aich_seen"]["notification_preference"] == "none"


def test_a_schedule_creates_a_muted_chat_for_each_target_once(fire: Fire, whop: WhopInMemory) -> None:
    result = fire(action=CREATE | {"notification_preference": "none"}, targets=["biz_A", "biz_own", None, "biz_A"])

    chats = [whop.chats[run["chat_id"]] for run in result["runs"]]
    assert [chat.get("current_company_id") for chat in chats] == ["biz_A", "biz_own", None]
    assert {chat["notification_preference"] for chat in chats} == {"none"}
    assert len(whop.chats) == 3


def test_each_company_is_served_with_its_own_credential(fire: Fire, whop: WhopInMemory) -> None:
    fire(targets=["biz_A", "biz_own"])

    used = {
        json.loads(request.content)["current_company_id"]: request.headers["authorization"] for request in whop.requests
    }
    assert used == {"biz_A": f"Bearer {WHOP_KEY}", "biz_own": "Bearer whop-key-of-biz-own"}


def test_an_event_that_arrives_twice_sends_the_same_key_and_the_same_bytes(fire: Fire, whop: WhopInMemory) -> None:
    assert fire()["runs"][0]["run_id"] == fire()["runs"][0]["run_id"]

    first, second = whop.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content


def test_a_thousand_targets_get_a_chat_each(fire: Fire, whop: WhopInMemory, output: Output) -> None:
    result = fire(targets=[f"biz_{number}" for number in range(1000)])

    assert len({run["run_id"] for run in result["runs"]}) == len(whop.chats) == 1000
    assert output.counted("RunsSucceeded") == 1000


def test_one_target_that_fails_touches_no_other_and_the_error_names_its_run(
    fire: Fire, whop: WhopInMemory, output: Output
) -> None:
    whop.interfere = refusing("biz_B", refused(403, "Not for you"))

    with pytest.raises(RunsFailedError) as caught:
        fire(targets=["biz_A", "biz_B", "biz_C"])

    [(run_id, target, _)] = caught.value.failures
    assert target == "biz_B"
    assert f"1 of 3 runs failed: run {run_id} for biz_B: PermissionDeniedError: " in str(caught.value)
    assert sorted(chat["current_company_id"] for chat in whop.chats.values()) == ["biz_A", "biz_C"]
    assert (output.counted("RunsSucceeded"), output.counted("RunsFailed")) == (2, 1)


def test_a_single_target_that_fails_is_named_with_its_run_too(fire: Fire, whop: WhopInMemory) -> None:
    whop.interfere = refusing("biz_A", httpx.ReadTimeout("slow"))

    with pytest.raises(RunsFailedError, match=r"run [a-z2-7]{32} for biz_A: OutcomeUnknownError: whop: POST"):
        fire()


def test_a_mute_that_fails_after_the_create_names_the_chat(fire: Fire, whop: WhopInMemory, output: Output) -> None:
    whop.interfere = lambda request: refused(403) if request.method == "PATCH" else None

    with pytest.raises(RunsFailedError) as caught:
        fire(action=CREATE | {"notification_preference": "none"})

    assert output.logs[-1]["run_id"] == caught.value.failures[0][0]
    assert [output.logs[-1]["chat_id"]] == list(whop.chats)


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
        ({"action": {"type": "whop.burn_chat"}}, "action"),
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


def test_a_secret_that_is_empty_raises_and_says_what_to_type(
    fire: Fire, secrets: FakeSecretsManager, whop: WhopInMemory
) -> None:
    secrets.values[WHOP_SECRET] = {}

    with pytest.raises(
        RunsFailedError, match=r"secret aichats/dev/whop is empty. To fill it, type: make secret NAME=whop"
    ):
        fire()

    assert whop.requests == []


def test_with_no_time_left_nothing_is_begun(fire: Fire, whop: WhopInMemory) -> None:
    with pytest.raises(RunsFailedError, match=r"2 of 2 runs failed: .* not begun"):
        fire(targets=["biz_A", "biz_B"], seconds_left=2.0)

    assert whop.requests == []


def test_work_stops_before_lambda_does_and_no_thread_stays(fire: Fire, whop: WhopInMemory) -> None:
    def hang(_: httpx.Request) -> Step:
        time.sleep(remaining(default=60.0))
        return httpx.ReadTimeout("no answer within what was left")

    whop.interfere = hang
    before, begun = threading.active_count(), time.monotonic()

    with pytest.raises(RunsFailedError) as caught:
        fire(targets=[f"biz_{number}" for number in range(30)], seconds_left=2.3)

    assert time.monotonic() - begun < 2.3
    assert threading.active_count() == before
    errors = [type(error).__name__ for _, _, error in caught.value.failures]
    assert errors.count("OutcomeUnknownError") == len(whop.requests) == 10
    assert errors.count("APITimeoutError") == 20


def test_logs_hold_each_run_and_no_message_title_or_key(fire: Fire, whop: WhopInMemory, output: Output) -> None:
    whop.interfere = refusing("biz_B", refused(500))

    with pytest.raises(RunsFailedError) as caught:
        fire(targets=["biz_A", "biz_B"])

    logs = {log["message"]: log for log in output.logs}
    failed, succeeded = logs["run failed"], logs["run succeeded"]
    assert failed["run_id"] == caught.value.failures[0][0]
    assert failed["target"] == "biz_B"
    assert succeeded["run_id"] != failed["run_id"]
    for log in (failed, succeeded):
        assert (log["automation"], log["slot"], log["trigger"]) == (
            "weekly-revenue",
            "2026-11-23T14:00:00Z",
            "schedule",
        )
        assert (log["function_request_id"], log["service"]) == (REQUEST_ID, "aichats")
    for secret in (MESSAGE, TITLE, WHOP_KEY):
        assert secret not in output.text + str(caught.value)


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
    """The application as it wires itself, with moto's Secrets Manager. Whop alone is another."""
    monkeypatch.setattr(bootstrap, "DeadlineTransport", lambda: whop)
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=WHOP_SECRET, SecretString=json.dumps(SECRETS[WHOP_SECRET]))
        application.cache_clear()
        yield application()
    application.cache_clear()


@pytest.mark.usefixtures("output")
def test_the_application_reads_its_secret_from_aws(
    in_aws: Application, monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory
) -> None:
    monkeypatch.setattr(run_schedule, "app", in_aws)

    run_schedule.lambda_handler(event(), make_context())

    assert whop.requests[0].headers["authorization"] == f"Bearer {WHOP_KEY}"
