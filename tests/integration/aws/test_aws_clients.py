"""The clients that functions get: without botocore where that is possible."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aichats.aws.calls import Client
from aichats.aws.clients import aws_client
from aichats.aws.errors import NoResponseError
from benchmarks.raw_server import Connection, serving
from local.ports import free_port
from tests.support.commands import run_command
from tests.support.fixtures import fresh_application

SERVICES = ("dynamodb", "events", "secretsmanager", "sqs")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with fresh_application():
        yield


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)


def test_the_services_of_a_run_are_called_without_botocore() -> None:
    code = f"""
import sys
from aichats.aws.clients import aws_client
for service in {SERVICES}:
    aws_client(service)
print([name for name in sys.modules if name.partition(".")[0] in ("botocore", "boto3", "pydantic", "pydantic_core")])
"""
    found = run_command(sys.executable, "-c", code, check=True)

    assert found.stdout.strip() == "[]"


@pytest.mark.usefixtures("no_keys")
def test_an_environment_without_credentials_has_the_clients_of_botocore() -> None:
    assert not isinstance(aws_client("dynamodb"), Client)


def test_a_service_with_another_protocol_has_the_client_of_botocore() -> None:
    assert isinstance(aws_client("sqs"), Client)
    assert not isinstance(aws_client("scheduler"), Client)


@pytest.mark.usefixtures("no_keys")
def test_credentials_of_the_endpoint_are_read_once_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_at = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
    keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "Token": "the-token", "Expiration": ends_at}

    def answer_keys(connection: Connection) -> None:
        while connection.read_request():
            connection.answer(json.dumps(keys).encode())

    def answer_all(connection: Connection) -> None:
        while connection.read_request():
            connection.answer(b"{}")

    with serving(answer_keys) as endpoint, serving(answer_all) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{endpoint.base_url}/v2/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.base_url)
        for _ in range(2):
            assert aws_client("dynamodb").get_item(TableName="runs", Key={}) == {}
    assert endpoint.requests == ["GET /v2/credentials HTTP/1.1"]
    assert "authorization: let-me-in" in endpoint.heads[0]
    assert all("x-amz-security-token: the-token" in head for head in server.heads)


@pytest.mark.usefixtures("no_keys")
def test_an_endpoint_for_credentials_that_is_down_is_no_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(NoResponseError, match=r"returned no credentials: .*refused"):
        aws_client("sqs").send_message_batch(QueueUrl="q", Entries=[])
