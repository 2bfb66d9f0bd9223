"""Tests of permissions and variables: each function gets what it needs for its own work, and nothing else."""

import json
from typing import Any

import pytest

from aichats.kodey.settings import KodeySettings
from aichats.runs.ledger.budget_counters import COUNTER_PREFIX
from aichats.runs.stack_pause import STACK_PAUSE_KEY
from aichats.settings import (
    BudgetSettings,
    DeliverySettings,
    EventSettings,
    HttpApiSettings,
    ReceiverSettings,
    RenewalSettings,
    ReplySettings,
    ScheduleSettings,
    Settings,
    SigningSettings,
    SweepSettings,
    WebhookSettings,
)
from aichats.subscriptions.signing import SIGNING_KEY_CHARACTERS
from aichats.whop.settings import WhopSettings
from tests.support.template import load_template, walk

TEMPLATE = load_template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
FUNCTIONS: dict[str, dict[str, Any]] = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}

REASONS_FOR_STAR = {
    "secretsmanager:ListSecrets": "IAM has no resource for it; connections are created without a deployment",
    "scheduler:ListSchedules": "IAM has no resource for it; the sweep names its group in the request",
    "xray:PutTraceSegments": "IAM has no resource for it; Lambda writes the traces with the function's role",
    "xray:PutTelemetryRecords": "the same",
}
"""Reason for each action that IAM cannot limit to a resource."""

READ, WRITTEN, DELETED = {"dynamodb:GetItem"}, {"dynamodb:PutItem", "dynamodb:UpdateItem"}, {"dynamodb:DeleteItem"}
QUERIED, SCANNED, LISTED = {"dynamodb:Query"}, {"dynamodb:Scan"}, {"dynamodb:BatchGetItem"}
STREAMED = {f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}
"""The actions that Lambda checks before it creates the event source of a stream."""
ON_TABLES = {
    "RunScheduleFunction": {
        "RunsTable": READ | WRITTEN | LISTED,
        "${RunsTable.Arn}/index/by_slot": QUERIED,
        "AutomationsTable": READ,
    },
    "PerformRunsFunction": {"RunsTable": READ | WRITTEN, "AutomationsTable": READ},
    "PerformSlowRunsFunction": {"RunsTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"}},
    "RefreshTokensFunction": {"RunsTable": {"dynamodb:UpdateItem"}},
    "SweepRunsFunction": {
        "RunsTable": READ | WRITTEN | LISTED,
        "${RunsTable.Arn}/index/by_open": QUERIED,
        "${RunsTable.Arn}/index/by_slot": QUERIED,
        "AutomationsTable": READ | WRITTEN | DELETED | SCANNED,
        "${AutomationsTable.Arn}/index/by_trigger": SCANNED,
        "EventsTable": QUERIED,
        "${EventsTable.Arn}/index/by_due": QUERIED,
    },
    "HttpApiFunction": {
        "RunsTable": READ | WRITTEN | LISTED,
        "${RunsTable.Arn}/index/by_time": QUERIED,
        "${RunsTable.Arn}/index/by_slot": QUERIED,
        "AutomationsTable": READ | WRITTEN | DELETED | SCANNED,
        "EventsTable": READ | WRITTEN | DELETED | QUERIED,
    },
    "PublishEventsFunction": {
        "RunsTable": STREAMED | {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "AutomationsTable": STREAMED | {"dynamodb:GetItem"} | WRITTEN,
        "EventsTable": WRITTEN | LISTED | QUERIED,
    },
    "DeliverEventsFunction": {
        "RunsTable": READ,
        "EventsTable": WRITTEN | LISTED | QUERIED,
        "${EventsTable.Arn}/index/by_due": QUERIED,
    },
    "ReceiveWebhookFunction": {
        "RunsTable": {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem"},
        "${AutomationsTable.Arn}/index/by_trigger": QUERIED,
        "AutomationsTable": {"dynamodb:BatchGetItem"},
    },
}
"""Allowed actions of each function by table or index."""

SCHEDULES = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule"
OF_AUTOMATIONS = f"{SCHEDULES}/${{AWS::StackName}}/${{AWS::StackName}}-automation-*"
"""The stack's own schedules are in the same group, with other names."""
SCHEDULE = "AWS::Scheduler::Schedule"
CONNECTIONS = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:aichats/${Stage}/whop/*"
SCHEDULE_WRITERS = ["HttpApiFunction", "SweepRunsFunction"]
"""Functions that create and change schedules."""


def statements() -> list[dict[str, Any]]:
    return [node for _, node in walk(RESOURCES) if isinstance(node, dict) and "Effect" in node]


def role_of(function: str) -> dict[str, Any]:
    role: dict[str, Any] = RESOURCES[FUNCTIONS[function]["Role"]["Fn::GetAtt"][0]]["Properties"]
    return role


def granted(function: str, service: str) -> dict[str, set[str]]:
    """Return the allowed actions of a function on a service, by the resource's logical id or its ``Sub`` text."""
    allowed: dict[str, set[str]] = {}
    for statement in [
        part for policy in role_of(function)["Policies"] for part in policy["PolicyDocument"]["Statement"]
    ]:
        actions = {action for action in as_list(statement["Action"]) if action.startswith(f"{service}:")}
        for resource in as_list(statement["Resource"]) if actions else ():
            text = resource if isinstance(resource, str) else resource.get("Fn::Sub") or resource["Fn::GetAtt"][0]
            allowed.setdefault(text, set()).update(actions)
    return allowed


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_has_its_own_role_without_managed_policies(name: str) -> None:
    assert "Policies" not in FUNCTIONS[name]
    assert [function["Role"] for function in FUNCTIONS.values()].count(FUNCTIONS[name]["Role"]) == 1
    assert "ManagedPolicyArns" not in role_of(name)
    [trust] = role_of(name)["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Action"], trust["Principal"]) == ("sts:AssumeRole", {"Service": "lambda.amazonaws.com"})
    names = [policy["PolicyName"] for policy in role_of(name)["Policies"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_writes_to_its_own_log_group_and_cannot_create_one(name: str) -> None:
    group = FUNCTIONS[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert granted(name, "logs") == {group: {"logs:CreateLogStream", "logs:PutLogEvents"}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_sends_to_and_receives_from_only_its_queues(name: str) -> None:
    receive, send = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, {"sqs:SendMessage"}
    no_senders = {"PerformSlowRunsFunction", "RefreshTokensFunction", "PublishEventsFunction", "DeliverEventsFunction"}
    senders = FUNCTIONS.keys() - no_senders
    expected = {"RunQueue": send, "SlowRunQueue": send} if name in senders else {}
    expected |= {
        "RunScheduleFunction": {"RunScheduleFailures": send},
        "SweepRunsFunction": {"SweepRunsFailures": send, "DeliveryQueue": send, "SlowDeliveryQueue": send},
        "HttpApiFunction": {"DeliveryQueue": send},
        "DeliverEventsFunction": {
            "DeliveryQueue": send | receive,
            "SlowDeliveryQueue": send | receive,
            "DeliveryDeadLetters": send,
        },
        "RefreshTokensFunction": {"RefreshTokensFailures": send},
        "PublishEventsFunction": {
            "PublishEventsFailures": send,
            "RunQueue": send,
            "DeliveryQueue": send,
            "SlowDeliveryQueue": send,
        },
        "PerformRunsFunction": {"RunQueue": send | receive, "RunDeadLetters": send},
        "PerformSlowRunsFunction": {"SlowRunQueue": send | receive, "RunDeadLetters": send},
    }.get(name, {})
    assert granted(name, "sqs") == expected


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_reads_and_writes_only_its_tables(name: str) -> None:
    assert granted(name, "dynamodb") == ON_TABLES[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_only_functions_that_keep_schedules_may_change_them_and_only_those_of_the_stack(name: str) -> None:
    changes = {f"scheduler:{verb}Schedule" for verb in ("Create", "Get", "Update", "Delete")}
    listed = {"*": {"scheduler:ListSchedules"}} if name == "SweepRunsFunction" else {}

    expected = {OF_AUTOMATIONS: changes} | listed if name in SCHEDULE_WRITERS else {}
    assert granted(name, "scheduler") == expected
    assert RESOURCES["ScheduleGroup"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}
    own = [part["Properties"]["Name"]["Fn::Sub"] for part in RESOURCES.values() if part["Type"] == SCHEDULE]
    assert own
    assert [name for name in own if name.startswith("${AWS::StackName}-automation-")] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_is_passed_only_to_scheduler_and_only_by_functions_that_create_schedules(name: str) -> None:
    assert granted(name, "iam") == ({"SchedulerRole": {"iam:PassRole"}} if name in SCHEDULE_WRITERS else {})

    passing = [statement for statement in statements() if "iam:PassRole" in as_list(statement["Action"])]
    only = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    assert [statement["Condition"] for statement in passing] == [only] * len(SCHEDULE_WRITERS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_gets_only_the_variables_that_match_its_permissions(name: str) -> None:
    variables = FUNCTIONS[name].get("Environment", {}).get("Variables", {})

    schedules = {"SCHEDULE_GROUP", "RUN_SCHEDULE_ARN", "SCHEDULER_ROLE_ARN", "SCHEDULE_DEAD_LETTERS_ARN"}
    assert variables.keys() & schedules == (schedules if name in SCHEDULE_WRITERS else set())
    assert ("WEBHOOK_SECRET" in variables) is (name in {"ReceiveWebhookFunction", "HttpApiFunction"})
    assert ("CALLERS_SECRET" in variables) is (name == "HttpApiFunction")
    assert ("EVENTS_SECRET" in variables) is (name in {"HttpApiFunction", "DeliverEventsFunction"})
    assert ("API_URL" in variables) is (name == "DeliverEventsFunction")
    assert ("DELIVERY_QUEUE_URL" in variables) is ("DeliveryQueue" in granted(name, "sqs"))
    assert ("CONNECTIONS_PREFIX" in variables) is (name == "RefreshTokensFunction")
    assert ("MISSED_GRACE_SECONDS" in variables) is (name == "SweepRunsFunction")
    assert ("WEBHOOK_URL" in variables) is (name == "SweepRunsFunction")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("provider", ["whop", "kodey"])
def test_only_functions_that_may_read_a_provider_s_secret_get_its_name(name: str, provider: str) -> None:
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"] | (
        FUNCTIONS[name].get("Environment", {}).get("Variables", {})
    )
    reads = f"{provider.title()}Secret" in granted(name, "secretsmanager")
    expected = {"Fn::Sub": f"aichats/${{Stage}}/{provider}"} if reads else ""
    assert variables[f"{provider.upper()}_SECRET"] == expected


def test_every_variable_is_a_setting() -> None:
    variables = {key for path, node in walk(TEMPLATE) if path[-1:] == ("Variables",) for key in node}

    of_libraries = {key for key in variables if key.startswith(("POWERTOOLS_", "AWS_"))}
    kinds = (
        Settings,
        WhopSettings,
        KodeySettings,
        HttpApiSettings,
        ReceiverSettings,
        ScheduleSettings,
        WebhookSettings,
        SweepSettings,
        SigningSettings,
        RenewalSettings,
        BudgetSettings,
        EventSettings,
        ReplySettings,
        DeliverySettings,
    )
    assert variables - of_libraries <= {name.upper() for kind in kinds for name in kind.fields}


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


def test_secrets_begin_empty_or_generated_and_are_read_only_by_the_functions_that_need_them() -> None:
    secrets = {name: part for name, part in RESOURCES.items() if part["Type"] == "AWS::SecretsManager::Secret"}
    generated = secrets.pop("EventsSecret")["Properties"]["GenerateSecretString"]
    assert {secret["Properties"]["SecretString"] for secret in secrets.values()} == {"{}"}
    assert (generated["GenerateStringKey"], generated["PasswordLength"]) == ("signing_key", SIGNING_KEY_CHARACTERS)
    assert {name: set(granted(name, "secretsmanager")) for name in FUNCTIONS} == {
        # The speed of a fan-out depends on the kind of Kodey's key.
        "RunScheduleFunction": {"WhopSecret", "KodeySecret", CONNECTIONS},
        "PerformRunsFunction": {"WhopSecret", "KodeySecret", CONNECTIONS},
        "PerformSlowRunsFunction": {"KodeySecret"},
        # The check of the webhook needs an API key.
        "SweepRunsFunction": {"WhopSecret"},
        "RefreshTokensFunction": {CONNECTIONS, "*"},
        "HttpApiFunction": {
            *("WhopSecret", "KodeySecret", "CallersSecret", "WebhookSecret", "EventsSecret"),
            CONNECTIONS,
        },
        "ReceiveWebhookFunction": {"WebhookSecret"},
        "PublishEventsFunction": set(),
        "DeliverEventsFunction": {"EventsSecret"},
    }


def test_only_the_function_that_renews_connections_may_write_secrets_and_only_those_of_connections() -> None:
    reads = {"secretsmanager:GetSecretValue"}
    writes = {"secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"}
    for name in FUNCTIONS:
        allowed = granted(name, "secretsmanager")
        assert {resource for resource, actions in allowed.items() if actions & writes} == (
            {CONNECTIONS} if name == "RefreshTokensFunction" else set()
        )
    assert granted("RefreshTokensFunction", "secretsmanager")[CONNECTIONS] == reads | writes


def conditions_of(function: str, action: str) -> list[Any]:
    """Return the conditions under which a function may perform an action."""
    return [
        part.get("Condition")
        for policy in role_of(function)["Policies"]
        for part in policy["PolicyDocument"]["Statement"]
        if action in as_list(part["Action"])
    ]


def test_the_function_that_renews_connections_may_change_no_run() -> None:
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["connection:*"]}}
    assert conditions_of("RefreshTokensFunction", "dynamodb:UpdateItem") == [condition]


def test_the_function_that_receives_webhooks_may_read_no_run_but_the_pause_of_the_stack() -> None:
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [STACK_PAUSE_KEY]}}
    assert conditions_of("ReceiveWebhookFunction", "dynamodb:GetItem") == [condition]


def test_functions_that_count_for_budgets_may_change_no_run() -> None:
    counters: list[str] = [f"{COUNTER_PREFIX}*"]
    for name, keys in (("ReceiveWebhookFunction", counters), ("PublishEventsFunction", [*counters, STACK_PAUSE_KEY])):
        condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
        assert condition in conditions_of(name, "dynamodb:UpdateItem")
    condition = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [STACK_PAUSE_KEY]}}
    assert condition in conditions_of("PublishEventsFunction", "dynamodb:GetItem")


def test_functions_that_call_whop_may_ask_for_a_renewal_and_invoke_nothing_else() -> None:
    callers = ["RunScheduleFunction", "PerformRunsFunction", "HttpApiFunction"]
    expected = {"RefreshTokensFunction": {"lambda:InvokeFunction"}}
    assert {name: granted(name, "lambda") for name in FUNCTIONS if granted(name, "lambda")} == dict.fromkeys(
        callers, expected
    )


def test_no_variable_contains_a_secret() -> None:
    variables = [
        (key, value) for path, node in walk(TEMPLATE) if path[-1:] == ("Variables",) for key, value in node.items()
    ]

    assert variables
    assert [key for key, value in variables if "resolve:secretsmanager" in json.dumps(value)] == []
