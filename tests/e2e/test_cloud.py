"""The local AWS: functions run in it as on Lambda, events that fail are kept, schedules fire, the API is served."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from aichats.schedules.fire_times import fire_times
from local.cloud import build as build_module
from local.cloud import emulator as emulator_module
from local.cloud.build import Build, build
from local.cloud.deploy import deploy
from local.cloud.emulator import Emulator
from local.cloud.functions import FunctionFailedError, invoke
from local.cloud.scheduler import Scheduler, fired_for, iso
from local.console import Console
from local.errors import LocalError
from local.system import System, running_system
from tests.support.mock_servers import MockServer
from tests.support.waiting import until

os.environ["ONLY_ON_THIS_MACHINE"] = "no function sees it"

PROBE = """
import os
import sys
import time

import boto3

print("the probe was imported")


def lambda_handler(event, context):
    match event.get("do"):
        case "raise":
            raise ValueError("no such company")
        case "exit":
            print("about to exit", flush=True)
            os._exit(3)
        case "wait":
            time.sleep(event["seconds"])
        case "environment":
            return dict(os.environ)
        case "secret":
            boto3.client("secretsmanager").get_secret_value(SecretId="aichats/dev/whop")
    return {
        "pid": os.getpid(),
        "boto3": boto3.__file__,
        "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "group": context.log_group_name,
    }
"""

BROKEN = "import nothing_of_this_name\n"

TEMPLATE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                        }
                    ],
                },
            },
        }
    }
}


def function(name: str, code: str) -> dict[str, Any]:
    """Return a function of one file."""
    properties = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "index.lambda_handler",
        "Timeout": 2,
        "Code": {"ZipFile": code},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Environment": {"Variables": {"ITS_OWN": "1"}},
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


@pytest.fixture(scope="session")
def emulator(system_with_key: System) -> Emulator:
    """The system's own AWS with two more functions: `probe` follows its event, and `broken` can't be imported."""
    functions = {"Probe": function("probe", PROBE), "Broken": function("broken", BROKEN)}
    template = {"Resources": TEMPLATE["Resources"] | functions}
    clients = system_with_key.emulator.clients
    clients.cloudformation.create_stack(
        StackName="probes", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )
    clients.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="probes", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return system_with_key.emulator


def log_of(emulator: Emulator, group: str) -> list[str]:
    """Return all lines of a log group."""
    return [event["message"] for event in emulator.clients.logs.filter_log_events(logGroupName=group)["events"]]


# ---- functions


def test_a_function_meets_lambdas_runtime_and_nothing_of_this_machine(emulator: Emulator) -> None:
    result = invoke(emulator.clients, "probe", {})
    assert ".tools/runtime/" in result["boto3"]
    assert 0 < result["remaining"] <= 2000
    assert result["arn"].endswith(":function:probe")
    assert result["group"] == "/aws/lambda/probe"
    environment = invoke(emulator.clients, "probe", {"do": "environment"})
    assert environment["ITS_OWN"] == "1"
    assert environment["AWS_ENDPOINT_URL"] == emulator.endpoint_url
    others = {"HOME", "ITS_OWN", "LANG", "LC_CTYPE", "PATH", "PWD", "PYTHONPATH", "TMPDIR", "TZ", "_HANDLER"}
    assert {name for name in environment if not name.startswith("AWS_")} - {"LAMBDA_TASK_ROOT", "_"} <= others


def test_calls_one_after_the_other_share_a_process_and_calls_at_once_do_not(emulator: Emulator) -> None:
    first, second = (invoke(emulator.clients, "probe", {})["pid"] for _ in range(2))
    assert first == second
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(invoke, emulator.clients, "probe", {"do": "wait", "seconds": 1}) for _ in range(2)]
        assert len({call.result()["pid"] for call in calls}) == 2


def test_an_exception_is_the_functions_own(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match="probe failed: ValueError: no such company"):
        invoke(emulator.clients, "probe", {"do": "raise"})
    log = log_of(emulator, "/aws/lambda/probe")
    assert any('index.py", line' in line for line in log)
    assert "the probe was imported" in log


def test_a_function_that_takes_too_long_is_ended_and_the_next_call_works(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match=r"Sandbox\.Timedout: Task timed out after 2"):
        invoke(emulator.clients, "probe", {"do": "wait", "seconds": 30})
    assert any("Task timed out after 2" in line for line in log_of(emulator, "/aws/lambda/probe"))
    assert invoke(emulator.clients, "probe", {})["pid"]


def test_a_function_that_exits_is_reported_and_the_next_call_works(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match=r"Runtime\.ExitError"):
        invoke(emulator.clients, "probe", {"do": "exit"})
    assert "about to exit" in log_of(emulator, "/aws/lambda/probe")
    assert invoke(emulator.clients, "probe", {})["pid"]


def test_a_function_that_cannot_be_imported_says_what_is_missing(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match=r"Runtime\.ImportModuleError: .*nothing_of_this_name"):
        invoke(emulator.clients, "broken", {})
    assert any("nothing_of_this_name" in line for line in log_of(emulator, "/aws/lambda/broken"))


def test_a_function_without_the_permission_is_rejected(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match="AccessDeniedException"):
        invoke(emulator.clients, "probe", {"do": "secret"})


def test_a_function_that_is_not_there_is_reported(emulator: Emulator) -> None:
    with pytest.raises(FunctionFailedError, match=r"nobody was not invoked: .*ResourceNotFoundException"):
        invoke(emulator.clients, "nobody", {})


# ---- the stack


def test_an_event_that_fails_waits_in_the_queue_of_failures(system: System) -> None:
    clients, outputs = system.emulator.clients, system.stack.outputs
    event = {"automation": "wrong", "scheduled_time": "<aws.scheduler.scheduled-time>", "action": {}, "targets": []}
    clients.functions.invoke(
        FunctionName=outputs["RunScheduleFunction"], InvocationType="Event", Payload=json.dumps(event).encode()
    )
    queue = outputs["RunScheduleFailures"]
    (message,) = until(lambda: clients.queues.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    kept = json.loads(message["Body"])
    assert kept["requestPayload"] == event
    assert kept["responseContext"]["functionError"]
    clients.queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


def test_a_schedule_of_the_template_fires_in_its_zone_and_creates_its_chat(whop: MockServer) -> None:
    parameters = {
        "WhopBaseUrl": whop.base_url,
        "ScheduleExpression": "cron(30 9 ? * MON *)",
        "ScheduleTimezone": "America/New_York",
        "CompanyId": "biz_Scheduled",
        "Message": "What's new?",
    }
    with running_system(Console(), parameters=parameters) as system:
        slot = next(fire_times("cron(30 9 ? * MON *)", "America/New_York", after=datetime.now(UTC)))
        printed: list[str] = []
        Scheduler(system.emulator.clients, printed.append, lambda: slot).tick()
        (chat,) = until(lambda: whop.state()["chats"])
    assert (chat["company_id"], chat["message_text"]) == ("biz_Scheduled", "What's new?")
    own = [line for line in printed if line.startswith("schedule aichats-local-schedule ")]
    assert own == [fired_for("aichats-local-schedule") + iso(slot)]


def test_the_api_is_served_as_api_gateway_serves_it(api: httpx.Client) -> None:
    assert api.get("/health").json() == {"status": "ok"}
    assert api.get("/chats/a%2Fb").status_code == 404
    rejected = api.get("/chats", headers={"Authorization": "Bearer somebody-elses"})
    assert rejected.status_code == 401
    assert rejected.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("POST", "/", 405),
        ("GET", "/webhooks/whop", 405),
        ("POST", "/webhooks/whop", 401),
        ("POST", "/webhooks/whop/", 404),
    ],
)
def test_a_client_without_a_token_is_answered_by_the_code_and_not_by_api_gateway(
    system: System, method: str, path: str, status: int
) -> None:
    answer = httpx.request(method, system.api_url + path, timeout=60, trust_env=False)

    assert answer.status_code == status
    assert answer.headers["content-type"] == ("application/json" if status == 200 else "application/problem+json")
    assert "bearer" not in answer.text.lower()


def test_a_stack_that_fails_says_which_resource_and_why(tmp_path: Path) -> None:
    broken = function("probe", PROBE)
    broken["Properties"]["Layers"] = ["arn:aws:lambda:eu-west-1:000000000000:layer:nobodys:1"]
    template = {"Resources": TEMPLATE["Resources"] | {"Probe": broken}}
    (tmp_path / "template.yaml").write_text(json.dumps(template))
    with (
        Emulator() as emulator,
        pytest.raises(LocalError, match=r"not deployed \(ROLLBACK_COMPLETE\):\n  Probe: .*layer:nobodys:1"),
    ):
        deploy(emulator.clients, Build(tmp_path), "broken", {})


def test_a_parameter_that_the_template_does_not_have_is_reported(tmp_path: Path) -> None:
    stage = {"Type": "String", "AllowedValues": ["dev", "prod"]}
    template = {"Parameters": {"Stage": stage}, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    (tmp_path / "template.yaml").write_text(json.dumps(template))
    with Emulator() as emulator, pytest.raises(LocalError, match=r"stack broken was rejected: .*Stage"):
        deploy(emulator.clients, Build(tmp_path), "broken", {"Stage": "moon"})


# ---- processes


def test_emulators_are_apart_and_leave_nothing(system: System) -> None:
    with Emulator() as other:
        assert other.port != system.emulator.port
        assert other.clients.functions.list_functions()["Functions"] == []
        session = boto3.Session(region_name="eu-west-1")
        environment = other.environment()
        identity = session.client(
            "sts",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        ).get_caller_identity()
        assert identity["Account"] == environment["AWS_ACCESS_KEY_ID"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(other.endpoint_url, trust_env=False)


def test_a_taken_port_is_reported(system: System) -> None:
    with pytest.raises(LocalError, match=f"port {system.emulator.port} is in use"):
        Emulator(port=system.emulator.port).__enter__()


def test_a_port_is_taken_from_before_the_emulator_answers_there(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until_ready = emulator_module.wait_until_ready

    def start_another(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        monkeypatch.undo()
        with pytest.raises(LocalError, match=f"port {port} is in use"), Emulator(port=port):
            pass
        wait_until_ready(port, process, log)

    monkeypatch.setattr(emulator_module, "wait_until_ready", start_another)
    with Emulator() as first:
        assert first.clients.s3.list_buckets()["Buckets"] == []


def test_what_was_built_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build()
    monkeypatch.setattr(build_module, "assemble", lambda _: pytest.fail("it was built again"))
    assert build() == first
