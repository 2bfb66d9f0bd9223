"""`make dev`, as people run it, but on free ports."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from aichats.aws.secret_versions import SecretVersions
from local.cloud.scheduler import fired_for, iso
from local.plain_http import plain_client
from local.ports import listen
from local.setup import ROOT
from local.system import BEARER, STACK, WEBHOOK_SECRET
from tests.support.commands import Program, run_command
from tests.support.dev import (
    ON_FREE_PORTS,
    emulator_of,
    running_dev,
    running_login,
    shown_commands,
    shown_variables,
    whop_of,
)
from tests.support.mock_servers import MockServer
from tests.support.waiting import PATIENCE, until
from tests.support.whop_oauth import allow

DEV = [sys.executable, "-m", "local.dev"]
OWN_SECRET = f"ws_{'a' * 64}"
AUTOMATION: dict[str, Any] = {
    "trigger": {"type": "schedule", "expression": "rate(1 minute)"},
    "action": {"type": "whop.create_chat", "message_text": "Summarize the revenue of this hour."},
    "targets": ["biz_B"],
}


@pytest.fixture(scope="module")
def dev() -> Iterator[Program]:
    """A running `make dev`, for tests that do not end it."""
    with running_dev() as running:
        yield running


def processes() -> dict[int, tuple[int, str]]:
    """Parent and state of every process of this machine."""
    printed = run_command("ps", "-A", "-o", "pid=,ppid=,stat=", check=True).stdout
    return {int(pid): (int(parent), state) for pid, parent, state in (line.split() for line in printed.splitlines())}


def descendants(pid: int) -> set[int]:
    """Return all processes that this one started, and those that they started."""
    found, everything = {pid}, processes()
    while more := {child for child, (parent, _) in everything.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Return those that still run."""
    return {pid for pid, (_, state) in processes().items() if pid in pids and not state.startswith("Z")}


def test_the_api_answers_its_logs_are_shown_and_what_is_printed_can_be_copied(dev: Program) -> None:
    unsigned = httpx.post(dev.value("webhooks"), json={}, timeout=60, trust_env=False)
    assert (unsigned.status_code, dev.value("webhook secret")) == (401, WEBHOOK_SECRET)
    dev.wait_for(f"http POST /webhooks/whop 401 request_id={unsigned.json()['request_id']}")
    variables = dict(each.split("=", 1) for each in shown_variables(dev))
    for words in shown_commands(dev):
        if words[0] != "admin":
            run_command(sys.executable, "-m", "aichats_cli", *words, env=dict(os.environ) | variables, check=True)
    (answered,) = MockServer(dev.value("mock of Kodey"), "").state()["chats"]
    assert [message["role"] for message in answered["messages"]] == ["user", "assistant"]
    chats = whop_of(dev).state()["chats"]
    assert "biz_A" in {chat["company_id"] for chat in chats}
    dev.wait_for(r"http-api INFO .*run_id=.* request_id=")


def test_the_mock_of_whop_delivers_a_test_event_that_starts_an_automation(dev: Program) -> None:
    headers = {"Authorization": f"Bearer {BEARER}"}
    definition = {
        "trigger": {"type": "webhook", "events": ["refund.created"]},
        "action": {"type": "whop.create_chat", "message_text": "{{ event.type }}"},
        "targets": ["biz_W"],
    }
    whop = dev.value("mock of Whop")
    with plain_client(headers=headers | {"Api-Version-Date": "2026-10-15-1"}) as http:
        api = dev.value("webhooks").removesuffix("/webhooks/whop")
        stored = http.put(f"{api}/automations/refunds", json=definition).json()
        webhooks = http.get(f"{whop}/webhooks").json()["data"]
        [webhook] = [webhook["id"] for webhook in webhooks if webhook["url"] == dev.value("webhooks")]
        tested = http.post(f"{whop}/webhooks/{webhook}/test", json={"event": "refund.created"}).json()
        assert (stored["warnings"], tested["status"]) == ([], 202)
        until(lambda: http.get(f"{api}/runs?automation=refunds&status=succeeded").json()["data"])
        http.delete(f"{api}/automations/refunds").raise_for_status()


def test_it_shows_where_the_command_is(dev: Program) -> None:
    (export,) = re.findall(r"^  (export PATH=.*)  #", dev.printed, re.MULTILINE)

    found = run_command("bash", "-c", f"{export}; command -v aichats", check=True).stdout

    assert found == f"{ROOT}/.venv/bin/aichats\n"


def test_the_mock_receiver_gets_the_events_of_a_subscription_with_a_valid_signature(dev: Program) -> None:
    api, url = dev.value("HTTP API"), dev.value("mock receiver")
    subscription = {"url": f"{url}signed", "events": ["run.succeeded"]}
    wanted = {"action": {"type": "whop.create_chat", "message_text": "Hello"}, "targets": ["biz_R"]}
    receiver = MockServer(url.removesuffix("/"), "/")
    with plain_client(headers={"Authorization": f"Bearer {BEARER}"}) as http:
        secret = http.put(f"{api}/subscriptions/signed", json=subscription).json()["secret"]
        http.post(f"{url}_control/secrets", json={"secrets": [secret]}).raise_for_status()
        (run,) = http.post(f"{api}/runs", json=wanted).json()["run_ids"]
        delivery, *_ = until(
            lambda: [each for each in receiver.state()["received"] if run in each["body"] and each["path"] == "/signed"]
        )
        http.delete(f"{api}/subscriptions/signed").raise_for_status()

        assert (delivery["signature"], delivery["status"]) == ("valid", 200)
        assert run in http.get(url).text


def test_the_log_shows_each_event_that_is_published(dev: Program) -> None:
    with plain_client(headers={"Authorization": f"Bearer {BEARER}"}) as http:
        wanted = {"action": {"type": "whop.create_chat", "message_text": "Hello"}, "targets": ["biz_E"]}
        (run,) = http.post(f"{dev.value('HTTP API')}/runs", json=wanted).json()["run_ids"]

    dev.wait_for(rf"publish-events INFO event published .*run_id={run}")


def test_it_says_that_its_data_will_be_lost_and_how_to_keep_it(dev: Program) -> None:
    assert "All data is lost when this stops. To keep it: make dev KEEP=1" in dev.printed


def test_kept_data_is_there_after_a_restart_and_an_automation_goes_on_firing(tmp_path: Path) -> None:
    keep = ["--keep", str(tmp_path / "kept")]
    headers = {"Authorization": f"Bearer {BEARER}"}
    with running_dev(*keep) as first, plain_client(base_url=first.value("HTTP API")) as api:
        api.put("/automations/every-minute", json=AUTOMATION, headers=headers).raise_for_status()
        chat = api.post("/chats", json={"message_text": "Hello", "company_id": "biz_A"}, headers=headers).json()
        api.post("/kodey/chats", json={"message_text": "Hi", "agent_id": "agent_a"}, headers=headers).raise_for_status()
        log_in(first)
        webhook_secrets(first, OWN_SECRET)
        assert first.end(signal.SIGINT) == 0
    # Only the grant of the first start may write now.
    forbidden = [*keep, "--keys", "forbidden"]
    with running_dev(*forbidden) as second, plain_client(base_url=second.value("HTTP API")) as api:
        whop = whop_of(second)
        whop.mode(oauth_tokens="issued")
        assert f"are kept in {tmp_path / 'kept'}" in second.printed
        registered = [webhook["webhook_secret"] for webhook in whop.state()["webhooks"]]
        assert webhook_secrets(second) == [WEBHOOK_SECRET, *registered, OWN_SECRET]
        run_ids = {run["chat_id"]: run["run_id"] for run in api.get("/runs", headers=headers).json()["data"]}
        assert chat["id"] in run_ids
        muted = api.patch(f"/chats/{chat['id']}", json={"notification_preference": "none"}, headers=headers)
        assert muted.status_code == 200
        (answered,) = MockServer(second.value("mock of Kodey"), "").state()["chats"]
        assert [message["role"] for message in answered["messages"]] == ["user", "assistant"]
        second.wait_for(re.escape(fired_for(f"{STACK}-automation-every-minute")))
        until(lambda: AUTOMATION["targets"][0] in {each["company_id"] for each in whop.state()["chats"]})
        # The new run is published, and the old one is not published again.
        second.wait_for(r"publish-events INFO event published .*run_id=")
        assert re.search(rf"event published .*run_id={run_ids[chat['id']]}", second.printed) is None
        other = run_command(*DEV, *ON_FREE_PORTS, *keep, cwd=ROOT)
        assert (other.returncode, other.stdout) == (1, "")
        assert other.stderr.strip().startswith("another `make dev KEEP=1` uses")


def webhook_secrets(dev: Program, *more: str) -> list[str]:
    """Store more secrets for webhooks. Return all that the stack has."""
    client = emulator_of(dev).clients.secrets
    (name,) = [name for name in SecretVersions(client).names("aichats/") if name.endswith("/webhook")]
    value = json.loads(SecretVersions(client).current(name).text)
    secrets: list[str] = [*value["secrets"], *more]
    client.put_secret_value(SecretId=name, SecretString=json.dumps({"secrets": secrets}))
    return secrets


def log_in(dev: Program) -> None:
    """Type the command that it shows, and allow access in a browser."""
    with running_login(dev) as (login, url):
        allow(url)
        assert login.process.wait(PATIENCE) == 0, login.printed


def test_an_api_key_may_not_write_if_you_say_so() -> None:
    with running_dev("--keys", "forbidden") as dev, plain_client(base_url=dev.value("HTTP API")) as api:
        assert "Connect a user with aichats admin connect." in dev.printed
        headers = {"Authorization": f"Bearer {BEARER}"}
        reply = api.post("/chats", json={"message_text": "Hello", "company_id": "biz_A"}, headers=headers)

        assert (reply.status_code, reply.json()["upstream"]["status"]) == (502, 403)


def test_a_schedule_that_is_created_while_it_runs_fires_in_its_zone(dev: Program) -> None:
    aws = emulator_of(dev).clients
    outputs = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
    values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    function = aws.functions.get_function(FunctionName=values["RunScheduleFunction"])["Configuration"]
    action = {"type": "whop.create_chat", "message_text": "Kia ora"}
    event = {"automation": "new", "scheduled_time": "<aws.scheduler.scheduled-time>", "action": action}
    text = json.dumps(event | {"targets": ["biz_NZ"]})
    schedules = aws.schedules  # made before the time counts: that takes a while
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=10)
    schedules.create_schedule(
        Name="new",
        GroupName=values["ScheduleGroup"],
        ScheduleExpression=f"at({soon.astimezone(ZoneInfo('Pacific/Auckland')):%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="Pacific/Auckland",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": function["FunctionArn"], "RoleArn": function["Role"], "Input": text},
    )
    whop = whop_of(dev)
    (chat,) = until(lambda: [chat for chat in whop.state()["chats"] if chat["company_id"] == "biz_NZ"])
    assert chat["message_text"] == "Kia ora"
    assert dev.wait_for(re.escape(fired_for("new"))).endswith(fired_for("new") + iso(soon))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_all_that_it_started(number: signal.Signals) -> None:
    with running_dev() as dev:
        httpx.get(f"{dev.value('HTTP API')}/health", timeout=60, trust_env=False).raise_for_status()
        started = descendants(dev.process.pid)
        assert len(started) >= 4, "the local AWS, a function and both mock servers"
        assert dev.end(number) == 0
        assert until(lambda: not alive(started))


def test_a_port_that_is_taken_is_reported_before_anything_is_started() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = run_command(*DEV, "--port", str(port), cwd=ROOT)
    assert (done.returncode, done.stdout) == (1, "")
    shown = f"port {port} is in use. Stop its program, or choose another port with PORT=..."
    assert done.stderr.strip() == shown


def test_an_invalid_port_is_reported() -> None:
    done = run_command(*DEV, "--port", "70000", cwd=ROOT)
    assert done.returncode == 2
    assert "argument --port: '70000' is not a port. Use a number from 0 to 65535" in done.stderr
