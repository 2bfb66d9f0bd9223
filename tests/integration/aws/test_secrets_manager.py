"""Secrets that boto3 reads from moto's mock of Secrets Manager."""

import hashlib
import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from aichats.api.callers import Caller, find_caller
from aichats.aws.clients import converting
from aichats.aws.secrets import REFRESH_AFTER_SECONDS, SecretStore
from aichats.errors import SecretError
from aichats.whop.client import WhopClient
from tests.support.fakes import JSON, FakeClock, Json, ScriptedTransport, ai_chat, error_response, ok
from tests.support.providers import whop_token

NAME = "aichats/dev/whop"


@pytest.fixture
def manager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        yield boto3.client("secretsmanager")


def fill(manager: SecretsManagerClient, value: Json, name: str = NAME) -> None:
    manager.put_secret_value(SecretId=name, SecretString=json.dumps(value))


def test_a_secret_as_the_template_makes_it_is_empty_until_it_is_filled(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME, SecretString="{}")
    clock = FakeClock()
    store = SecretStore(converting(manager), clock)
    assert store.read(NAME, JSON) == {}
    fill(manager, {"api_key": "k"})
    clock.now += REFRESH_AFTER_SECONDS
    assert store.read(NAME, JSON) == {"api_key": "k"}


def test_a_key_that_was_rotated_is_taken_up_in_the_middle_of_a_call(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME, SecretString='{"api_key": "common", "companies": {"biz_A": "old"}}')
    transport = ScriptedTransport(ok(ai_chat()), error_response(401), ok(ai_chat()))
    whop = WhopClient(token=whop_token(SecretStore(converting(manager)), NAME, "biz_A"), transport=transport)
    whop.retrieve_ai_chat("aich_1")
    fill(manager, {"api_key": "common", "companies": {"biz_A": "new"}})
    whop.retrieve_ai_chat("aich_1")
    assert [request.headers["authorization"] for request in transport.requests] == [
        "Bearer old",
        "Bearer old",
        "Bearer new",
    ]


def test_a_caller_that_was_just_made_is_let_in(manager: SecretsManagerClient) -> None:
    callers = "aichats/dev/callers"
    manager.create_secret(Name=callers, SecretString="{}")
    store = SecretStore(converting(manager))
    assert store.read(callers, JSON) == {}
    digest = hashlib.sha256(b"crm-token").hexdigest()
    fill(manager, {"crm": {"sha256": digest, "scopes": ["chats:read"]}}, callers)
    assert find_caller(store, callers, "crm-token") == Caller("crm", frozenset({"chats:read"}))


def test_a_secret_that_does_not_exist_can_be_created_by_a_deployment(manager: SecretsManagerClient) -> None:
    with pytest.raises(SecretError, match=f"secret {NAME} does not exist. Deploy the stack, which creates it."):
        SecretStore(converting(manager)).read(NAME, JSON)


def test_a_secret_without_a_value_counts_as_one_that_does_not_exist(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME)
    with pytest.raises(SecretError, match="does not exist"):
        SecretStore(converting(manager)).read(NAME, JSON)


def test_a_secret_that_is_being_deleted_can_be_restored(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME, SecretString="{}")
    manager.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    with pytest.raises(SecretError, match=r"is marked for deletion\. To restore it"):
        SecretStore(converting(manager)).read(NAME, JSON)


def test_binary_data_is_rejected(manager: SecretsManagerClient) -> None:
    manager.create_secret(Name=NAME, SecretBinary=b'{"api_key": "k"}')
    with pytest.raises(SecretError, match="contains binary data"):
        SecretStore(converting(manager)).read(NAME, JSON)


def test_an_invalid_name_is_an_error_of_the_secret(manager: SecretsManagerClient) -> None:
    with pytest.raises(SecretError, match=r"could not be read \(ValidationException\)"):
        SecretStore(converting(manager)).read("", JSON)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "Allow the function's role secretsmanager:GetSecretValue on it"),
        ("ThrottlingException", "Try again later"),
        ("InternalServiceError", "Try again later"),
    ],
)
def test_an_error_of_aws_says_what_to_do(code: str, message: str, manager: SecretsManagerClient) -> None:
    stubber = Stubber(manager)
    stubber.add_client_error("get_secret_value", service_error_code=code)
    with stubber, pytest.raises(SecretError, match=rf"\({code}\)\. {message}"):
        SecretStore(converting(manager)).read(NAME, JSON)
