"""`aichats admin secret set whop --connection`: companies that use a connection in place of a key."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from aichats_cli.admin.deployed import DeployedStack, StackSecret
from tests.support.admin import admin

WHOP = "aichats/dev/whop"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsManagerClient]:
    """Secrets Manager with the connections `agency` and, logged out, `old`."""
    monkeypatch.setattr(DeployedStack, "secret", lambda *_: StackSecret(WHOP))
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=WHOP, SecretString='{"companies": {"biz_A": "apik_own", "biz_B": "apik_b"}}')
        client.create_secret(Name=f"{WHOP}/agency", SecretString='{"oauth": {}}')
        client.create_secret(Name=f"{WHOP}/old", SecretString="{}")
        yield client


def companies(manager: SecretsManagerClient) -> Any:
    text = manager.get_secret_value(SecretId=WHOP, VersionStage="AWSCURRENT")["SecretString"]
    return json.loads(text)["companies"]


def store(*options: str) -> int:
    return admin("secret", "set", "whop", "--stack", "aichats-dev", *options)


def test_a_company_uses_a_connection_that_exists(manager: SecretsManagerClient) -> None:
    assert store("--company", "biz_A", "--connection", "agency") == 0
    assert companies(manager) == {"biz_A": {"connection": "agency"}, "biz_B": "apik_b"}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (
            "old",
            "connection old doesn't exist or is logged out\n  → aichats admin connect --connection old",
        ),
        ("none", "connection none doesn't exist or is logged out\n  → aichats admin connect --connection none"),
        ("a/b", "--connection must be 1 to 64 characters from A-Z, a-z, 0-9, _ and -, not 'a/b'"),
    ],
)
def test_a_connection_without_a_grant_is_rejected(
    manager: SecretsManagerClient, capsys: pytest.CaptureFixture[str], name: str, error: str
) -> None:
    assert store("--company", "biz_A", "--connection", name) == (2 if name == "a/b" else 1)
    assert error in capsys.readouterr().err
    assert companies(manager)["biz_A"] == "apik_own"


@pytest.mark.usefixtures("manager")
def test_the_command_that_connects_an_account_names_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    assert store("--company", "biz_A", "--connection", "old") == 1
    assert "aichats admin connect --connection old --client-id app_... --stack aichats-dev" in capsys.readouterr().err


def test_a_connection_is_stored_for_a_company_only(
    manager: SecretsManagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store("--connection", "agency") == 2
    printed = capsys.readouterr().err
    assert "--connection needs --company\n  → to connect an account for all companies, use: aichats admin" in printed
    assert companies(manager)["biz_A"] == "apik_own"


@pytest.mark.parametrize(
    "content",
    [
        "biz_A,connection:agency\nbiz_C,connection:agency\n",
        '{"biz_A": {"connection": "agency"}, "biz_C": {"connection": "agency"}}',
    ],
)
def test_a_file_of_companies_may_name_connections(
    manager: SecretsManagerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "companies"
    file.write_text(content)

    assert store("--companies", str(file)) == 0

    agency = {"connection": "agency"}
    assert companies(manager) == {"biz_A": agency, "biz_B": "apik_b", "biz_C": agency}
    assert "3 companies: 1 added, 1 changed, 0 removed" in capsys.readouterr().err


def test_a_file_that_names_a_connection_without_a_grant_is_rejected_whole(
    manager: SecretsManagerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "companies"
    file.write_text("biz_A,connection:agency\nbiz_C,connection:old\n")
    assert store("--companies", str(file)) == 1
    assert "connection old doesn't exist or is logged out" in capsys.readouterr().err
    assert "biz_C" not in companies(manager)
