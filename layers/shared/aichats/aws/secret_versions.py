"""Versions of secrets: reads past the cache, and conditional writes.

Secrets Manager has no conditional write. But it moves the label of the current version only from the version that the
call names. So a new value is written under another label first, and then becomes the current version if the version
that it replaces still is.
"""

import json
from collections.abc import Iterator
from dataclasses import field
from typing import Any, Protocol

from aichats.aws.errors import AwsError, ResponseError, code_of
from aichats.frozen import frozen
from aichats.json_types import Json

_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"
_MISSING = "ResourceNotFoundException"


class SecretsWriter(Protocol):
    """The methods of the client that this module uses."""

    def get_secret_value(self, *args: Any, **request: Any) -> Any:
        """Return a version of a secret."""

    def put_secret_value(self, *args: Any, **request: Any) -> Any:
        """Write a new version of a secret."""

    def update_secret_version_stage(self, *args: Any, **request: Any) -> Any:
        """Move a label from one version to another."""

    def list_secrets(self, *args: Any, **request: Any) -> Any:
        """Return a page of the secrets."""


@frozen
class SecretVersion:
    """One version of a secret.

    Attributes:
        id: the id of the version.
        text: the value.
    """

    id: str
    text: str = field(repr=False)


@frozen
class SecretVersions:
    """The versions of secrets. Every method raises :class:`AwsError <aichats.aws.errors.AwsError>`."""

    client: SecretsWriter

    def current(self, name: str) -> SecretVersion:
        """Return the current version of a secret."""
        answer = self.client.get_secret_value(SecretId=name, VersionStage=_CURRENT)
        return SecretVersion(answer["VersionId"], answer.get("SecretString", ""))

    def find(self, name: str, version_id: str) -> SecretVersion | None:
        """Return the version of a secret with this id; ``None`` if there is none."""
        try:
            answer = self.client.get_secret_value(SecretId=name, VersionId=version_id)
        except ResponseError as error:
            if code_of(error) != _MISSING:
                raise
            return None
        return SecretVersion(version_id, answer.get("SecretString", ""))

    def write(self, name: str, version_id: str, value: Json) -> SecretVersion:
        """Write a version with this id, a UUID, without making it the current one. The call is safe to repeat."""
        text = text_of(value)
        self.client.put_secret_value(
            SecretId=name, SecretString=text, ClientRequestToken=version_id, VersionStages=[_PENDING]
        )
        return SecretVersion(version_id, text)

    def make_current(self, name: str, version_id: str, replaced_id: str) -> bool:
        """Make a version the current one if ``replaced_id`` still is. Return whether it is the current one now."""
        if version_id == replaced_id:
            return True
        try:
            self.client.update_secret_version_stage(
                SecretId=name, VersionStage=_CURRENT, MoveToVersionId=version_id, RemoveFromVersionId=replaced_id
            )
        except AwsError:
            current_id = self.current(name).id
            if current_id == replaced_id:
                raise
            return current_id == version_id  # The response got lost, or the client repeated the call after that.
        return True

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names of all secrets that begin with ``prefix``, but not of those that are marked for deletion."""
        request: dict[str, Any] = {"Filters": [{"Key": "name", "Values": [prefix]}], "MaxResults": 100}
        while True:
            page = self.client.list_secrets(**request)
            yield from (secret["Name"] for secret in page["SecretList"] if secret["Name"].startswith(prefix))
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]


def text_of(value: Json) -> str:
    """Return the content of a secret as it is stored."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
