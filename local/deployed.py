"""The secrets of a deployed stack, for the commands that fill them."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

OUTPUTS = {"whop": "WhopSecret", "kodey": "KodeySecret", "webhook": "WebhookSecret", "callers": "CallersSecret"}
"""The stack's output that holds a secret's name, by the short name that people type."""
MAX_BYTES = 65_536


class DeployedError(Exception):
    """A command cannot be done; the message says what to do."""


@dataclass(frozen=True)
class StackSecret:
    """One secret of a deployed stack, in the account and region that the AWS configuration names."""

    name: str

    @classmethod
    def find(cls, stack: str, short_name: str) -> "StackSecret":
        """The secret by its short name.

        Raises:
            DeployedError: there is no such secret or stack, or AWS cannot be asked.
        """
        if short_name not in OUTPUTS:
            raise DeployedError(f"NAME must be one of {', '.join(OUTPUTS)}, not {short_name!r}")
        if not stack:
            raise DeployedError("name the stack: STACK=aichats-dev")
        try:
            described = boto3.client("cloudformation").describe_stacks(StackName=stack)
        except (ClientError, BotoCoreError) as error:
            raise DeployedError(f"the stack {stack} cannot be looked at: {error}") from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0].get("Outputs", [])}
        if OUTPUTS[short_name] not in outputs:
            raise DeployedError(f"the stack {stack} has no output {OUTPUTS[short_name]}: is it one of aichats?")
        return cls(outputs[OUTPUTS[short_name]])

    def read(self) -> dict[str, Any]:
        """The secret's JSON object.

        Raises:
            DeployedError: it cannot be read, or is not a JSON object.
        """
        try:
            text = boto3.client("secretsmanager").get_secret_value(SecretId=self.name)["SecretString"]
            value = json.loads(text)
        except (ClientError, BotoCoreError, ValueError, KeyError) as error:
            raise DeployedError(f"{self.name} cannot be read: {type(error).__name__}") from error
        if not isinstance(value, dict):
            raise DeployedError(f"{self.name} does not hold a JSON object")
        return value

    def write(self, value: dict[str, Any]) -> None:
        """Replace the secret's value.

        Raises:
            DeployedError: it cannot be written.
        """
        text = json.dumps(value)
        if len(text.encode()) > MAX_BYTES:
            raise DeployedError(f"{self.name} would be larger than the {MAX_BYTES} bytes that Secrets Manager takes")
        try:
            boto3.client("secretsmanager").put_secret_value(SecretId=self.name, SecretString=text)
        except (ClientError, BotoCoreError) as error:
            raise DeployedError(f"{self.name} cannot be written: {error}") from error
