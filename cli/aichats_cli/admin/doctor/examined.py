"""The stack that the doctor examines: its description, its clients, and what several checks read of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from aichats.automations.row import AutomationRow, row_from_item
from aichats.aws.clients import converting
from aichats.aws.errors import ResponseError, code_of
from aichats.aws.secret_values import remedy
from aichats.aws.secret_versions import SecretVersions
from aichats.aws.table import Table
from aichats.errors import SecretError, UnreadableError
from aichats_cli.admin.deployed import DeployedError
from aichats_cli.admin.proofs import Providers

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

    from aichats_cli.admin.aws import Aws
    from aichats_cli.admin.deployed import DeployedStack

LIMITS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
DEFAULT_STAGE = "dev"


@dataclass(frozen=True)
class Services:
    """The clients of AWS's services. boto3 can't create clients in several threads, so all are made at once."""

    cloudwatch: Any
    dynamodb: DynamoDBClient
    functions: LambdaClient
    queues: SQSClient
    schedules: EventBridgeSchedulerClient
    secrets: SecretsManagerClient
    topics: Any

    @classmethod
    def connect(cls, aws: Aws) -> Services:
        """Return the clients for an account and region of AWS."""
        return cls(
            cloudwatch=aws.client("cloudwatch", config=LIMITS),
            dynamodb=converting(aws.client("dynamodb", config=LIMITS)),
            functions=aws.client("lambda", config=LIMITS),
            queues=aws.client("sqs", config=LIMITS),
            schedules=converting(aws.client("scheduler", config=LIMITS)),
            secrets=converting(aws.client("secretsmanager", config=LIMITS)),
            topics=aws.client("sns", config=LIMITS),
        )


@dataclass(frozen=True)
class Automations:
    """All automations of a stack.

    Attributes:
        rows: those that this version can read.
        unreadable: the names of the others.
    """

    rows: list[AutomationRow]
    unreadable: list[str]

    @property
    def events(self) -> list[str]:
        """The event types that automations listen for."""
        return sorted({event for row in self.rows for event in row.event_types})

    @property
    def providers(self) -> set[str]:
        """The providers whose actions automations perform."""
        return {row.automation.action.type.partition(".")[0] for row in self.rows if row.state == "active"}


@dataclass(frozen=True)
class ExaminedStack:
    """A deployed stack."""

    deployed: DeployedStack
    description: StackTypeDef
    aws: Services

    @classmethod
    def of(cls, stack: DeployedStack) -> ExaminedStack:
        """Return a deployed stack with its description.

        Raises:
            DeployedError: the stack doesn't exist or can't be read, or no region is set.
        """
        return cls(stack, stack.describe(), Services.connect(stack.aws))

    @property
    def name(self) -> str:
        """The name of the CloudFormation stack."""
        return self.deployed.name

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The values of the stack's parameters."""
        parameters = self.description.get("Parameters", [])
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in parameters}

    @cached_property
    def _outputs(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self.description.get("Outputs", [])}

    @property
    def providers(self) -> Providers:
        """The providers that the stack calls."""
        return Providers.of(self.parameters)

    @property
    def deploy(self) -> str:
        """The command that deploys this stack. In `samconfig.toml`, the stage `dev` is the default."""
        stage = self.parameters.get("Stage", DEFAULT_STAGE)
        return "aichats admin deploy" if stage == DEFAULT_STAGE else f"aichats admin deploy --env {stage}"

    def output(self, name: str) -> str:
        """Return an output.

        Raises:
            DeployedError: the stack has no such output.
        """
        if name not in self._outputs:
            raise DeployedError(f"the stack has no output {name}. If it is a stack of aichats, type: {self.deploy}")
        return self._outputs[name]

    def command(self, text: str) -> str:
        """Return a command for this stack, such as ``aichats admin doctor --stack aichats-dev``."""
        return self.deployed.command(text)

    def secret(self, name: str) -> dict[str, Any]:
        """Return the content of a secret.

        Raises:
            SecretError: the secret doesn't exist, is marked for deletion, or isn't a JSON object.
        """
        try:
            value = json.loads(SecretVersions(self.aws.secrets).current(name).text)
        except ValueError:
            value = None
        except ResponseError as error:
            match code_of(error):
                case "ResourceNotFoundException":
                    raise SecretError(name, "doesn't exist", remedy(name)) from None
                case "InvalidRequestException":
                    restore = f"aws secretsmanager restore-secret --secret-id {name}"
                    raise SecretError(name, "is marked for deletion", restore) from None
            raise
        if not isinstance(value, dict):
            raise SecretError(name, "is not a JSON object", remedy(name))
        return value

    @cached_property
    def automations(self) -> Automations:
        """All automations as they are now."""
        table = Table(self.aws.dynamodb, self.output("AutomationsTable"), "name")
        # The names of automations have no colon; the other items are those of the index.
        items = table.scan({"colon": ":"}, FilterExpression="NOT contains(#name, :colon)", ConsistentRead=True)
        rows: list[AutomationRow] = []
        unreadable: list[str] = []
        for item in items:
            try:
                rows.append(row_from_item(item))
            except UnreadableError:
                unreadable.append(str(item["name"]))
        return Automations(rows, unreadable)

    @cached_property
    def runs(self) -> Table:
        """The table of runs."""
        return Table(self.aws.dynamodb, self.output("RunsTable"))
