"""`aichats admin doctor` on the local AWS: a stack in order, and one with many things wrong at once."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from subprocess import CompletedProcess
from typing import Any

import boto3
import pytest

from aichats.aws.clients import converting
from aichats.aws.table import Table
from aichats.whop.connections import fingerprint
from aichats_cli.admin.doctor.examine import CHECKS
from local.system import System
from tests.support.commands import run_command
from tests.support.markdown import DOCS
from tests.support.mock_servers import Json, MockServer
from tests.support.running_automations import Automations

STATUSES = ("ok", "warn", "FAIL")


def run_doctor(stack: str) -> CompletedProcess[str]:
    """Run the command for a stack."""
    command = [sys.executable, "-m", "aichats_cli", "admin", "doctor", "--stack", stack]
    return run_command(*command, env=dict(os.environ))


class Doctor:
    """The command, with the lines of its last output."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self.lines: list[str] = []
        self.printed = ""

    def examine(self) -> int:
        """Run the command. Return its exit code."""
        done = run_doctor(self._stack)
        assert done.stderr == ""
        self.printed = done.stdout
        self.lines = done.stdout.splitlines()
        return done.returncode

    def of(self, subject: str) -> list[str]:
        """Return the status and the text of each line about a subject, and what to do."""
        found = []
        for line, following in zip(self.lines, [*self.lines[1:], ""], strict=True):
            if line[6:].startswith(f"{subject}  "):
                remedy = following.strip().removeprefix("to do: ") if following.startswith("   ") else ""
                found.append(f"{line[:4].strip()}: {line[24:]} -> {remedy}".removesuffix(" -> "))
        return found


@pytest.fixture
def doctor(account: System) -> Doctor:
    return Doctor(account.stack.name)


@pytest.fixture
def in_order(account: System, whop: MockServer, kodey: MockServer) -> Iterator[None]:
    """A stack that swept just now, and whose alarms reach an address."""
    assert (whop.state()["chats"], kodey.state()["chats"]) == ([], [])
    topics, topic = boto3.client("sns"), account.stack.outputs["AlarmTopic"]
    address = topics.subscribe(TopicArn=topic, Protocol="email", Endpoint="you@example.com", ReturnSubscriptionArn=True)
    account.invoke("SweepRunsFunction", {})
    yield
    topics.unsubscribe(SubscriptionArn=address["SubscriptionArn"])


@pytest.mark.usefixtures("in_order")
def test_a_stack_in_order_has_only_green_lines(doctor: Doctor) -> None:
    code = doctor.examine()

    # Runs of other tests may have failed.
    findings = [line for line in doctor.lines if line[:4].strip() in STATUSES and line[6:10] != "runs"]
    assert (code, [line for line in findings if line[:4] != "ok  "]) == (0, [])
    assert doctor.lines[-1].endswith(", 0 failed")
    assert doctor.of("stack") == ["ok: CREATE_COMPLETE", f"ok: version {version('aichats-cli')}, as this command"]
    assert {line[6:22].strip() for line in findings} == CHECKS.keys() - {"runs"}
    assert documented(0) == constant_parts(doctor.lines)


class Breaker:
    """Breaks parts of a stack until the test ends."""

    def __init__(self, system: System, automations: Automations, undo: ExitStack) -> None:
        self.stack = system.stack
        self._clients = system.emulator.clients
        self._automations = automations
        self._undo = undo

    def store(self, output: str, value: Any) -> None:
        """Store another value in a secret."""
        secrets, name = self._clients.secrets, self.stack.outputs[output]
        before = secrets.get_secret_value(SecretId=name)["SecretString"]
        self._undo.callback(secrets.put_secret_value, SecretId=name, SecretString=before)
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(value))

    def break_connection(self) -> None:
        """Store a connection whose refresh token Whop rejected, and companies that use it and a missing one."""
        secrets, secret = self._clients.secrets, f"{self.stack.outputs['WhopSecret']}/acme"
        tokens = {"refresh_token": "refresh-secret", "access_token": "oauth_secret"}
        ends = int((datetime.now(UTC) + timedelta(hours=1)).timestamp())
        grant = {"client_id": "app_1", "expires_at": ends, **tokens}
        secrets.create_secret(Name=secret, SecretString=json.dumps({"oauth": grant}))
        self._undo.callback(secrets.delete_secret, SecretId=secret, ForceDeleteWithoutRecovery=True)
        runs = Table(converting(self._clients.dynamodb), self.stack.outputs["RunsTable"])
        broken = {"broken": fingerprint("refresh-secret"), "reason": "whop: 400 invalid_grant: It was revoked"}
        runs.overwrite([{"run_id": "connection:acme", **broken}])
        self._undo.callback(runs.delete, "connection:acme", runs.is_present)
        companies = {"biz_A": {"connection": "acme"}, "biz_B": {"connection": "gone"}, "biz_C": "key-of-c"}
        self.store("WhopSecret", {"api_key": "local-key", "companies": companies})

    def break_schedules(self) -> None:
        """Delete the schedule of an automation, add one of no automation, and disable the sweep's."""
        schedules, group = self._clients.schedules, self.stack.outputs["ScheduleGroup"]
        self._automations.put("weekly", {"type": "schedule", "expression": "cron(0 9 ? * MON *)"}, "biz_A")
        self._automations.age("weekly")
        schedules.delete_schedule(GroupName=group, Name=f"{group}-automation-weekly")
        sweep = schedules.get_schedule(GroupName=group, Name=f"{group}-sweep")
        same: Any = {name: sweep[name] for name in ("ScheduleExpression", "FlexibleTimeWindow", "Target")}
        enabled: Json = {"GroupName": group, "Name": f"{group}-sweep", "State": "ENABLED", **same}
        self._undo.callback(lambda: schedules.update_schedule(**enabled))
        schedules.update_schedule(**{**enabled, "State": "DISABLED"})
        orphan: Json = {"GroupName": group, "Name": f"{group}-automation-orphan"}
        schedules.create_schedule(**orphan, **same)
        self._undo.callback(lambda: schedules.delete_schedule(**orphan))

    def disable_event_source(self) -> str:
        """Disable the event source of the function for queued runs. Return its id."""
        functions, name = self._clients.functions, self.stack.outputs["PerformRunsFunction"]
        [mapping] = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self._undo.callback(functions.update_event_source_mapping, UUID=mapping["UUID"], Enabled=True)
        return mapping["UUID"]

    def add_dead_letter(self) -> None:
        """Put a message into the queue of dead letters."""
        queues, queue = self._clients.queues, self.stack.outputs["RunDeadLetters"]
        queues.send_message(QueueUrl=queue, MessageBody="not ours")
        self._undo.callback(queues.purge_queue, QueueUrl=queue)

    def turn_alarm_on(self) -> None:
        """Turn an alarm on."""
        alarms, name = boto3.client("cloudwatch"), self.stack.resources["RunsMissedAlarm"]
        alarms.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
        self._undo.callback(alarms.set_alarm_state, AlarmName=name, StateValue="OK", StateReason="a test")

    def empty_secrets(self) -> None:
        """Empty the secrets of API clients and webhooks, although an automation listens for webhooks."""
        self._automations.put("listens", {"type": "webhook", "events": ["payment.failed"]}, "biz_A")
        self.store("CallersSecret", {})
        self.store("WebhookSecret", {})


@pytest.fixture
def breaker(account: System, automations: Automations) -> Iterator[Breaker]:
    with ExitStack() as undo:
        yield Breaker(account, automations, undo)


def test_each_of_many_things_that_are_wrong_at_once_has_a_line_that_says_what_to_do(
    breaker: Breaker, doctor: Doctor, whop: MockServer, kodey: MockServer
) -> None:
    breaker.break_connection()
    breaker.break_schedules()
    breaker.add_dead_letter()
    breaker.turn_alarm_on()
    breaker.empty_secrets()
    mapping = breaker.disable_event_source()
    whop.mode(api_keys="forbidden")
    kodey.faults({"method": "GET", "path": "/chat", "fault": "status:401"})

    assert doctor.examine() == 1

    for subject, line in expected_lines(breaker.stack.name, breaker.stack.outputs["WebhookUrl"], mapping):
        assert any(found.startswith(line) for found in doctor.of(subject)), f"{line}\n{doctor.printed}"
    assert set(documented(1)) <= set(constant_parts(doctor.lines))
    assert not any(secret in doctor.printed for secret in ("local-key", "key-of-c", "sk_live", "-secret", "oauth_"))


def documented(number: int) -> list[str]:
    """Return the findings in an output on the page about operations, without what differs each time."""
    outputs = re.findall(r"^```text\n(.*?)^```$", (DOCS / "operations/index.md").read_text(), re.MULTILINE | re.DOTALL)
    return constant_parts(outputs[number].splitlines())


def constant_parts(lines: list[str]) -> list[str]:
    """Return lines without ids and numbers. Lines about runs are left out: runs of other tests may have failed."""
    kept = [line for line in lines if line and line[6:10] != "runs" and "runsfailedalarm" not in line]
    return [re.sub(r"[0-9a-f]{8}[0-9a-f-]*|\d+", "N", line) for line in kept if not re.match(r"aichats-\w+: ", line)]


def expected_lines(stack: str, url: str, mapping: str) -> Iterator[tuple[str, str]]:
    """Yield the subject of each expected line, and its beginning."""
    login, by_alarm = (
        f"aichats admin connect --connection %s --client-id %s --stack {stack}",
        "read docs/operations/by-alarm.md",
    )
    missing = "FAIL: biz_B uses the connection gone, which doesn't exist"
    yield "credentials", f"{missing} -> {login % ('gone', 'app_...')}"
    broken = "FAIL: acme is broken. whop: 400 invalid_grant: It was revoked"
    yield "connections", f"{broken} -> {login % ('acme', 'app_1')}"
    denied = "is accepted, but it looks unable to create and change chats (403)"
    yield "Whop keys", f"warn: the key of biz_C {denied} -> aichats admin connect --client-id app_... --stack {stack}"
    rejected = "FAIL: the key is rejected: 401: Unauthorized: Invalid API key"
    yield "Kodey key", f"{rejected} -> aichats admin secret set kodey --stack {stack}"
    unregistered = f"FAIL: Whop has no webhook for {url} -> aichats admin webhook --stack {stack}"
    yield "webhook", unregistered
    unsigned = "FAIL: aichats/dev/webhook is empty, so all webhooks are rejected"
    yield "webhook secret", f"{unsigned} -> aichats admin webhook --stack {stack}"
    create = f"aichats admin callers add crm --scopes chats:read,chats:write --stack {stack}"
    yield "API clients", f"warn: none, so the HTTP API rejects all calls -> {create}"
    enable = f"aws lambda update-event-source-mapping --enabled --uuid {mapping}"
    yield "event sources", f"FAIL: PerformRunsFunction's event source is Disabled, so its runs wait -> {enable}"
    yield "own schedules", f"FAIL: {stack}-sweep is disabled -> enable it in the console of EventBridge Scheduler"
    yield "automations", "FAIL: automation weekly has no schedule, so it doesn't fire -> the sweep repairs it"
    yield "automations", f"warn: {stack}-automation-orphan belongs to no automation, and its events do nothing"
    yield "alarm topic", "warn: alarms reach no address -> aichats admin deploy --parameter AlarmEmail=you@example.com"
    yield "alarms", f"FAIL: RunsMissedAlarm is on -> {by_alarm}#runsmissedalarm"
    yield "dead letters", f"FAIL: RunDeadLetters has 1 message -> aichats admin redrive --stack {stack}"


@pytest.mark.usefixtures("account")
def test_a_stack_that_does_not_exist_is_reported() -> None:
    done = run_doctor("nope")

    assert (done.returncode, done.stderr) == (1, "Error: stack nope doesn't exist in eu-west-1\n")
