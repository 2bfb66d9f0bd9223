"""The stack that the doctor examines: its description, its clients, and what several checks read of it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from aichats.automations.row import AutomationRow, row_from_item
from aichats.aws.errors import code_of
from aichats.aws.secret_values import remedy
from aichats.aws.secret_versions import SecretVersions
from aichats.aws.table import Table
from aichats.errors import SecretError, UnreadableError
from local.deployed import DeployedError, describe
from local.proofs import Providers
from local.setup import ROOT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

LIMITS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True)
class Services:
    """The clients of AWS's services. A session can't create clients in several threads, so all are made at once."""

    cloudwatch: Any
    dynamodb: DynamoDBClient
    functions: LambdaClient
    queues: SQSClient
    schedules: EventBridgeSchedulerClient
    secrets: SecretsManagerClient
    topics: Any

    @classmethod
    def connect(cls) -> Services:
        """Return the clients for the account and region of the AWS configuration."""
        session = boto3.Session()
        return cls(
            cloudwatch=session.client("cloudwatch", config=LIMITS),
            dynamodb=session.client("dynamodb", config=LIMITS),
            functions=session.client("lambda", config=LIMITS),
            queues=session.client("sqs", config=LIMITS),
            schedules=session.client("scheduler", config=LIMITS),
            secrets=session.client("secretsmanager", config=LIMITS),
            topics=session.client("sns", config=LIMITS),
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

    name: str
    description: StackTypeDef
    aws: Services

    @classmethod
    def find(cls, name: str) -> ExaminedStack:
        """Return the stack with this name.

        Raises:
            DeployedError: the stack has no name, doesn't exist or can't be read, or no region is set.
        """
        if not name:
            raise DeployedError("name the stack: STACK=aichats-dev")
        return cls(name, describe(name), Services.connect())

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
        """The command that deploys this stack."""
        for environment, config in tomllib.loads((ROOT / "samconfig.toml").read_text()).items():
            if isinstance(config, dict) and config["global"]["parameters"]["stack_name"] == self.name:
                return "make deploy" if environment == "default" else f"make deploy ENV={environment}"
        return "make deploy"

    def output(self, name: str) -> str:
        """Return an output.

        Raises:
            DeployedError: the stack has no such output.
        """
        if name not in self._outputs:
            raise DeployedError(f"the stack has no output {name}. If it is a stack of aichats, type: {self.deploy}")
        return self._outputs[name]

    def command(self, target: str) -> str:
        """Return a command for this stack, such as ``make secret NAME=whop STACK=aichats-dev``."""
        return f"make {target} STACK={self.name}"

    def secret(self, name: str) -> dict[str, Any]:
        """Return the content of a secret.

        Raises:
            SecretError: the secret doesn't exist, is marked for deletion, or isn't a JSON object.
        """
        try:
            value = json.loads(SecretVersions(self.aws.secrets).current(name).text)
        except ValueError:
            value = None
        except ClientError as error:
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
