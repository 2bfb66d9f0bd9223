"""The function behind the HTTP API, whole: from the event of API Gateway to the requests that reach Whop."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import boto3
import httpx
import pytest

from aichats import bootstrap
from aichats.api.app import create_api
from aichats.aws.writes import ConditionFailedError
from aichats.bootstrap import Application, application
from aichats.errors import UnreadableError
from aichats.http import retry
from aichats.http.deadline import remaining
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.providers.whop import WhopProvider
from functions.http_api import app as http_api
from tests.support.fakes import FakeSecretsManager, FakeSqs, SecretValue, aws_error, error_response
from tests.support.fixtures import fresh_application
from tests.support.lambda_calls import (
    CALLERS_SECRET,
    LOCAL,
    READER,
    REQUEST_ID,
    SECRETS,
    WHOP_KEY,
    WHOP_SECRET,
    Answer,
    HttpCaller,
    http_event,
    make_application,
    make_context,
)
from tests.support.ledgers import create_table
from tests.support.moto_server import moto_server
from tests.support.output import Output
from tests.support.waiting import PATIENCE
from tests.support.whop_in_memory import WhopInMemory

MESSAGE, TITLE = "message that no log holds", "title that no log holds"
CREATE = {"message_text": MESSAGE, "company_id": "biz_A", "title": TITLE}


@pytest.fixture
def api(app: Application, monkeypatch: pytest.MonkeyPatch, output: Output) -> HttpCaller:
    """The handler in a container that uses the fakes; what it prints is in ``output``."""
    assert output.text == ""
    monkeypatch.setattr(http_api, "api", create_api(app))
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    return HttpCaller(http_api.lambda_handler)


def test_a_chat_is_created_listed_read_muted_and_deleted(api: HttpCaller, whop: WhopInMemory) -> None:
    created = api("POST", "/chats", CREATE)
    path = created.headers["location"]

    assert [chat["id"] for chat in api("GET", "/chats").json["data"]] == [created.json["id"]]
    assert api("GET", path).json["title"] == TITLE
    assert api("PATCH", path, {"notification_preference": "none"}).json["notification_preference"] == "none"
    assert api("PATCH", path, {"title": None}).json["title"] is None
    assert api("DELETE", path).status == 204
    assert api("GET", path).status == 404
    assert whop.chats == {}


def test_a_chat_is_created_muted(api: HttpCaller, whop: WhopInMemory) -> None:
    answer = api("POST", "/chats", CREATE | {"notification_preference": "none"})

    assert answer.status == 201
    assert whop.chats[answer.json["id"]]["notification_preference"] == "none"
    assert whop.calls == ["POST /api/v1/ai_chats", f"PATCH /api/v1/ai_chats/{answer.json['id']}"]


def test_a_mute_that_fails_names_the_chat_that_exists_and_the_run(
    api: HttpCaller, whop: WhopInMemory, output: Output
) -> None:
    whop.interfere = lambda request: error_response(403) if request.method == "PATCH" else None

    answer = api("POST", "/chats", CREATE | {"notification_preference": "none"})

    assert answer.status == 502
    assert list(whop.chats) == [answer.json["chat_id"]]
    assert {log["run_id"] for log in output.logs} == {answer.json["run_id"]}


def test_logs_hold_the_run_the_caller_and_the_request(api: HttpCaller, output: Output) -> None:
    answer = api("POST", "/chats", CREATE)

    [log] = output.logs
    assert log["message"] == "run succeeded"
    assert log["run_id"] == answer.headers["x-run-id"]
    assert log["chat_id"] == answer.json["id"]
    assert (log["caller"], log["function_request_id"], log["service"]) == ("local", REQUEST_ID, "aichats")


def test_logs_hold_what_whop_rejected(api: HttpCaller, whop: WhopInMemory, output: Output) -> None:
    whop.interfere = lambda _: error_response(403, code="no_plan")

    api("GET", "/chats")

    [log] = output.logs
    assert log["status"] == 502
    assert log["upstream"] == {"provider": "whop", "status": 403, "code": "no_plan", "request_id": "req_refused"}


def test_the_log_of_a_rejected_call_says_where_and_why_and_shows_no_value(api: HttpCaller, output: Output) -> None:
    api("POST", "/chats", CREATE | {"titel": TITLE, "company_id": "confidential"})
    api("GET", "/chats/nonsense/elsewhere")
    api("GET", "/runs/" + "a" * 32)

    bad_field, bad_path, unknown_run = output.logs
    assert {log["message"] for log in output.logs} == {"call refused"}
    assert {log["request_id"] for log in output.logs} == {REQUEST_ID}
    assert (bad_field["method"], bad_field["path"], bad_field["status"]) == ("POST", "/chats", 422)
    assert bad_field["field"] == "company_id, titel"
    assert bad_field["reason"].endswith("titel: unknown field; did you mean `title`?")
    assert "confidential" not in output.text
    assert (bad_path["path"], bad_path["status"]) == ("unknown", 404)
    assert (unknown_run["path"], unknown_run["status"]) == ("/runs/{run_id}", 404)
    assert unknown_run["reason"] == f"run {'a' * 32} doesn't exist"


def test_a_storm_of_401s_reads_the_secret_once_more(
    api: HttpCaller, whop: WhopInMemory, secrets: FakeSecretsManager
) -> None:
    api("GET", "/chats")
    before = len(secrets.reads)
    whop.interfere = lambda _: error_response(401)

    statuses = {api("GET", "/chats").status for _ in range(50)}

    assert (statuses, len(secrets.reads) - before) == ({502}, 1)


def test_the_log_says_why_a_call_failed_and_shows_the_code_of_a_bug_alone(
    api: HttpCaller, whop: WhopInMemory, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [UnreadableError("run 1 cannot be read"), LedgerConflictError(None), ConditionFailedError({})]
    monkeypatch.setattr(Ledger, "get", Mock(side_effect=errors))
    answers = [api("GET", "/runs/" + "a" * 32) for _ in errors]
    whop.interfere = lambda _: error_response(403, "No plan.")
    api("GET", "/chats")

    *failed, rejected = output.logs
    assert {answer.status for answer in answers} == {500}
    assert [log["reason"] for log in failed] == [str(error) for error in errors]
    assert ["exception" in log for log in failed] == [False, True, True]
    assert (rejected["message"], "exception" in rejected) == ("call refused", False)
    assert "No plan." in rejected["reason"]


def test_the_log_of_a_rejected_call_is_short_whatever_the_request(api: HttpCaller, output: Output) -> None:
    trigger = {"type": "webhook", "events": ["payment.succeeded"]}
    action = {"type": "whop.update_chat", "notification_preference": "none"}
    targets = [f"{{{{ slot.{'x' * 100}{number} }}}}" for number in range(1000)]

    answer = api("PUT", "/automations/a", {"trigger": trigger, "action": action, "targets": targets})
    zone = api(
        "POST", "/automations/preview", {"type": "schedule", "expression": "rate(1 day)", "timezone": "x" * 9999}
    )

    assert (answer.status, zone.status) == (422, 422)
    assert len(zone.body) < 1000
    assert max(len(json.dumps(log)) for log in output.logs) < 5000


def test_no_log_and_no_metric_contains_a_message_a_title_or_a_token(
    api: HttpCaller, whop: WhopInMemory, output: Output
) -> None:
    api("POST", "/chats", CREATE)
    api("PATCH", "/chats/aich_1", {"title": TITLE})
    api("POST", "/chats", CREATE | {"title": [TITLE], "message_text": {"text": MESSAGE}})
    api("POST", "/chats", json.dumps(CREATE)[:-1])
    api("POST", "/chats", CREATE, token="Bearer wrong-token")
    api("POST", "/chats", CREATE, token=f"Bearer {READER}")
    whop.interfere = lambda _: error_response(500)
    api("POST", "/chats", CREATE)
    whop.interfere = lambda _: httpx.Response(200, text=MESSAGE)
    api("POST", "/chats", CREATE)
    whop.interfere = lambda _: ZeroDivisionError()
    api("POST", "/chats", CREATE)

    assert len(output.logs) >= 8
    for secret in (MESSAGE, TITLE, LOCAL, READER, "wrong-token", WHOP_KEY):
        assert secret not in output.text


def test_nothing_of_a_call_is_left_for_the_next_one(api: HttpCaller, output: Output) -> None:
    api("POST", "/chats", CREATE)
    first = output.logs
    api("POST", "/chats", CREATE, token=None)
    api("GET", "/chats/nonsense", token=f"Bearer {READER}")

    after = output.logs[len(first) :]
    assert {log["caller"] for log in first} == {"local"}
    assert all("run_id" in log for log in first)
    assert [log.get("caller") for log in after] == [None, "reader"]
    assert not any("run_id" in log for log in after)


def test_a_caller_of_one_call_is_not_the_caller_of_the_next(api: HttpCaller) -> None:
    assert api("GET", "/chats").status == 200
    assert api("POST", "/chats", CREATE, token=f"Bearer {READER}").status == 403
    assert api("GET", "/chats", token=None).status == 401
    assert api("GET", "/health", token=None).status == 200
    assert api("GET", "/chats", token="").status == 401


def test_metrics_are_sent_in_their_namespace(api: HttpCaller, whop: WhopInMemory, output: Output) -> None:
    api("POST", "/chats", CREATE)
    api("GET", "/health", token=None)
    whop.interfere = lambda _: error_response(403)
    api("POST", "/chats", CREATE)

    sent = [metric for line in output.metrics for metric in line["_aws"]["CloudWatchMetrics"]]
    assert {metric["Namespace"] for metric in sent} == {"aichats"}
    assert output.counted("Calls") == 3
    assert output.counted("RunsSucceeded") == 1
    assert output.counted("RunsFailed") == 1
    assert output.counted("InternalErrors") == 0


def test_an_unexpected_error_is_a_500_without_details_and_a_log_with_all_details(
    api: HttpCaller, whop: WhopInMemory, output: Output
) -> None:
    whop.interfere = lambda _: ZeroDivisionError("internals")

    answer = api("GET", "/chats")

    assert answer.status == 500
    assert "internals" not in answer.body
    [log] = output.logs
    assert (log["level"], log["function_request_id"]) == ("ERROR", answer.json["request_id"])
    assert "ZeroDivisionError: internals" in log["exception"]
    assert output.counted("InternalErrors") == 1


def test_an_unexpected_error_while_the_token_is_checked_is_a_500_too(
    api: HttpCaller, monkeypatch: pytest.MonkeyPatch, output: Output
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("internals")

    monkeypatch.setattr("aichats.api.app.find_caller", fail)

    answer = api("GET", "/nowhere")

    assert answer.status == 500
    assert "internals" not in answer.body
    assert "ZeroDivisionError: internals" in output.logs[0]["exception"]


def test_a_secret_that_may_not_be_read_is_named_with_what_to_do(
    api: HttpCaller, secrets: FakeSecretsManager, output: Output
) -> None:
    secrets.values[WHOP_SECRET] = aws_error("AccessDeniedException")

    answer = api("GET", "/chats")

    assert answer.status == 500
    assert f"secret {WHOP_SECRET} may not be read" in answer.json["detail"]
    assert "secretsmanager:GetSecretValue" in answer.json["detail"]
    log = output.logs[-1]
    assert f"secret {WHOP_SECRET} may not be read" in log["reason"]
    assert "exception" not in log
    assert output.counted("InternalErrors") == 1


def test_secrets_are_read_once_for_many_calls(api: HttpCaller, secrets: FakeSecretsManager) -> None:
    for _ in range(5):
        api("GET", "/chats")

    assert sorted(secrets.reads) == [CALLERS_SECRET, WHOP_SECRET, f"{WHOP_SECRET}/default"]


def test_the_work_ends_before_lambda_does(api: HttpCaller, whop: WhopInMemory) -> None:
    left: list[float] = []
    whop.interfere = lambda _: left.append(remaining(default=1000.0))

    api.send(http_event("GET", "/chats"), make_context(seconds_left=6.0))

    assert 0.0 < left[0] <= 4.0


def test_a_create_is_not_begun_when_the_time_is_up_and_comes_later(
    api: HttpCaller, whop: WhopInMemory, sqs: FakeSqs
) -> None:
    api("GET", "/nowhere")  # The callers' secret is known.

    answer = api.send(http_event("POST", "/chats", CREATE), make_context(seconds_left=2.0))

    assert (answer.status, answer.headers["location"]) == (202, f"/runs/{answer.headers['x-run-id']}")
    assert [sent.run_id for sent in sqs.sent] == [answer.headers["x-run-id"]]
    assert whop.requests == []


def test_fifty_calls_with_one_key_make_one_chat_and_each_answer_names_the_run(
    app: Application, whop: WhopInMemory
) -> None:
    meeting = threading.Barrier(10, timeout=PATIENCE)

    def call(_: int) -> Answer:
        api = HttpCaller(create_api(app).resolve)
        meeting.wait()
        return api("POST", "/chats", CREATE, headers={"idempotency-key": "k"})

    with ThreadPoolExecutor(max_workers=10) as pool:
        answers = list(pool.map(call, range(50)))

    assert len(whop.chats) == 1
    assert len({answer.headers["x-run-id"] for answer in answers}) == 1
    statuses = Counter(answer.status for answer in answers)
    assert statuses.keys() <= {201, 200, 202, 409}
    assert statuses[201] == 1


@pytest.fixture
def in_aws(monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory) -> Iterator[None]:
    """The application as it wires itself, with moto's Secrets Manager. Whop alone is another."""
    monkeypatch.setattr(bootstrap, "DeadlineTransport", lambda: whop)
    with moto_server(), fresh_application():
        client = boto3.client("secretsmanager")
        for name, value in SECRETS.items():
            client.create_secret(Name=name, SecretString=json.dumps(value))
        create_table(boto3.client("dynamodb"), "runs")
        yield


@pytest.mark.usefixtures("in_aws", "output")
def test_the_application_reads_its_secrets_from_aws(monkeypatch: pytest.MonkeyPatch, whop: WhopInMemory) -> None:
    monkeypatch.setattr(http_api, "api", create_api(application()))
    api = HttpCaller(http_api.lambda_handler)

    assert api("POST", "/chats", CREATE | {"company_id": "biz_own"}).status == 201
    assert api("GET", "/chats", token="Bearer wrong").status == 401
    assert whop.requests[0].headers["authorization"] == "Bearer whop-key-of-biz-own"
    assert str(whop.requests[0].url) == "https://whop.invalid/api/v1/ai_chats"
    assert application() is application()


@pytest.mark.parametrize("values", [SECRETS, {}])
def test_on_lambda_the_clients_of_the_api_are_read_in_the_init_phase_and_a_missing_secret_is_no_crash(
    values: dict[str, SecretValue],
) -> None:
    secrets = FakeSecretsManager(values)

    create_api(make_application(WhopInMemory(), secrets, aws_lambda_initialization_type="on-demand"))

    assert secrets.reads == [CALLERS_SECRET]


def test_companies_without_a_key_of_their_own_share_one_client(app: Application) -> None:
    whop = app.provider(WhopProvider).client

    assert whop("biz_A") is whop("biz_B") is whop(None)
    assert whop("biz_own") is not whop(None)


def test_a_key_that_a_company_gets_later_is_used(app: Application, secrets: FakeSecretsManager) -> None:
    now, whop = [0.0], app.provider(WhopProvider).client
    app.secrets.clock = lambda: now[0]
    before = whop("biz_A")
    secrets.values[WHOP_SECRET] = {"api_key": WHOP_KEY, "companies": {"biz_A": "its-own"}}
    now[0] = 300.0

    assert whop("biz_A") is not before
