"""A deployed stack, for the commands that work on one."""

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

OUTPUTS = {"whop": "WhopSecret", "kodey": "KodeySecret", "webhook": "WebhookSecret", "callers": "CallersSecret"}
"""The stack's output that holds a secret's name, by the short name that people type."""
MAX_BYTES = 65_536
"""Secrets Manager takes no larger value."""
MAX_TRIES = 5
"""How often a change begins again because somebody else was faster."""
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
        return self._current()[0]

    def change(self, make: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Replace the secret's value by what ``make`` returns for it.

        If somebody else changes the secret at the same time, ``make`` is called again with the value that they wrote.

        Returns:
            The new value.

        Raises:
            DeployedError: it cannot be read or written.
        """
        for _ in range(MAX_TRIES):
            value, version = self._current()
            changed = make(value)
            if self._replace(version, self._text(changed)):
                return changed
        raise DeployedError(f"{self.name} was changed by others {MAX_TRIES} times meanwhile; try again")

    def _current(self) -> tuple[dict[str, Any], str]:
        """The value, and the id of its version."""
        try:
            answer = boto3.client("secretsmanager").get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")
            value = json.loads(answer["SecretString"])
        except (ClientError, BotoCoreError, ValueError, KeyError) as error:
            raise DeployedError(f"{self.name} cannot be read: {type(error).__name__}") from error
        if not isinstance(value, dict):
            raise DeployedError(f"{self.name} does not hold a JSON object")
        return value, answer["VersionId"]

    def _text(self, value: dict[str, Any]) -> str:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if (size := len(text.encode())) > MAX_BYTES:
            raise DeployedError(
                f"{self.name} would have {size} bytes, and Secrets Manager takes {MAX_BYTES}: about 600 companies' keys"
            )
        return text

    def _replace(self, version: str, text: str) -> bool:
        """Write a new version, and make it the current one if ``version`` still is. Return whether it was.

        Secrets Manager has no conditional write. It moves the label of the current version only from the version that
        is named, so the new version is written under another label first.
        """
        client, new = boto3.client("secretsmanager"), str(uuid.uuid4())
        try:
            client.put_secret_value(
                SecretId=self.name, SecretString=text, ClientRequestToken=new, VersionStages=["AWSPENDING"]
            )
            moved = self._make_current(client, version, new)
            with suppress(ClientError, BotoCoreError):  # Harmless where it stays.
                client.update_secret_version_stage(
                    SecretId=self.name, VersionStage="AWSPENDING", RemoveFromVersionId=new
                )
        except (ClientError, BotoCoreError) as error:
            limit = " (about 100 versions a day)" if "LimitExceeded" in str(error) else ""
            raise DeployedError(f"{self.name} cannot be written: {error}{limit}") from error
        return moved

    def _make_current(self, client: "SecretsManagerClient", version: str, new: str) -> bool:
        try:
            client.update_secret_version_stage(
                SecretId=self.name, VersionStage="AWSCURRENT", MoveToVersionId=new, RemoveFromVersionId=version
            )
        except ClientError:
            if self._current()[1] == version:
                raise
            return self._current()[1] == new  # If its own first answer got lost, botocore repeated the call.
        return True
