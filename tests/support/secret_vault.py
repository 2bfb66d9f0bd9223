"""Secrets Manager in memory, with versions and their labels, as connections need it."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.fakes import Json, aws_error

CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass
class Secret:
    """The versions of a secret, and the version of each label.

    Attributes:
        versions: the values, by the ids of their versions, in order of creation.
        labels: the id of the version that has a label.
    """

    versions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


class SecretVault:
    """Secrets Manager in memory. Safe to share between threads.

    Attributes:
        secrets: the secrets, by their names.
        read: the names of the secrets that were read, in order.
        deleted: the names of secrets that a person has marked for deletion.
        stale: the names of secrets of which a read without a version's id returns the previous version, because Secrets
            Manager may be behind.
    """

    def __init__(self, values: Mapping[str, Json] | None = None) -> None:
        self.secrets: dict[str, Secret] = {}
        self.deleted: set[str] = set()
        self.read: list[str] = []
        self.stale: set[str] = set()
        self._lock = threading.RLock()
        for name, value in (values or {}).items():
            self.put(name, value)

    def put(self, name: str, value: Json) -> None:
        """Store a new current version, as a command does."""
        with self._lock:
            secret = self.secrets.setdefault(name, Secret())
            version_id = f"{name}:{len(secret.versions)}"
            secret.versions[version_id] = json.dumps(value)
            self._make_current(secret, version_id)

    def value(self, name: str) -> Json:
        """Return the current value of a secret."""
        secret = self.secrets[name]
        found: Json = json.loads(secret.versions[secret.labels[CURRENT]])
        return found

    # ------------------------------------------------------------------ the methods of the client

    def get_secret_value(self, **request: Any) -> Json:
        with self._lock:
            self.read.append(request["SecretId"])
            secret = self._find(request["SecretId"])
            label = request.get("VersionStage", CURRENT)
            if label == CURRENT and request["SecretId"] in self.stale and PREVIOUS in secret.labels:
                label = PREVIOUS
            version_id = request.get("VersionId") or secret.labels.get(label)
            if version_id not in secret.versions:
                raise aws_error("ResourceNotFoundException")
            return {"VersionId": version_id, "SecretString": secret.versions[version_id]}

    def put_secret_value(self, **request: Any) -> Json:
        with self._lock:
            secret, version_id = self._find(request["SecretId"]), request["ClientRequestToken"]
            if secret.versions.setdefault(version_id, request["SecretString"]) != request["SecretString"]:
                raise aws_error("ResourceExistsException")
            for label in request["VersionStages"]:
                assert label != CURRENT, "a version becomes the current one by its label alone"
                secret.labels[label] = version_id
            return {"VersionId": version_id}

    def update_secret_version_stage(self, **request: Any) -> Json:
        with self._lock:
            secret = self._find(request["SecretId"])
            assert request["VersionStage"] == CURRENT
            assert request["MoveToVersionId"] != request["RemoveFromVersionId"], "AWS doesn't say what that does"
            if secret.labels[CURRENT] != request["RemoveFromVersionId"]:
                raise aws_error("InvalidParameterException")
            self._make_current(secret, request["MoveToVersionId"])
            return {}

    def list_secrets(self, **request: Any) -> Json:
        [[prefix]] = [each["Values"] for each in request["Filters"]]
        # One secret a page, so that tests see that all pages are read.
        names = sorted(name for name in self.secrets if name.startswith(prefix))
        begin = int(request.get("NextToken", 0))
        more = {"NextToken": str(begin + 1)} if begin + 1 < len(names) else {}
        return {"SecretList": [{"Name": name} for name in names[begin : begin + 1]], **more}

    def _find(self, name: str) -> Secret:
        if name not in self.secrets:
            raise aws_error("ResourceNotFoundException")
        if name in self.deleted:
            raise aws_error("InvalidRequestException")
        return self.secrets[name]

    def _make_current(self, secret: Secret, version_id: str) -> None:
        if CURRENT in secret.labels:
            secret.labels[PREVIOUS] = secret.labels[CURRENT]
        secret.labels[CURRENT] = version_id
