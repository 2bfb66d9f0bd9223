"""Calls without botocore, compared with botocore's: what is sent, and what is made of a response."""

import json
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session
from moto.core.botocore_stubber import MockRawResponse

from aichats.aws.calls import Client
from aichats.aws.clients import aws_client
from aichats.aws.credentials import CredentialSource
from aichats.aws.errors import ResponseError
from aichats.aws.services import SERVICES
from aichats.http.transport import DeadlineTransport, RawReply
from tests.support.fakes import FakeClock
from tests.support.fixtures import fresh_application
from tests.support.ledgers import create_table
from tests.support.moto_server import moto_server

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "testing"}
KEY = {"run_id": {"S": "ä€😀"}}
ITEM = {**KEY, "n": {"N": "1"}, "l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}]}, "s": {"SS": ["a", "b"]}}
WRITE = {"TableName": "runs", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
CHANGE = {**WRITE, "Key": KEY, "UpdateExpression": "SET #a = :a", "ExpressionAttributeNames": {"#a": "a"}}
VERSION = "1" * 32
REQUESTS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "get_item"): {"TableName": "runs", "Key": KEY, "ConsistentRead": True},
    ("dynamodb", "batch_get_item"): {"RequestItems": {"runs": {"Keys": [KEY], "ConsistentRead": True}}},
    ("dynamodb", "put_item"): {**WRITE, "Item": ITEM, "ConditionExpression": "attribute_not_exists(run_id)"},
    ("dynamodb", "update_item"): {**CHANGE, "ExpressionAttributeValues": {":a": {"S": "x"}}, "ReturnValues": "ALL_OLD"},
    ("dynamodb", "delete_item"): {**WRITE, "Key": KEY},
    ("dynamodb", "transact_write_items"): {"TransactItems": [{"Put": {**WRITE, "Item": ITEM}}, {"Update": CHANGE}]},
    ("dynamodb", "query"): {
        "TableName": "runs",
        "KeyConditionExpression": "#a = :a",
        "Limit": 5,
        "ScanIndexForward": False,
    },
    ("dynamodb", "scan"): {"TableName": "runs", "IndexName": "by_day", "ExclusiveStartKey": KEY},
    ("events", "put_events"): {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "b"}]},
    ("secretsmanager", "get_secret_value"): {"SecretId": "aichats/dev/whop", "VersionStage": "AWSPREVIOUS"},
    ("secretsmanager", "list_secrets"): {"Filters": [{"Key": "name", "Values": ["aichats/"]}], "MaxResults": 100},
    ("secretsmanager", "put_secret_value"): {"SecretId": "a", "SecretString": "{}", "VersionStages": ["x"]},
    ("secretsmanager", "update_secret_version_stage"): {
        "SecretId": "a",
        "VersionStage": "x",
        "MoveToVersionId": "1" * 32,
    },
    ("sqs", "send_message_batch"): {
        "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/runs",
        "Entries": [{"Id": "0", "MessageBody": '{"a": "ü"}', "DelaySeconds": 5, "MessageGroupId": "g"}],
    },
}
ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("dynamodb", "get_item"): {"Item": ITEM},
    ("dynamodb", "batch_get_item"): {"Responses": {"runs": [ITEM]}, "UnprocessedKeys": {}},
    ("dynamodb", "update_item"): {"Attributes": ITEM},
    ("dynamodb", "query"): {"Items": [ITEM], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": None},
    ("dynamodb", "scan"): {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": KEY},
    ("events", "put_events"): {
        "FailedEntryCount": 1,
        "Entries": [{"EventId": "1"}, {"ErrorCode": "E", "EventId": None}],
    },
    ("secretsmanager", "get_secret_value"): {"Name": "a", "SecretString": "{}", "CreatedDate": 1764579600.123},
    ("secretsmanager", "list_secrets"): {"SecretList": [{"Name": "a", "Tags": []}], "NextToken": "n"},
    ("sqs", "send_message_batch"): {"Successful": [], "Failed": [{"Id": "0", "Code": "C", "SenderFault": True}]},
}
REASONS = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": ITEM, "Message": "no"}]
PUT, GET, BATCH = ("dynamodb", "put_item"), ("dynamodb", "get_item"), ("sqs", "send_message_batch")
TRANSACT, SECRET, EVENTS = (
    ("dynamodb", "transact_write_items"),
    ("secretsmanager", "get_secret_value"),
    ("events", "put_events"),
)
QUERY_CODE = {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}
FAILURES: list[tuple[tuple[str, str], int, Any, dict[str, str]]] = [
    (PUT, 400, {"__type": "a.b#ConditionalCheckFailedException", "message": "failed", "Item": ITEM}, {}),
    (TRANSACT, 400, {"__type": "a#TransactionCanceledException", "Message": "m", "CancellationReasons": REASONS}, {}),
    (GET, 400, {"__type": "com.amazon.coral.validate#ValidationException", "message": "bad"}, {}),
    (GET, 400, {"__type": "AccessDeniedException", "Message": "denied"}, {"x-amzn-requestid": "R"}),
    (GET, 413, b"Request Entity Too Large", {}),
    (GET, 400, b"", {}),
    (SECRET, 400, {"__type": "ResourceNotFoundException", "Message": "gone"}, {}),
    (SECRET, 400, {"__type": "DecryptionFailure:http://x/", "Message": "kms"}, {}),
    (BATCH, 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no queue"}, QUERY_CODE),
    (BATCH, 400, {"__type": "com.amazonaws.sqs#BatchRequestTooLong", "message": "m"}, {"x-amzn-query-error": "broken"}),
    (EVENTS, 500, {"__type": "InternalException", "message": None}, {}),
    (EVENTS, 503, b"<html><b>Http/1.1 Service Unavailable</b></html>", {}),
    (EVENTS, 502, b"", {}),
]


class FakeTransport(DeadlineTransport):
    """A transport that keeps the request, and always returns the same response."""

    def __init__(self, status: int = 200, content: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
        self.reply = status, headers or {}, content
        self.url = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    def send(self, method: str, url: str, headers: Any, body: bytes, *, connect: float, read: float) -> RawReply:
        assert (method, connect, read) == ("POST", 2.0, 5.0)
        self.url, self.headers, self.body = url, dict(headers), body
        return self.reply


class Botocore:
    """A client of botocore that keeps the request, and always gets the same response."""

    def __init__(self, service: str, reply: RawReply = (200, {}, b"{}")) -> None:
        self.sent: list[AWSPreparedRequest] = []
        self.reply = reply
        session = get_session()
        config = Config(retries={"total_max_attempts": 1})
        self.client: Any = session.create_client(service, region_name="eu-west-1", config=config)
        answer: Any = self.answer
        self.client.meta.events.register("before-send", answer)

    def answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.sent.append(request)
        status, headers, content = self.reply
        raw: Any = MockRawResponse(content)
        fields: Any = headers
        return AWSResponse(request.url, status, fields, raw)


def client(service: str, transport: DeadlineTransport) -> Any:
    source = CredentialSource(KEYS, lambda *_: (404, b""), FakeClock())
    return Client(
        SERVICES[service], "eu-west-1", transport, source, environment={}, clock=FakeClock(), sleep=lambda _: None
    )


def test_each_operation_that_functions_use_is_compared() -> None:
    used = {(name, operation) for name, service in SERVICES.items() for operation in service.operations}
    assert REQUESTS.keys() == used


@pytest.mark.parametrize(("service", "operation"), REQUESTS)
def test_a_request_is_botocores(service: str, operation: str) -> None:
    judge, transport = Botocore(service), FakeTransport()
    request = REQUESTS[service, operation]
    getattr(judge.client, operation)(**request)
    getattr(client(service, transport), operation)(**request)

    (sent,) = judge.sent
    expected = {name.lower(): text(value) for name, value in sent.headers.items()}
    body, judged = json.loads(transport.body), json.loads(text(sent.body))
    if token := SERVICES[service].tokenized == operation:
        assert body.keys() == judged.keys()
        body.pop("ClientRequestToken")
        judged.pop("ClientRequestToken")
    assert body == judged
    if not token:
        assert transport.body == sent.body
    assert transport.url == sent.url
    names = ("content-type", "x-amz-target", "x-amzn-query-mode", "x-amz-security-token")
    assert {name: transport.headers.get(name) for name in names} == {name: expected.get(name) for name in names}


@pytest.mark.parametrize(("service", "operation"), ANSWERS)
def test_an_answer_is_botocores(service: str, operation: str) -> None:
    content = json.dumps(ANSWERS[service, operation]).encode()
    judged = getattr(Botocore(service, (200, {}, content)).client, operation)(**REQUESTS[service, operation])
    judged.pop("ResponseMetadata")
    if isinstance(created := judged.get("CreatedDate"), datetime):
        judged["CreatedDate"] = pytest.approx(created.timestamp())

    answer = getattr(client(service, FakeTransport(content=content)), operation)(**REQUESTS[service, operation])

    assert answer == judged


@pytest.mark.parametrize(("called", "status", "body", "headers"), FAILURES)
def test_an_error_is_botocores(called: tuple[str, str], status: int, body: Any, headers: dict[str, str]) -> None:
    service, operation = called
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = REQUESTS[service, operation]
    with pytest.raises(ClientError) as judged:
        getattr(Botocore(service, (status, headers, content)).client, operation)(**request)
    with pytest.raises(ResponseError) as caught:
        getattr(client(service, FakeTransport(status, content, headers)), operation)(**request)

    assert str(caught.value) == str(judged.value).replace(" (reached max retries: 0)", "")
    expected: Any = dict(judged.value.response)
    metadata = expected.pop("ResponseMetadata")
    found = dict(caught.value.response)
    own = found.pop("ResponseMetadata")
    assert {name: found.get(name) for name in expected} == expected
    assert {name: own.get(name) for name in ("HTTPStatusCode", "RequestId")} == {
        name: metadata.get(name) for name in ("HTTPStatusCode", "RequestId")
    }


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


# ---- moto


def test_moto_answers_calls_of_each_service() -> None:
    with moto_server(), fresh_application():
        create_table(boto3.client("dynamodb"), "runs")
        queue = boto3.client("sqs").create_queue(QueueName="runs")["QueueUrl"]
        boto3.client("events").create_event_bus(Name="b")
        boto3.client("secretsmanager").create_secret(Name="a", SecretString="{}")
        dynamodb, sqs, events, secrets = map(aws_client, ("dynamodb", "sqs", "events", "secretsmanager"))

        assert dynamodb.put_item(TableName="runs", Item=ITEM) == {}
        assert dynamodb.get_item(TableName="runs", Key=KEY)["Item"] == ITEM
        entries = [{"Id": "0", "MessageBody": "ü"}]
        assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 1
        (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
        assert message.get("Body") == "ü"
        assert events.put_events(**REQUESTS["events", "put_events"])["FailedEntryCount"] == 0
        version = secrets.put_secret_value(SecretId="a", SecretString='{"b": 1}')["VersionId"]
        found = secrets.get_secret_value(SecretId="a")
        assert (found["SecretString"], found["VersionId"]) == ('{"b": 1}', version)
        assert isinstance(found["CreatedDate"], float | int)
        for each in (dynamodb, sqs, events, secrets):
            assert isinstance(each, Client)
