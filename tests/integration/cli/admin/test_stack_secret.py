"""A secret of a deployed stack, changed by several people at once: Secrets Manager as moto simulates it."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from aichats_cli.admin.deployed import MAX_TRIES, DeployedError, StackSecret

NAME = "aichats/dev/whop"
type Json = dict[str, Any]


@pytest.fixture
def manager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=NAME, SecretString="{}")
        yield client


def value(manager: SecretsManagerClient, stage: str = "AWSCURRENT") -> Json:
    found: Json = json.loads(manager.get_secret_value(SecretId=NAME, VersionStage=stage)["SecretString"])
    return found


def adding(name: str, meanwhile: Callable[[], object] = lambda: None) -> Callable[[Json], Json]:
    """Return a change that adds a name and calls ``meanwhile`` first."""

    def make(value: Json) -> Json:
        meanwhile()
        return value | {name: True}

    return make


def test_a_change_becomes_the_current_version_and_leaves_the_one_before(manager: SecretsManagerClient) -> None:
    secret = StackSecret(NAME)
    assert secret.change(adding("a")) == {"a": True}
    assert secret.change(adding("b")) == {"a": True, "b": True} == secret.read()
    assert (value(manager), value(manager, "AWSPREVIOUS")) == ({"a": True, "b": True}, {"a": True})
    versions = manager.describe_secret(SecretId=NAME)["VersionIdsToStages"].values()
    # The label under which a version is written may stay on the current one, where it means nothing.
    labels = {stage for stages in versions for stage in stages} - {"AWSPENDING"}
    assert labels == {"AWSCURRENT", "AWSPREVIOUS"}


def test_of_two_that_change_it_at_once_neither_loses_what_the_other_wrote(manager: SecretsManagerClient) -> None:
    others = ["other"]

    def overtake() -> None:
        if others:
            StackSecret(NAME).change(adding(others.pop()))

    assert StackSecret(NAME).change(adding("mine", overtake)) == {
        "other": True,
        "mine": True,
    }
    assert value(manager) == {"other": True, "mine": True}


def test_a_writer_that_is_overtaken_again_and_again_gets_an_error(manager: SecretsManagerClient) -> None:
    numbers = iter(range(100))

    def overtake() -> None:
        StackSecret(NAME).change(adding(f"other-{next(numbers)}"))

    with pytest.raises(DeployedError, match=f"changed {NAME} {MAX_TRIES} times at the same time"):
        StackSecret(NAME).change(adding("mine", overtake))
    assert "mine" not in value(manager)


@pytest.mark.parametrize("is_done", [True, False])
def test_after_a_lost_answer_the_secret_itself_says_whether_it_has_changed(
    manager: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch, *, is_done: bool
) -> None:
    move = manager.update_secret_version_stage

    def lost(**request: Any) -> None:
        if is_done:
            move(**request)
        raise ReadTimeoutError(endpoint_url="https://secretsmanager.invalid")

    monkeypatch.setattr(manager, "update_secret_version_stage", lost)
    monkeypatch.setattr(boto3, "client", lambda _service: manager)
    with nullcontext() if is_done else pytest.raises(DeployedError, match="can't write"):
        StackSecret(NAME).change(adding("a"))
    assert value(manager) == ({"a": True} if is_done else {})


def test_a_value_that_is_too_large_is_not_written(manager: SecretsManagerClient) -> None:
    with pytest.raises(DeployedError, match=r"would be 70008 bytes\. The limit is 65536 bytes"):
        StackSecret(NAME).change(lambda _: {"k": "x" * 70_000})
    assert value(manager) == {}
