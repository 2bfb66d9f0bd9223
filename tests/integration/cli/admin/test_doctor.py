"""The checks of `aichats admin doctor`, one part of the stack at a time."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version

import pytest

from aichats.automations.row import AutomationRow
from aichats.automations.table import AutomationTable
from aichats.errors import UnreadableError
from aichats.runs.stack_pause import StackPause
from aichats.schedules.pauses import Pauses, PauseWindow
from aichats_cli.admin.doctor.findings import RESTORE, Finding, fine, summary
from aichats_cli.admin.doctor.infrastructure import (
    check_event_sources,
    check_functions,
    check_quota,
    check_state,
)
from aichats_cli.admin.doctor.operation import (
    check_alarms,
    check_dead_letters,
    check_runs,
    check_sweep,
    check_topic,
)
from aichats_cli.admin.doctor.runner import run_checks
from aichats_cli.admin.doctor.schedules import check_automations, check_own_schedules, check_pauses
from aichats_cli.admin.doctor.sections import section_of
from tests.support.automations import scheduled
from tests.support.doctor_bench import STACK, DoctorBench
from tests.support.fakes import aws_error
from tests.support.ledgers import dynamodb
from tests.support.markdown import DOCS, anchors
from tests.support.template import of_type
from tests.support.waiting import PATIENCE

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ALARMS = (DOCS / "reference/alarms.md").read_text()
BY_ALARM = "read docs/operations/by-alarm.md"


@pytest.fixture
def bench() -> DoctorBench:
    return DoctorBench()


# ---- all checks together


def lines_of(results: Iterator[tuple[str, list[Finding]]]) -> dict[str, list[str]]:
    return {name: [f"{each.status}: {each.text}" for each in findings] for name, findings in results}


def test_a_check_that_fails_does_not_hide_the_others_or_what_it_found_before() -> None:
    def denied(_: object) -> Iterator[Finding]:
        yield fine("half of it")
        raise aws_error("AccessDeniedException", "Not authorized to perform: sns:ListSubscriptions")

    def broken(_: object) -> list[Finding]:
        raise ValueError("a secret: apik_1")

    def unreadable(_: object) -> list[Finding]:
        raise UnreadableError("row x can't\nbe read")

    checks = {"a": denied, "b": broken, "c": unreadable, "d": lambda _: [fine("well")]}
    assert lines_of(run_checks(checks, None)) == {
        "a": [
            "ok: half of it",
            "warn: can't be checked: AccessDeniedException: Not authorized to perform: sns:ListSubscriptions",
        ],
        "b": ["warn: can't be checked: ValueError in this command"],
        "c": ["warn: can't be checked: row x can't be read"],
        "d": ["ok: well"],
    }


def test_a_check_that_never_ends_is_reported_after_the_limit() -> None:
    end = threading.Event()

    def hangs(_: object) -> Iterator[Finding]:
        yield fine("half of it")
        end.wait(PATIENCE)

    found = lines_of(run_checks({"a": hangs, "b": lambda _: [fine("well")]}, None, limit=0.2))
    end.set()
    assert found == {
        "a": ["ok: half of it", "warn: can't be checked: no answer within 0 s"],
        "b": ["ok: well"],
    }


def test_the_checks_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=PATIENCE)

    def meets(_: object) -> Iterator[Finding]:
        meeting.wait()
        yield fine("met")

    assert lines_of(run_checks({"a": meets, "b": meets}, None)) == {"a": ["ok: met"], "b": ["ok: met"]}


def test_the_summary_counts_each_status() -> None:
    findings = [fine("x"), fine("y"), Finding("warn", "z"), Finding("FAIL", "z", "do")]
    assert summary(findings) == "2 ok, 1 to look at, 1 failed"


# ---- the stack


@pytest.mark.parametrize(
    ("status", "line"),
    [
        ("UPDATE_COMPLETE", "ok: UPDATE_COMPLETE"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "ok: UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        (
            "UPDATE_IN_PROGRESS",
            "warn: UPDATE_IN_PROGRESS: a deployment is running -> wait, then type: aichats admin doctor",
        ),
        ("UPDATE_ROLLBACK_COMPLETE", "warn: UPDATE_ROLLBACK_COMPLETE: the last deployment failed"),
        ("IMPORT_COMPLETE", "FAIL: IMPORT_COMPLETE: only the kept secrets and tables exist -> aichats admin deploy"),
        ("UPDATE_ROLLBACK_FAILED", "FAIL: UPDATE_ROLLBACK_FAILED: the stack doesn't work as deployed -> find"),
        ("ROLLBACK_COMPLETE", "FAIL: ROLLBACK_COMPLETE: the stack doesn't work as deployed -> find"),
    ],
)
def test_the_state_of_the_stack_is_shown(bench: DoctorBench, status: str, line: str) -> None:
    bench.status = status
    assert bench.lines(check_state)[0].startswith(line)


@pytest.mark.parametrize(
    ("stage", "command"), [("dev", "aichats admin deploy"), ("prod", "aichats admin deploy --env prod")]
)
def test_another_version_than_the_commands_says_how_to_deploy(bench: DoctorBench, stage: str, command: str) -> None:
    bench.parameters["Stage"] = stage
    [_, found] = check_state(bench.stack)
    assert found.text == f"version 0.0.1 is deployed, and this command is {version('aichats-cli')}"
    assert (found.status, found.remedy) == ("warn", command)


def test_a_function_that_lambda_cannot_run_is_named(bench: DoctorBench) -> None:
    assert bench.lines(check_functions) == ["ok: all 9 are active"]
    bench.functions.function = {"State": "Failed", "StateReason": "The layer is gone", "LastUpdateStatus": "Failed"}
    lines = bench.lines(check_functions)
    assert len(lines) == 18
    assert lines[0] == "FAIL: RunScheduleFunction is Failed: The layer is gone -> aichats admin deploy"
    bench.functions.function = {"State": "Inactive"}
    assert bench.lines(check_functions)[0].startswith("warn: RunScheduleFunction is Inactive")


def test_an_event_source_that_is_missing_or_changing_is_named(bench: DoctorBench) -> None:
    bench.functions.event_sources = [{"UUID": "1", "State": "Enabling"}]
    assert bench.lines(check_event_sources)[0].startswith("warn: PerformRunsFunction's event source is Enabling")
    bench.functions.event_sources = []
    assert [line.partition(" -> ")[0] for line in bench.lines(check_event_sources)] == [
        "FAIL: PerformRunsFunction has no event source, so its runs wait",
        "FAIL: PerformSlowRunsFunction has no event source, so its runs wait",
        "FAIL: PublishEventsFunction has no event source, so its events wait",
        "FAIL: DeliverEventsFunction has no event source, so its deliveries wait",
    ]


def test_a_disabled_event_source_is_named_even_if_another_one_works(bench: DoctorBench) -> None:
    bench.functions.event_sources = [{"UUID": "1", "State": "Enabled"}, {"UUID": "2", "State": "Disabled"}]
    enable = "aws lambda update-event-source-mapping --enabled --uuid 2"
    line = f"FAIL: DeliverEventsFunction's event source is Disabled, so its deliveries wait -> {enable}"
    assert bench.lines(check_event_sources)[-1] == line
    bench.functions.event_sources = [{"UUID": "1", "State": "Enabled"}, {"UUID": "2", "State": "Enabled"}]
    assert bench.lines(check_event_sources)[2:] == [
        "ok: PublishEventsFunction receives changes",
        "ok: DeliverEventsFunction receives messages",
    ]


@pytest.mark.parametrize(
    ("concurrency", "batches", "line"),
    [
        (10, "2", "warn: 10 concurrent executions in this account and region; the stack may need 15"),
        (100, "100", "warn: 100 concurrent executions in this account and region; the stack may need 113"),
        (15, "2", "ok: 15 concurrent executions in this account and region"),
    ],
)
def test_the_quota_is_compared_with_the_parameters(
    bench: DoctorBench, concurrency: int, batches: str, line: str
) -> None:
    bench.functions.concurrency = concurrency
    bench.parameters["MaxConcurrency"] = batches
    assert bench.lines(check_quota)[0].startswith(line)


def test_an_output_that_an_older_stack_does_not_have_says_how_to_deploy(bench: DoctorBench) -> None:
    del bench.outputs["Version"]
    found = lines_of(run_checks({"stack": check_state}, bench.stack))["stack"]
    assert found[0] == "ok: CREATE_COMPLETE"
    assert found[1].startswith("warn: can't be checked: the stack has no output Version. If it is a stack of aichats")


# ---- schedules


def add_schedule(bench: DoctorBench, name: str, state: str = "ENABLED") -> None:
    bench.scheduler.create_schedule(
        Name=name, State=state, ScheduleExpression="cron(0 9 * * ? *)", ScheduleExpressionTimezone="UTC"
    )


def test_the_schedules_of_automations_are_compared_with_the_table(bench: DoctorBench) -> None:
    for name in ("good", "missing", "off"):
        bench.put(name, scheduled("cron(0 9 ? * MON *)"))
    bench.put("new", scheduled("cron(0 9 ? * MON *)"), age=MINUTE)
    bench.put("paused", scheduled("cron(0 9 ? * MON *)", enabled=False))
    add_schedule(bench, f"{STACK}-automation-good")
    add_schedule(bench, f"{STACK}-automation-off", "DISABLED")
    add_schedule(bench, f"{STACK}-automation-paused", "DISABLED")
    add_schedule(bench, f"{STACK}-automation-orphan")
    missing, off, orphan, counts = [line.partition(" -> ")[0] for line in bench.lines(check_automations)]
    assert missing == "FAIL: automation missing has no schedule, so it doesn't fire"
    assert off == "FAIL: automation off: its schedule is DISABLED, not ENABLED"
    assert orphan == f"warn: {STACK}-automation-orphan belongs to no automation, and its events do nothing"
    assert counts == "ok: 5 automations; schedules: 1 enabled, 2 disabled"


def test_an_automation_that_this_version_cannot_read_is_named_and_its_schedule_is_no_orphan(
    bench: DoctorBench,
) -> None:
    bench.put("odd", scheduled("cron(0 9 ? * MON *)"))
    dynamodb().update_item(
        TableName=bench.outputs["AutomationsTable"],
        Key={"name": {"S": "odd"}},
        UpdateExpression="SET #definition = :text",
        ExpressionAttributeNames={"#definition": "definition"},
        ExpressionAttributeValues={":text": {"S": "{}"}},
    )
    add_schedule(bench, f"{STACK}-automation-odd")
    assert [line.partition(" -> ")[0] for line in bench.lines(check_automations)] == [
        "FAIL: automation odd can't be read by this version",
        "ok: 0 automations; schedules: 0 enabled, 0 disabled",
    ]


def _with_pause(window: PauseWindow, now: datetime, row: AutomationRow) -> Pauses:
    return row.pauses.add(window, now)


def test_a_paused_stack_and_paused_automations_are_named_with_what_to_do(bench: DoctorBench) -> None:
    for name in ("weekly", "paused", "planned"):
        bench.put(name, scheduled())
    assert bench.lines(check_pauses) == ["ok: neither the stack nor an automation is paused"]
    now = datetime.now(UTC)
    until = (now + DAY).replace(microsecond=0)
    table = AutomationTable(dynamodb(), bench.outputs["AutomationsTable"])
    for name, window in (
        ("paused", PauseWindow(now, None, "ops", now)),
        ("planned", PauseWindow(until, None, "ops", now)),
    ):
        table.change_pauses(name, partial(_with_pause, window, now))
    holidays = PauseWindow(now, until, "zoe", now, "holidays")
    StackPause(bench.runs).change(lambda pauses: pauses.add(holidays, now), now)
    assert bench.lines(check_pauses) == [
        f"warn: the stack is paused by zoe until {until:%Y-%m-%dT%H:%M:%SZ}: holidays -> aichats auto resume --all",
        "warn: automation paused is paused by ops -> aichats auto resume paused",
    ]


def test_the_built_in_schedule_must_be_enabled_only_with_a_message(bench: DoctorBench) -> None:
    for name in ("sweep", "refresh-tokens"):
        add_schedule(bench, f"{STACK}-{name}")
    assert bench.lines(check_own_schedules) == [
        f"ok: {STACK}-sweep is enabled",
        f"ok: {STACK}-refresh-tokens is enabled",
    ]
    bench.parameters["Message"] = "Hello"
    assert bench.lines(check_own_schedules)[-1].startswith(f"FAIL: {STACK}-schedule is missing -> ")


# ---- alarms, queues and runs


def test_a_subscription_that_is_not_confirmed_says_where_to_click(bench: DoctorBench) -> None:
    arn = "arn:aws:sns:eu-west-1:1:topic:1"
    pending = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "you@example.com"}
    bench.topics.subscriptions = [{"SubscriptionArn": "Deleted", "Endpoint": "old@example.com"}]
    assert bench.lines(check_topic)[0].startswith("warn: alarms reach no address -> aichats admin deploy --parameter")
    bench.topics.subscriptions = [pending]
    waiting = "warn: you@example.com has not confirmed -> click the link in the e-mail from AWS Notifications"
    assert bench.lines(check_topic) == [waiting]
    bench.topics.subscriptions = [{"SubscriptionArn": arn, "Endpoint": "queue"}, pending]
    assert bench.lines(check_topic) == [waiting, "ok: alarms reach 1 of 2 subscriptions"]


def test_the_alarms_of_a_stack_with_a_similar_name_are_left_out(bench: DoctorBench) -> None:
    bench.alarms.states = {f"{STACK}-RunsFailedAlarm-1": "OK", f"{STACK}-2-RunsFailedAlarm-1": "ALARM"}
    assert bench.lines(check_alarms) == ["ok: none of 1 is on"]
    bench.alarms.states = {f"{STACK}-2-RunsFailedAlarm-1": "ALARM"}
    assert bench.lines(check_alarms) == [f"FAIL: the stack has no alarms -> {RESTORE}"]


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_each_alarm_leads_to_its_section(alarm: str) -> None:
    [anchor] = re.findall(rf"\[`{alarm}`\]\(\.\./operations/by-alarm\.md(#[a-z0-9-]+)\)", ALARMS)
    assert section_of(alarm) == f"docs/operations/by-alarm.md{anchor}"
    assert anchor[1:] in anchors(DOCS / "operations/by-alarm.md")


def test_a_sweep_that_does_not_run_is_found_from_its_metric(bench: DoctorBench) -> None:
    now = datetime.now(UTC)
    bench.alarms.sweeps = [now - timedelta(hours=2), now - 8 * MINUTE]
    assert bench.lines(check_sweep)[0].startswith("ok: ran within the last ")
    bench.alarms.sweeps = [now - timedelta(hours=2)]
    assert bench.lines(check_sweep)[0].startswith("FAIL: has not run since ")
    bench.alarms.sweeps = []
    assert bench.lines(check_sweep) == [f"FAIL: has not run in the last three hours -> {BY_ALARM}#nosweepsalarm"]
    bench.created = now - MINUTE
    assert bench.lines(check_sweep)[0].startswith("warn: has not run yet. The stack is new")


def test_each_queue_for_failures_says_what_to_do_with_its_messages(bench: DoctorBench) -> None:
    assert bench.lines(check_dead_letters) == ["ok: none in 7 queues"]
    bench.queues.counts = {"RunScheduleFailures": 1, "ScheduleDeadLetters": 2}
    assert bench.lines(check_dead_letters) == [
        f"FAIL: RunScheduleFailures has 2 messages -> aichats admin redrive --stack {STACK}",
        f"FAIL: ScheduleDeadLetters has 4 messages -> {BY_ALARM}#scheduledeadlettersalarm",
    ]


def test_runs_of_the_last_day_that_failed_or_are_unknown_are_counted(bench: DoctorBench) -> None:
    assert bench.lines(check_runs) == ["ok: none of the last 24 hours is failed or unknown"]
    now = datetime.now(UTC)
    for number, (status, age) in enumerate(
        [("failed", MINUTE), ("failed", MINUTE), ("unknown", DAY), ("failed", 2 * DAY)]
    ):
        made_at = f"{(now - age + MINUTE):%Y-%m-%dT%H:%M:%S.000Z} {number}"
        bench.runs.overwrite([{"run_id": f"{number}", "lane": "0", "made_at": made_at, "ended": status}])
    unknown, failed = bench.lines(check_runs)
    assert unknown.startswith("warn: 1 of the last 24 hours are unknown")
    assert failed == f"warn: 2 of the last 24 hours failed -> {BY_ALARM}#runsfailedalarm"
