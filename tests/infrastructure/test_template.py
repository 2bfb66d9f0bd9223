"""What template.yaml promises: nothing unwatched, nothing kept for ever, nothing allowed without a reason."""

import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from typing import Any

import pytest

from aichats.config import Settings
from aichats.runs.perform import ALARMING
from tests.template import ROOT, load_template, walk

TEMPLATE = load_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]

REASONS_FOR_STAR: dict[str, str] = {}
"""Action without resource-level permissions: why a function needs it."""

WATCHED = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName", "aichats": "service"}
"""The dimension that metrics of a namespace have: an alarm on another one never fires."""


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
SCHEDULED = [
    name
    for name, function in FUNCTIONS.items()
    if any(event["Type"] == "ScheduleV2" for event in function["Properties"].get("Events", {}).values())
]


QUEUES = of_type("AWS::SQS::Queue")
CONSUMED = {
    name: function["Properties"]["Events"][event]["Properties"]
    for name, function in FUNCTIONS.items()
    for event in function["Properties"].get("Events", {})
    if function["Properties"]["Events"][event]["Type"] == "SQS"
}
"""Functions that take messages of a queue, with how."""
DEAD_LETTERS = [name for name in QUEUES if name not in {event["Queue"]["Fn::GetAtt"][0] for event in CONSUMED.values()}]


def statements() -> list[dict[str, Any]]:
    return [node for _, node in walk(RESOURCES) if isinstance(node, dict) and "Effect" in node]


def deployed_parts() -> Iterator[tuple[str, Any]]:
    """What CloudFormation orders: SAM makes resources of their own out of a function's events."""
    for name, resource in RESOURCES.items():
        properties = dict(resource["Properties"])
        for event, body in properties.pop("Events", {}).items():
            yield f"{name}{event}", [body, {"Ref": name}]
        yield name, properties


def test_each_function_has_a_folder_and_each_folder_a_function() -> None:
    in_template = {function["Properties"]["CodeUri"].rstrip("/") for function in FUNCTIONS.values()}
    on_disk = {f"functions/{folder.name}" for folder in (ROOT / "functions").iterdir() if (folder / "app.py").is_file()}

    assert in_template == on_disk


def test_a_function_is_one_module_of_at_most_sixty_lines() -> None:
    for folder in {function["Properties"]["CodeUri"] for function in FUNCTIONS.values()}:
        modules = [file.name for file in (ROOT / folder).glob("*.py")]
        assert modules == ["app.py"]
        assert len((ROOT / folder / "app.py").read_text().splitlines()) <= 60


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_logs_to_a_group_of_its_own(name: str) -> None:
    group = FUNCTIONS[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]

    assert group in of_type("AWS::Logs::LogGroup")
    assert [f["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for f in FUNCTIONS.values()].count(group) == 1


@pytest.mark.parametrize("name", of_type("AWS::Logs::LogGroup"))
def test_no_log_is_kept_for_ever(name: str) -> None:
    assert "RetentionInDays" in RESOURCES[name]["Properties"]


@pytest.mark.parametrize("name", SCHEDULED)
def test_each_asynchronously_invoked_function_has_a_queue_for_failures(name: str) -> None:
    config = FUNCTIONS[name]["Properties"]["EventInvokeConfig"]

    assert config["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
    assert config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0] in of_type("AWS::SQS::Queue")


@pytest.mark.parametrize("name", SCHEDULED)
def test_each_schedule_retries_and_has_a_dead_letter_queue(name: str) -> None:
    for event in FUNCTIONS[name]["Properties"]["Events"].values():
        assert event["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert event["Properties"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in of_type("AWS::SQS::Queue")


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_each_dead_letter_queue_is_encrypted_keeps_fourteen_days_and_is_watched(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    watched = [
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"]["Dimensions"]
        if dimension["Name"] == "QueueName"
    ]

    assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert properties["SqsManagedSseEnabled"] is True
    assert name in watched


@pytest.mark.parametrize("name", CONSUMED)
def test_each_queue_that_a_function_takes_messages_from_leaves_it_time_and_ends_in_dead_letters(name: str) -> None:
    queue = RESOURCES[CONSUMED[name]["Queue"]["Fn::GetAtt"][0]]["Properties"]

    assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Properties"]["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in DEAD_LETTERS
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 3
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("name", CONSUMED)
def test_each_batch_fails_in_parts_and_is_bounded(name: str) -> None:
    assert CONSUMED[name]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert CONSUMED[name]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaxConcurrency"}}
    assert CONSUMED[name]["BatchSize"] == 10


def test_the_ledger_is_kept_when_the_stack_goes_and_can_be_restored() -> None:
    table = RESOURCES["RunsTable"]

    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    assert table["Properties"]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_the_metrics_that_alarms_watch_are_counted_by_the_code() -> None:
    ours = {
        alarm["Properties"]["MetricName"]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["Namespace"] == "aichats"
    }

    assert ours == {"RunsFailed", "RunsUnknown"}
    assert ours == set(ALARMING.values())
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == {
        "Ref": "AWS::StackName"
    }


def test_what_reads_or_writes_a_table_reads_or_writes_the_ledger() -> None:
    on_tables = [statement for statement in statements() if "dynamodb:" in json.dumps(statement["Action"])]

    assert len(on_tables) >= len(FUNCTIONS)
    assert all("RunsTable" in json.dumps(statement["Resource"]) for statement in on_tables)


@pytest.mark.parametrize("name", of_type("AWS::CloudWatch::Alarm"))
def test_each_alarm_watches_a_dimension_that_its_namespace_has(name: str) -> None:
    alarm = RESOURCES[name]["Properties"]

    assert [dimension["Name"] for dimension in alarm["Dimensions"]] == [WATCHED[alarm["Namespace"]]]
    assert alarm["AlarmActions"]["Fn::If"][1] == [{"Ref": "AlarmTopic"}]


def test_every_star_has_a_reason_and_every_reason_a_star() -> None:
    starred = {
        action
        for statement in statements()
        if statement.get("Resource") == "*" or "*" in statement.get("Resource", [])
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert starred == set(REASONS_FOR_STAR)


def test_no_statement_allows_all_actions_of_a_service() -> None:
    for statement in statements():
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert [action for action in actions if action.endswith("*")] == []


def test_the_scheduler_s_role_cannot_be_used_by_others() -> None:
    trust = RESOURCES["SchedulerRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert [set(statement["Condition"]["StringEquals"]) for statement in trust] == [
        {"aws:SourceAccount", "aws:SourceArn"}
    ]


def test_secrets_are_made_empty_and_read_only_by_the_functions_that_need_them() -> None:
    readers = {
        name: [
            re.search(r"/(\w+)-\?{6}$", policy["AWSSecretsManagerGetSecretValuePolicy"]["SecretArn"]["Fn::Sub"])
            for policy in function["Properties"]["Policies"]
            if "AWSSecretsManagerGetSecretValuePolicy" in policy
        ]
        for name, function in FUNCTIONS.items()
    }

    assert {secret["Properties"]["SecretString"] for secret in of_type("AWS::SecretsManager::Secret").values()} == {
        "{}"
    }
    assert {name: [found.group(1) for found in read if found] for name, read in readers.items()} == {
        # How fast a fan-out may be depends on the kind of Kodey's key.
        "RunScheduleFunction": ["whop", "kodey"],
        "PerformRunsFunction": ["whop", "kodey"],
        "PerformSlowRunsFunction": ["whop", "kodey"],
        "SweepRunsFunction": [],
        "HttpApiFunction": ["whop", "kodey", "callers"],
    }


def test_no_secret_stands_in_the_environment() -> None:
    variables = [
        (key, value) for path, node in walk(TEMPLATE) if path[-1:] == ("Variables",) for key, value in node.items()
    ]

    assert variables
    assert [key for key, value in variables if "resolve:secretsmanager" in json.dumps(value)] == []


def test_no_resource_depends_on_itself_in_a_circle() -> None:
    graph = {name: _references(part) & RESOURCES.keys() - {name} for name, part in deployed_parts()}

    assert RESOURCES.keys() <= set(TopologicalSorter(graph).static_order())


def test_each_parameter_is_used() -> None:
    used = _references(TEMPLATE["Resources"]) | _references(TEMPLATE["Conditions"]) | _references(TEMPLATE["Globals"])

    assert TEMPLATE["Parameters"].keys() - used == set()


def test_the_timeouts_fit_into_each_other() -> None:
    assert FUNCTIONS["HttpApiFunction"]["Properties"]["Timeout"] < 30
    assert FUNCTIONS["RunScheduleFunction"]["Properties"]["Timeout"] <= 900
    # A run claims for as long as its function may live: a call to the provider and its settling must fit.
    assert (
        FUNCTIONS["PerformRunsFunction"]["Properties"]["Timeout"]
        >= 3 * Settings.model_fields["whop_timeout_seconds"].default
    )


def test_slow_runs_have_the_same_code_and_a_queue_of_their_own() -> None:
    fast, slow = (FUNCTIONS[name]["Properties"] for name in ("PerformRunsFunction", "PerformSlowRunsFunction"))

    assert fast["CodeUri"] == slow["CodeUri"] == "functions/perform_runs/"
    queues = [part["Events"]["Messages"]["Properties"]["Queue"]["Fn::GetAtt"][0] for part in (fast, slow)]
    assert queues == ["RunQueue", "SlowRunQueue"]
    for part, queue in zip((fast, slow), queues, strict=True):
        assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] >= 6 * part["Timeout"]
        assert part["Events"]["Messages"]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_slow_run_fits_into_its_function() -> None:
    limits = Settings.model_fields
    calls = limits["kodey_timeout_seconds"].default * 2 + limits["kodey_answer_seconds"].default

    assert FUNCTIONS["PerformSlowRunsFunction"]["Properties"]["Timeout"] > calls


@pytest.mark.parametrize(("target", "expected"), [('"biz_A"', ["biz_A"]), ("null", [None])])
def test_the_schedule_s_input_is_the_event_that_the_function_takes(target: str, expected: list[str | None]) -> None:
    text, variables = FUNCTIONS["RunScheduleFunction"]["Properties"]["Events"]["Schedule"]["Properties"]["Input"][
        "Fn::Sub"
    ]
    filled = text.replace("${Target}", target).replace("${Message}", "Hello?")

    event = json.loads(filled.replace("<aws.scheduler.scheduled-time>", "2026-11-20T09:00:00Z"))

    assert variables.keys() == {"Target"}
    assert event["targets"] == expected
    assert event["action"] == {"type": "whop.create_chat", "message_text": "Hello?"}


def _references(node: Any) -> set[str]:
    """Names that Ref, GetAtt and Sub mention below a node."""
    found: set[str] = set()
    for _, part in walk(node):
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("Ref"), str):
            found.add(part["Ref"])
        if "Fn::GetAtt" in part:
            found.add(part["Fn::GetAtt"][0])
        if "Fn::Sub" in part:
            text = part["Fn::Sub"] if isinstance(part["Fn::Sub"], str) else part["Fn::Sub"][0]
            found |= set(re.findall(r"\$\{(\w+)", text))
        if "Condition" in part and isinstance(part["Condition"], str):
            found.add(part["Condition"])
    return found
