"""Tests of template.yaml: everything is watched, no data is kept forever, each permission has a reason."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from graphlib import TopologicalSorter
from typing import Any

import pytest

from aichats.api.routes.webhooks import ANSWER_SECONDS
from aichats.automations.reconcile import DONE_AFTER
from aichats.automations.scheduler import MAX_EVENT_AGE
from aichats.automations.webhook_index import WEBHOOK_ATTRIBUTE, WEBHOOK_INDEX
from aichats.errors import ConfigurationError
from aichats.invocation import MARGIN_SECONDS
from aichats.kodey.settings import MAX_ANSWER_SECONDS
from aichats.runs.messages import RUNS_SECONDS
from aichats.settings import MAX_CALL_SECONDS, SweepSettings
from aichats.subscriptions.deliver import ATTEMPT_TIME
from aichats_cli.admin.deployed import OUTPUTS
from local.deploy import ASKED
from local.setup import ROOT
from tests.support.template import load_template, walk

TEMPLATE = load_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
SCHEDULES = of_type("AWS::Scheduler::Schedule")
SCHEDULED = {schedule["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in SCHEDULES.values()}
"""Functions that schedules invoke, which is asynchronous."""
QUEUES = of_type("AWS::SQS::Queue")
CONSUMED = {
    name: function["Properties"]["Events"][event]["Properties"]
    for name, function in FUNCTIONS.items()
    for event in function["Properties"].get("Events", {})
    if function["Properties"]["Events"][event]["Type"] == "SQS"
}
"""Functions that receive messages of a queue, with the properties of the event source."""
DEAD_LETTERS = [name for name in QUEUES if name not in {event["Queue"]["Fn::GetAtt"][0] for event in CONSUMED.values()}]


def deployed_parts() -> Iterator[tuple[str, Any]]:
    """Yield the resources that CloudFormation orders. SAM creates separate resources for the events of a function."""
    for name, resource in RESOURCES.items():
        properties = dict(resource.get("Properties", {}))
        for event, body in properties.pop("Events", {}).items():
            yield f"{name}{event}", [body, {"Ref": name}]
        yield name, [properties, {"Ref": resource.get("DependsOn")}]


def test_the_output_with_the_version_is_the_version_of_the_project_and_of_the_command() -> None:
    files = [ROOT / "pyproject.toml", ROOT / "cli" / "pyproject.toml"]
    versions = [tomllib.loads(file.read_text())["project"]["version"] for file in files]
    assert versions == [TEMPLATE["Outputs"]["Version"]["Value"]] * 2


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
def test_no_log_is_kept_forever(name: str) -> None:
    assert "RetentionInDays" in RESOURCES[name]["Properties"]


@pytest.mark.parametrize("name", sorted(SCHEDULED))
def test_each_asynchronously_invoked_function_has_a_queue_for_failures(name: str) -> None:
    config = FUNCTIONS[name]["Properties"]["EventInvokeConfig"]

    assert config["DestinationConfig"]["OnFailure"]["Type"] == "SQS"
    assert config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0] in of_type("AWS::SQS::Queue")


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_retries_and_has_a_dead_letter_queue(name: str) -> None:
    target = SCHEDULES[name]["Properties"]["Target"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] in QUEUES


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_fires_before_its_role_may_invoke_the_function(name: str) -> None:
    assert SCHEDULES[name]["DependsOn"] == "SchedulerPolicy"
    assert SCHEDULES[name]["Properties"]["Target"]["RoleArn"] == {"Fn::GetAtt": ["SchedulerRole", "Arn"]}
    allowed = RESOURCES["SchedulerPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Resource"]
    assert SCHEDULES[name]["Properties"]["Target"]["Arn"] in allowed


def test_the_first_sweep_is_retried_while_permissions_spread() -> None:
    config = FUNCTIONS["SweepRunsFunction"]["Properties"]["EventInvokeConfig"]
    assert config["MaximumRetryAttempts"] == 1
    # By then, the next sweep has come.
    assert config["MaximumEventAgeInSeconds"] == 300


@pytest.mark.parametrize("name", DEAD_LETTERS)
def test_each_dead_letter_queue_is_encrypted_and_watched_and_keeps_messages_for_fourteen_days(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    watched = [
        dimension["Value"]["Fn::GetAtt"][0]
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"].get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    ]

    assert properties["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert properties["SqsManagedSseEnabled"] is True
    assert name in watched


@pytest.mark.parametrize("name", CONSUMED)
def test_each_queue_of_runs_gives_its_function_time_and_has_a_dead_letter_queue(name: str) -> None:
    queue = RESOURCES[CONSUMED[name]["Queue"]["Fn::GetAtt"][0]]["Properties"]

    assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Properties"]["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in DEAD_LETTERS
    # Throttled polls count too.
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 10
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("name", CONSUMED)
def test_each_batch_can_fail_in_part_and_is_limited(name: str) -> None:
    assert CONSUMED[name]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    limit = {
        "PerformRunsFunction": {"Ref": "MaxConcurrency"},
        "PerformSlowRunsFunction": {"Ref": "MaxSlowConcurrency"},
        "DeliverEventsFunction": 2,
    }[name]
    assert CONSUMED[name]["ScalingConfig"] == {"MaximumConcurrency": limit}
    assert CONSUMED[name]["BatchSize"] == 10


def test_both_queues_leave_half_of_a_new_account_s_concurrency_to_the_api() -> None:
    concurrency = 10
    used = [TEMPLATE["Parameters"][name]["Default"] for name in ("MaxConcurrency", "MaxSlowConcurrency")]
    assert used == [2, 2]
    assert sum(used) <= concurrency / 2


@pytest.mark.parametrize("name", CONSUMED)
def test_a_function_that_sends_to_the_queue_that_invokes_it_allows_recursion(name: str) -> None:
    role = RESOURCES[FUNCTIONS[name]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
    statements = [statement for policy in role["Policies"] for statement in policy["PolicyDocument"]["Statement"]]
    sent_to = [
        statement["Resource"] for statement in statements if "sqs:SendMessage" in json.dumps(statement["Action"])
    ]
    assert json.dumps(CONSUMED[name]["Queue"]) in json.dumps(sent_to)
    assert FUNCTIONS[name]["Properties"]["RecursiveLoop"] == "Allow"


@pytest.mark.parametrize("name", of_type("AWS::DynamoDB::Table"))
def test_each_table_can_be_restored_and_is_not_deleted_in_prod(name: str) -> None:
    table = RESOURCES[name]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert TEMPLATE["Conditions"]["IsProd"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}


@pytest.mark.parametrize("name", [*of_type("AWS::DynamoDB::Table"), *of_type("AWS::SecretsManager::Secret")])
def test_tables_and_secrets_outlive_the_stack_but_not_a_failed_first_deploy(name: str) -> None:
    resource = RESOURCES[name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_no_metrics_and_no_keys_cost_money_without_a_reader() -> None:
    settings = [node for path, node in walk(RESOURCES) if path[-1:] == ("DetailedMetricsEnabled",)]
    keys = [node for path, node in walk(RESOURCES) if path[-1:] in {("SSESpecification",), ("KmsMasterKeyId",)}]
    assert (settings, keys) == ([], [])


def test_webhooks_have_a_limit_of_their_own_below_that_of_the_other_routes() -> None:
    api = RESOURCES["HttpApi"]["Properties"]
    [event] = FUNCTIONS["ReceiveWebhookFunction"]["Properties"]["Events"].values()
    route = f"{event['Properties']['Method']} {event['Properties']['Path']}"
    assert api["RouteSettings"].keys() == {route}
    for limit in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        assert 0 < api["RouteSettings"][route][limit] < api["DefaultRouteSettings"][limit]


def test_the_access_log_does_not_use_up_the_account_s_resource_policy() -> None:
    assert RESOURCES["AccessLogs"]["Properties"]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


def test_an_automation_is_done_only_after_its_last_possible_event() -> None:
    function = FUNCTIONS["RunScheduleFunction"]["Properties"]["EventInvokeConfig"]["MaximumEventAgeInSeconds"]

    assert MAX_EVENT_AGE + timedelta(seconds=function) <= DONE_AFTER


def test_the_automations_table_has_an_index_of_the_event_types() -> None:
    properties = RESOURCES["AutomationsTable"]["Properties"]

    assert properties["KeySchema"] == [{"AttributeName": "name", "KeyType": "HASH"}]
    [index] = properties["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["KeySchema"][0]["AttributeName"]) == (WEBHOOK_INDEX, WEBHOOK_ATTRIBUTE)
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_the_parameter_for_missed_slots_agrees_with_the_setting() -> None:
    parameter = TEMPLATE["Parameters"]["MissedGraceSeconds"]
    least, most = parameter["MinValue"], parameter["MaxValue"]

    assert parameter["Default"] == SweepSettings.from_environment({}).missed_grace_seconds
    assert [is_grace(seconds) for seconds in (least - 1, least, most, most + 1)] == [False, True, True, False]


def is_grace(seconds: int) -> bool:
    """Return whether the setting may have a value."""
    try:
        SweepSettings.from_environment({"MISSED_GRACE_SECONDS": str(seconds)})
    except ConfigurationError:
        return False
    return True


def test_the_http_function_answers_all_other_paths_including_the_root() -> None:
    events = [event["Properties"] for event in FUNCTIONS["HttpApiFunction"]["Properties"]["Events"].values()]

    assert [(event["Method"], event["Path"]) for event in events] == [("ANY", "/{proxy+}"), ("ANY", "/")]
    assert [event["ApiId"] for event in events] == [{"Ref": "HttpApi"}] * 2


def test_whop_s_webhook_has_a_route_and_a_function_of_its_own_that_answers_in_time() -> None:
    function = FUNCTIONS["ReceiveWebhookFunction"]["Properties"]
    [event] = function["Events"].values()

    assert (event["Type"], event["Properties"]["Method"], event["Properties"]["Path"]) == (
        "HttpApi",
        "POST",
        "/webhooks/whop",
    )
    assert event["Properties"]["ApiId"] == {"Ref": "HttpApi"}
    assert ANSWER_SECONDS < 5 < function["Timeout"] <= FUNCTIONS["HttpApiFunction"]["Properties"]["Timeout"]
    # A whole CPU, because the time limit of expressions is measured on one.
    assert function["MemorySize"] >= 1769
    assert TEMPLATE["Outputs"]["WebhookUrl"]["Value"]["Fn::Sub"].endswith(event["Properties"]["Path"])


def test_each_secret_has_an_output_with_its_name() -> None:
    named = {short: TEMPLATE["Outputs"][output]["Value"] for short, output in OUTPUTS.items()}
    names = [secret["Properties"]["Name"] for secret in of_type("AWS::SecretsManager::Secret").values()]

    assert named == {short: {"Fn::Sub": f"aichats/${{Stage}}/{short}"} for short in OUTPUTS}
    assert sorted(map(str, names)) == sorted(map(str, named.values()))


def test_each_function_has_an_output_of_the_same_name() -> None:
    named = {name: output["Value"] for name, output in TEMPLATE["Outputs"].items() if name.endswith("Function")}

    assert named == {name: {"Ref": name} for name in of_type("AWS::Serverless::Function")}


@pytest.mark.parametrize("name", ["WhopBaseUrl", "KodeyBaseUrl"])
def test_a_provider_is_called_over_https_except_on_this_machine(name: str) -> None:
    pattern = re.compile(TEMPLATE["Parameters"][name]["AllowedPattern"])
    valid = ["https://api.whop.com/api/v1", "http://127.0.0.1:8001/api/v1", "http://localhost:1", "http://[::1]:8001"]
    invalid = [
        "http://api.whop.com/api/v1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://x",
    ]
    assert [url for url in valid if not pattern.fullmatch(url)] == []
    assert [url for url in invalid if pattern.fullmatch(url)] == []


def test_no_resource_depends_on_itself_in_a_circle() -> None:
    graph = {name: _references(part) & RESOURCES.keys() - {name} for name, part in deployed_parts()}

    assert RESOURCES.keys() <= set(TopologicalSorter(graph).static_order())


def test_each_parameter_is_used() -> None:
    used = _references(TEMPLATE["Resources"]) | _references(TEMPLATE["Conditions"]) | _references(TEMPLATE["Globals"])

    assert TEMPLATE["Parameters"].keys() - used == set()


def test_console_and_guided_deploy_ask_for_the_parameters_in_the_same_order() -> None:
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    # `sam deploy --guided` asks in the order of the template.
    assert grouped == list(TEMPLATE["Parameters"])
    assert interface["ParameterLabels"].keys() == TEMPLATE["Parameters"].keys()
    # `make deploy` asks for some of them.
    assert [name for name in grouped if name in ASKED] == list(ASKED)


@pytest.mark.parametrize("part", ["Parameters", "Outputs"])
def test_each_parameter_and_each_output_has_a_description(part: str) -> None:
    assert [name for name, body in TEMPLATE[part].items() if not body.get("Description")] == []


def test_each_pattern_comes_with_words_that_say_what_is_allowed() -> None:
    with_pattern = [body for body in TEMPLATE["Parameters"].values() if "AllowedPattern" in body]
    assert [body for body in with_pattern if "ConstraintDescription" not in body] == []


def test_no_resource_is_an_alias_of_another_one() -> None:
    # SAM CLI writes into a resource that it builds: two functions that are the same object would get the same code.
    assert len({id(resource) for resource in RESOURCES.values()}) == len(RESOURCES)
    assert len({id(function["Properties"]) for function in FUNCTIONS.values()}) == len(FUNCTIONS)


def test_the_timeouts_fit_into_each_other() -> None:
    assert FUNCTIONS["HttpApiFunction"]["Properties"]["Timeout"] < 30
    assert FUNCTIONS["RunScheduleFunction"]["Properties"]["Timeout"] <= 900
    # A run starts only if there is time for its call and the one before it. With less, it would never start.
    for name in ("PerformRunsFunction", "RunScheduleFunction"):
        assert FUNCTIONS[name]["Properties"]["Timeout"] - MARGIN_SECONDS > 2 * MAX_CALL_SECONDS
    # A batch may contain an event to render. Rendering starts only if there is time for it and for the runs.
    assert FUNCTIONS["PerformRunsFunction"]["Properties"]["Timeout"] - MARGIN_SECONDS > RUNS_SECONDS
    # An attempt begins only if it has so much time left. Another one may have used as much before it.
    attempts = 2 * ATTEMPT_TIME.total_seconds()
    assert FUNCTIONS["DeliverEventsFunction"]["Properties"]["Timeout"] - MARGIN_SECONDS > attempts


def test_slow_runs_have_the_same_code_and_another_queue() -> None:
    fast, slow = (FUNCTIONS[name]["Properties"] for name in ("PerformRunsFunction", "PerformSlowRunsFunction"))

    assert fast["CodeUri"] == slow["CodeUri"] == "functions/perform_runs/"
    queues = [part["Events"]["Messages"]["Properties"]["Queue"]["Fn::GetAtt"][0] for part in (fast, slow)]
    assert queues == ["RunQueue", "SlowRunQueue"]
    for part, queue in zip((fast, slow), queues, strict=True):
        assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] >= 6 * part["Timeout"]
        assert part["Events"]["Messages"]["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_slow_run_fits_into_its_function() -> None:
    calls = MAX_CALL_SECONDS + MAX_ANSWER_SECONDS

    assert FUNCTIONS["PerformSlowRunsFunction"]["Properties"]["Timeout"] - MARGIN_SECONDS > calls


@pytest.mark.parametrize(("target", "expected"), [('"biz_A"', ["biz_A"]), ("null", [None])])
def test_the_schedule_s_input_is_an_event_of_the_function(target: str, expected: list[str | None]) -> None:
    text, variables = RESOURCES["RunScheduleFunctionSchedule"]["Properties"]["Target"]["Input"]["Fn::Sub"]
    filled = text.replace("${Target}", target).replace("${Message}", "Hello?")

    event = json.loads(filled.replace("<aws.scheduler.scheduled-time>", "2026-11-20T09:00:00Z"))

    assert variables.keys() == {"Target"}
    assert event["targets"] == expected
    assert event["action"] == {"type": "whop.create_chat", "message_text": "Hello?"}


def _references(node: Any) -> set[str]:
    """Return the names that Ref, GetAtt and Sub mention below a node."""
    names: set[str] = set()
    for _, part in walk(node):
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("Ref"), str):
            names.add(part["Ref"])
        if "Fn::GetAtt" in part:
            names.add(part["Fn::GetAtt"][0])
        if "Fn::Sub" in part:
            text = part["Fn::Sub"] if isinstance(part["Fn::Sub"], str) else part["Fn::Sub"][0]
            names |= set(re.findall(r"\$\{(\w+)", text))
        if "Condition" in part and isinstance(part["Condition"], str):
            names.add(part["Condition"])
    return names
