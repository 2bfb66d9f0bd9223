"""A deployed stack, for the commands that work on one."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

OUTPUTS = {"whop": "WhopSecret", "kodey": "KodeySecret", "webhook": "WebhookSecret", "callers": "CallersSecret"}
"""The stack's output that holds a secret's name, by the short name that people type."""
MAX_BYTES = 65_536
NO_REGION = (
    "no AWS region is set: type AWS_DEFAULT_REGION=eu-west-1 before the command, or AWS_PROFILE=... for a profile that"
    " has one (as for SAM CLI, AWS_REGION does not count)"
)


class DeployedError(Exception):
    """A command cannot be done; the message says what to do."""


def outputs(stack: str, *names: str) -> dict[str, str]:
    """All outputs of a deployed stack, in the account and region that the AWS configuration names.

    Raises:
        DeployedError: no stack is named, AWS cannot be asked, or one of these outputs is missing.
    """
    if not stack:
        raise DeployedError("name the stack: STACK=aichats-dev")
    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except NoRegionError:
        raise DeployedError(NO_REGION) from None
    except (ClientError, BotoCoreError) as error:
        raise DeployedError(f"the stack {stack} cannot be looked at: {error}") from error
    found = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
    for name in names:
        if name not in found:
            raise DeployedError(f"the stack {stack} has no output {name}: is it one of aichats?")
    return found


@dataclass(frozen=True)
class StackSecret:
    """One secret of a deployed stack."""

    name: str

    @classmethod
    def find(cls, stack: str, short_name: str) -> "StackSecret":
        """The secret by its short name.

        Raises:
            DeployedError: there is no such secret or stack, or AWS cannot be asked.
        """
        if short_name not in OUTPUTS:
            raise DeployedError(f"NAME must be one of {', '.join(OUTPUTS)}, not {short_name!r}")
        output = OUTPUTS[short_name]
        return cls(outputs(stack, output)[output])

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
