"""A stack for the checks of `aichats admin doctor`: AWS in memory, and a DynamoDB as the template creates it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aichats.automations.table import AutomationTable
from aichats.aws.table import Table
from aichats.runs.ledger.times import utc_now
from aichats_cli.admin.deployed import DeployedStack
from aichats_cli.admin.doctor.examined import ExaminedStack, Services
from aichats_cli.admin.doctor.findings import Finding
from tests.support.automations import FakeScheduler, automation
from tests.support.ledgers import dynamodb, make_table
from tests.support.secret_vault import SecretVault

STACK = "aichats-dev"
WHOP, EVENTS = "aichats/dev/whop", "aichats/dev/events"

type Json = dict[str, Any]


@dataclass
class FakeFunctions:
    """Lambda with one state of all functions and all event sources."""

    function: Json = field(default_factory=lambda: {"State": "Active", "LastUpdateStatus": "Successful"})
    event_sources: list[Json] = field(default_factory=lambda: [{"UUID": "1", "State": "Enabled"}])
    concurrency: int = 1000

    def get_function_configuration(self, **_: Any) -> Json:
        return self.function

    def list_event_source_mappings(self, **_: Any) -> Json:
        return {"EventSourceMappings": self.event_sources}

    def get_account_settings(self) -> Json:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.concurrency}}


@dataclass
class FakeTopics:
    """SNS with the subscriptions of one topic, one a page."""

    subscriptions: list[Json] = field(default_factory=list)

    def get_paginator(self, _: str) -> "FakeTopics":
        return self

    def paginate(self, **_: Any) -> Iterator[Json]:
        return ({"Subscriptions": [each]} for each in self.subscriptions)


@dataclass
class FakeAlarms:
    """CloudWatch with alarms, by their names, and the times at which the sweep was invoked."""

    states: dict[str, str] = field(default_factory=dict)
    sweeps: list[datetime] = field(default_factory=list)
    down: Exception | None = None

    def get_paginator(self, _: str) -> "FakeAlarms":
        return self

    def paginate(self, **request: Any) -> Iterator[Json]:
        if self.down is not None:
            raise self.down
        for name, state in self.states.items():
            if name.startswith(request["AlarmNamePrefix"]):
                yield {"MetricAlarms": [{"AlarmName": name, "StateValue": state}]}

    def get_metric_statistics(self, **request: Any) -> Json:
        assert request["StartTime"] < request["EndTime"]
        return {"Datapoints": [{"Timestamp": time, "Sum": 1.0} for time in self.sweeps]}


@dataclass
class FakeQueues:
    """SQS with the number of messages of each queue."""

    counts: dict[str, int] = field(default_factory=dict)

    def get_queue_attributes(self, **request: Any) -> Json:
        return {
            "Attributes": {name: str(self.counts.get(request["QueueUrl"], 0)) for name in request["AttributeNames"]}
        }


class DoctorBench:
    """A stack in order, whose parts a test breaks."""

    def __init__(self) -> None:
        self.functions, self.topics, self.alarms, self.queues = (
            FakeFunctions(),
            FakeTopics(),
            FakeAlarms(),
            FakeQueues(),
        )
        self.scheduler = FakeScheduler(utc_now)
        self.secrets = SecretVault({WHOP: {"api_key": "key"}, EVENTS: {"signing_key": "k" * 64}})
        self.runs = Table(dynamodb(), make_table("RunsTable"))
        self.status, self.created = "CREATE_COMPLETE", datetime.now(UTC) - timedelta(days=1)
        self.parameters = {
            "WhopBaseUrl": "https://whop.invalid/api/v1",
            "WhopApiVersion": "2026-07-08-1",
            "KodeyBaseUrl": "https://kodey.invalid",
            "MaxConcurrency": "2",
            "MaxSlowConcurrency": "2",
            "Message": "",
        }
        queues = ("RunDeadLetters", "ScheduleDeadLetters", "RunScheduleFailures", "SweepRunsFailures")
        others = ("RefreshTokensFailures", "PublishEventsFailures", "DeliveryDeadLetters", "AlarmTopic")
        functions = ("RunSchedule", "PerformRuns", "PerformSlowRuns", "SweepRuns", "RefreshTokens", "HttpApi")
        of_events = ("PublishEvents", "DeliverEvents")
        self.outputs = {
            **{name: name for name in (*queues, *others, "ReceiveWebhookFunction")},
            **{f"{name}Function": name for name in (*functions, *of_events)},
            "Version": "0.0.1",
            "RunsTable": self.runs.name,
            "AutomationsTable": make_table("AutomationsTable"),
            "ScheduleGroup": STACK,
            "WebhookUrl": "https://api.invalid/webhooks/whop",
            "WhopSecret": WHOP,
            "KodeySecret": "aichats/dev/kodey",
            "WebhookSecret": "aichats/dev/webhook",
            "CallersSecret": "aichats/dev/callers",
            "EventsSecret": EVENTS,
        }

    @property
    def stack(self) -> ExaminedStack:
        """The stack as it is now."""
        description: Any = {
            "StackStatus": self.status,
            "CreationTime": self.created,
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()],
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()],
        }
        fakes: Any = {
            "cloudwatch": self.alarms,
            "functions": self.functions,
            "queues": self.queues,
            "schedules": self.scheduler,
            "secrets": self.secrets,
            "topics": self.topics,
        }
        return ExaminedStack(DeployedStack(STACK), description, Services(dynamodb=dynamodb(), **fakes))

    def lines(self, check: Callable[[ExaminedStack], Iterable[Finding]]) -> list[str]:
        """Return the findings of a check, each in one line."""
        findings = check(self.stack)
        return [f"{each.status}: {each.text} -> {each.remedy}".removesuffix(" -> ") for each in findings]

    def put(self, name: str, definition: Json, *, age: timedelta = timedelta(hours=1)) -> None:
        """Store an automation that was changed a while ago, without its schedule."""
        table = AutomationTable(dynamodb(), self.outputs["AutomationsTable"], lambda: datetime.now(UTC) - age)
        table.put(name, automation(definition))

    def connect(self, name: str, *, ends_in: timedelta = timedelta(hours=1), **row: Any) -> None:
        """Store a connection with tokens, and attributes of its row."""
        ends = int((datetime.now(UTC) + ends_in).timestamp())
        tokens = {"refresh_token": f"refresh-{name}", "access_token": f"oauth_{name}", "expires_at": ends}
        self.secrets.put(f"{WHOP}/{name}", {"oauth": {"client_id": "app_1", **tokens}})
        if row:
            self.runs.overwrite([{"run_id": f"connection:{name}", **row}])
