"""Access to a deployed stack, its outputs and its secrets."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from aichats.aws.clients import converting
from aichats.aws.errors import AwsError
from aichats.aws.secret_values import MAX_SECRET_BYTES
from aichats.aws.secret_versions import SecretVersions, text_of
from aichats.runs.stack_secrets import SECRETS
from aichats_cli.admin.aws import ACCOUNT, Aws
from aichats_cli.errors import CommandError, UsageError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

OUTPUTS = {name: f"{name.capitalize()}Secret" for name in (*SECRETS, "callers", "events")}
"""The stack's output that has the name of a secret, by the short name that people type."""
MAX_TRIES = 5
"""Attempts of a change, if other writers change the secret at the same time."""
NO_REGION = (
    "type AWS_DEFAULT_REGION=eu-west-1 before the command, or AWS_PROFILE=... for a profile that has a region (like SAM"
    " CLI, this command ignores AWS_REGION)"
)
NOT_OURS = "use the name of a stack of aichats"


class DeployedError(CommandError):
    """A deployed stack can't be read or changed."""


class MissingStackError(DeployedError):
    """The stack doesn't exist."""


class MissingSecretError(DeployedError):
    """The secret doesn't exist."""


class MalformedSecretError(DeployedError):
    """The secret's value isn't a JSON object."""


def cause_of(error: Exception) -> str:
    """Return why a secret can't be read, without any of its content."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"]
    return "AWS can't be reached" if isinstance(error, BotoCoreError) else "the value is not JSON text"


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack.

    Attributes:
        name: the name of the CloudFormation stack.
        aws: the account and region in which it is deployed.
        options: options that name this stack in a command, such as ``--profile staging``; ``None``: its name.
    """

    name: str
    aws: Aws = ACCOUNT
    options: str | None = None

    def command(self, text: str) -> str:
        """Return a command for this stack, such as ``aichats admin doctor --stack aichats-dev``."""
        options = f"--stack {self.name}" if self.options is None else self.options
        return f"aichats admin {text} {options}".rstrip()

    def outputs(self, *names: str) -> dict[str, str]:
        """Return all outputs of the stack.

        Raises:
            DeployedError: the stack doesn't exist, can't be read, or lacks one of the outputs ``names``.
        """
        values = {output["OutputKey"]: output["OutputValue"] for output in self.describe().get("Outputs", [])}
        for name in names:
            if name not in values:
                raise DeployedError(f"stack {self.name} has no output {name}", NOT_OURS)
        return values

    def parameters(self, *names: str) -> dict[str, str]:
        """Return the values of all parameters of the stack.

        Raises:
            DeployedError: the stack can't be read, or lacks one of the parameters ``names``.
        """
        described = self.describe().get("Parameters", [])
        values = {each["ParameterKey"]: each.get("ParameterValue", "") for each in described}
        for name in names:
            if name not in values:
                raise DeployedError(f"stack {self.name} has no parameter {name}", NOT_OURS)
        return values

    def describe(self) -> "StackTypeDef":
        """Return CloudFormation's description of the stack.

        Raises:
            MissingStackError: the stack doesn't exist.
            DeployedError: no region is set, the profile doesn't exist, or the stack can't be read.
        """
        try:
            client: CloudFormationClient = self.aws.client("cloudformation")
        except NoRegionError:
            raise DeployedError("no AWS region is set", NO_REGION) from None
        except BotoCoreError as error:  # such as a profile that doesn't exist
            raise DeployedError(f"can't read stack {self.name}: {error}") from error
        try:
            return client.describe_stacks(StackName=self.name)["Stacks"][0]
        except (ClientError, BotoCoreError) as error:
            if "does not exist" in str(error):
                raise MissingStackError(f"stack {self.name} doesn't exist in {client.meta.region_name}") from error
            raise DeployedError(f"can't read stack {self.name}: {error}") from error

    def secret(self, short_name: str) -> "StackSecret":
        """Return the secret with this short name.

        Raises:
            DeployedError: the secret or the stack doesn't exist, or AWS can't be reached.
            UsageError: there is no such secret.
        """
        if short_name not in OUTPUTS:
            raise UsageError(f"the secret must be one of {', '.join(OUTPUTS)}, not {short_name!r}")
        output = OUTPUTS[short_name]
        return StackSecret(self.outputs(output)[output], self.aws)


@dataclass(frozen=True)
class StackSecret:
    """One secret of a deployed stack, in an account and region of AWS."""

    name: str
    aws: Aws = ACCOUNT

    def read(self) -> dict[str, Any]:
        """Return the secret's value, a JSON object.

        Raises:
            MissingSecretError: the secret doesn't exist.
            MalformedSecretError: the value isn't a JSON object.
            DeployedError: the secret can't be read.
        """
        return self._current()[0]

    def create(self, value: dict[str, Any], *, description: str, tags: Mapping[str, str]) -> bool:
        """Create the secret with this value. Return whether it was created: ``False`` if it exists already.

        Raises:
            DeployedError: the secret can't be created.
        """
        client = self.aws.client("secretsmanager")
        self._check_size(value)
        try:
            client.create_secret(
                Name=self.name,
                Description=description,
                SecretString=text_of(value),
                Tags=[{"Key": key, "Value": content} for key, content in tags.items()],
            )
        except client.exceptions.ResourceExistsException:
            return False
        except (ClientError, BotoCoreError) as error:
            raise DeployedError(f"can't create {self.name}: {cause_of(error)}") from error
        return True

    def change(
        self, make: Callable[[dict[str, Any]], dict[str, Any]], *, malformed: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Call ``make`` with the secret's value, and store the value that it returns.

        If another process changes the secret at the same time, ``make`` is called again with that process's value.

        Args:
            make: returns the new value from the one that it gets.
            malformed: what ``make`` gets in place of a value that isn't a JSON object; ``None``: that is an error.

        Returns:
            The new value.

        Raises:
            MissingSecretError: the secret doesn't exist.
            MalformedSecretError: the value isn't a JSON object, and ``malformed`` is ``None``.
            DeployedError: the secret can't be read or written.
        """
        for _ in range(MAX_TRIES):
            value, version = self._current(malformed)
            changed = make(value)
            self._check_size(changed)
            if self._replace(version, changed):
                return changed
        raise DeployedError(f"other processes changed {self.name} {MAX_TRIES} times at the same time. Try again")

    def _current(self, malformed: dict[str, Any] | None = None) -> tuple[dict[str, Any], str]:
        """Return the value and the id of its version. ``malformed`` is for a value that isn't a JSON object."""
        try:
            answer = self.aws.client("secretsmanager").get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")
        except (ClientError, BotoCoreError) as error:
            raise self._unreadable(error) from error
        try:
            return self._object(answer), answer["VersionId"]
        except MalformedSecretError:
            if malformed is None:
                raise
            return malformed, answer["VersionId"]

    def _object(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        try:
            value = json.loads(answer["SecretString"])
        except (ValueError, KeyError):
            raise MalformedSecretError(f"can't read {self.name}: the value is not JSON text") from None
        if not isinstance(value, dict):
            raise MalformedSecretError(f"{self.name} is not a JSON object")
        return value

    def _unreadable(self, error: Exception) -> DeployedError:
        """Return the error to raise if the secret can't be read."""
        match cause_of(error):
            case "ResourceNotFoundException":
                return MissingSecretError(f"{self.name} doesn't exist")
            case "InvalidRequestException":
                restore = f"aws secretsmanager restore-secret --secret-id {self.name}"
                return DeployedError(f"{self.name} is marked for deletion. To restore it, type: {restore}")
            case cause:
                return DeployedError(f"can't read {self.name}: {cause}")

    def _check_size(self, value: dict[str, Any]) -> None:
        if (size := len(text_of(value).encode())) > MAX_SECRET_BYTES:
            raise DeployedError(
                f"{self.name} would be {size} bytes. The limit is {MAX_SECRET_BYTES} bytes, about 600 companies' keys"
            )

    def _replace(self, version: str, value: dict[str, Any]) -> bool:
        """Write a new version, and make it current if ``version`` still is. Return whether it is current now."""
        versions, new = SecretVersions(converting(self.aws.client("secretsmanager"))), str(uuid.uuid4())
        try:
            versions.write(self.name, new, value)
            return versions.make_current(self.name, new, version)
        except AwsError as error:
            limit = " (about 100 versions a day)" if "LimitExceeded" in str(error) else ""
            raise DeployedError(f"can't write {self.name}: {error}{limit}") from error
