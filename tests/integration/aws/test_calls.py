"""Calls to AWS without botocore over real connections: what is sent, what is repeated, and how a call ends."""

import json
import re
import time
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from aichats.aws.calls import STORING_SECONDS, Client
from aichats.aws.credentials import CredentialSource
from aichats.aws.errors import NoResponseError, ResponseError
from aichats.aws.services import SERVICES
from aichats.http.deadline import time_limit
from aichats.http.transport import DeadlineTransport
from benchmarks.raw_server import Connection, RawServer, serving
from local.ports import free_port
from tests.support.fakes import FakeClock

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s"}
ITEM = {"Item": {"run_id": {"S": "r"}}}
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)

type Answer = bytes | Callable[[Connection], None]


def response(status: int = 200, body: object = None, **headers: str) -> bytes:
    """Return a response as it is on the wire."""
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    fields = {"content-length": str(len(content)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {text}" for name, text in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def failure(code: str, status: int = 400, message: str = "no", **headers: str) -> bytes:
    return response(status, {"__type": f"com.amazonaws.x#{code}", "message": message}, **headers)


def hang_up(_: Connection) -> None:
    """End the connection without a response."""


def drip_body(connection: Connection) -> None:
    """Send a body that takes a minute."""
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    connection.drip(b" ")


class Aws:
    """A service that gives one answer after the other, and a client of it whose time is the test's."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.bodies: list[Any] = []
        self.pauses: list[float] = []
        self.clock = FakeClock(NOW.timestamp())
        self.server: RawServer | None = None

    def behave(self, connection: Connection) -> None:
        while (body := connection.read_body()) is not None:
            self.bodies.append(json.loads(body))
            answer = self.answers.pop(0)
            if isinstance(answer, bytes):
                connection.send(answer)
            else:
                answer(connection)
                return

    def client(self, url: str, service: str = "dynamodb", **environment: str) -> Client:
        own = {**KEYS, "AWS_ENDPOINT_URL": url, **environment}
        source = CredentialSource(own, self.fetch, self.clock)
        return Client(
            SERVICES[service],
            "eu-west-1",
            DeadlineTransport(),
            source,
            environment=own,
            clock=self.clock,
            sleep=self.pauses.append,
            randomness=lambda: 1.0,
        )

    def fetch(self, url: str, _: object) -> tuple[int, bytes]:
        number = url.rpartition("/")[2]
        ends_at = datetime.fromtimestamp(self.clock() + 3600, UTC).isoformat()
        keys = {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": "s", "Token": "t", "Expiration": ends_at}
        return 200, json.dumps(keys).encode()

    @contextmanager
    def serving(self, service: str = "dynamodb", **environment: str) -> Iterator[Any]:
        with serving(self.behave) as server, closing(self.client(server.base_url, service, **environment)) as client:
            self.server = server
            yield client

    def headers(self, request: int = -1) -> dict[str, str]:
        """Return the headers of a request, in small letters."""
        assert self.server is not None
        lines = self.server.heads[request].split("\r\n")[1:]
        return dict(line.split(": ", 1) for line in lines)


def get(client: Any) -> Any:
    return client.get_item(TableName="runs", Key={"run_id": {"S": "r"}})


# ---- what is sent


def test_a_call_returns_the_decoded_answer_over_one_connection() -> None:
    aws = Aws(response(body=ITEM), response(body={}))
    with aws.serving() as client:
        assert [get(client), get(client)] == [ITEM, {}]
    assert aws.bodies == [{"TableName": "runs", "Key": {"run_id": {"S": "r"}}}] * 2
    assert aws.server is not None
    assert aws.server.connections == 1


def test_members_that_are_null_are_missing_as_with_botocore() -> None:
    body = {"Item": None, "LastEvaluatedKey": None, "Items": [{"a": {"S": "null", "N": None}}]}
    aws = Aws(response(body=body))
    with aws.serving() as client:
        assert client.scan(TableName="runs") == {"Items": [{"a": {"S": "null"}}]}


def test_an_operation_that_functions_do_not_use_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="describe_table"):
        Aws().client("http://127.0.0.1:1").describe_table(TableName="runs")


def test_only_a_function_in_lambda_passes_on_the_id_of_its_trace() -> None:
    trace = "Root=1-5759e988;Lineage=a87bd80c:1|68fd508a:5"
    for environment, passed in (({"AWS_LAMBDA_FUNCTION_NAME": "f"}, True), ({}, False)):
        aws = Aws(response())
        with aws.serving(_X_AMZN_TRACE_ID=trace, **environment) as client:
            get(client)
        found = aws.headers().get("x-amzn-trace-id")
        assert found == ("root=1-5759e988;lineage=a87bd80c:1%7c68fd508a:5" if passed else None)


# ---- errors


def test_an_error_has_the_shape_and_the_text_of_botocores() -> None:
    reasons = [{"Code": "ConditionalCheckFailed", "Item": ITEM["Item"], "Message": None}]
    body = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "canceled"}
    aws = Aws(response(400, body | {"CancellationReasons": reasons}, x_amzn_requestid="R1"))
    with aws.serving() as client, pytest.raises(ResponseError) as caught:
        client.transact_write_items(TransactItems=[])
    assert str(caught.value) == (
        "An error occurred (TransactionCanceledException) when calling the TransactWriteItems operation: canceled"
    )
    assert caught.value.operation == "TransactWriteItems"
    assert caught.value.response["Error"] == {"Code": "TransactionCanceledException", "Message": "canceled"}
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "ConditionalCheckFailed", "Item": {"run_id": {"S": "r"}}, "Message": None}
    ]
    assert caught.value.response["ResponseMetadata"]["RequestId"] == "R1"
    assert aws.pauses == []


def test_an_error_of_sqs_has_the_code_of_the_older_protocol() -> None:
    body = {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}
    aws = Aws(response(400, body, x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender"))
    with aws.serving("sqs") as client, pytest.raises(ResponseError, match=r"AWS\.SimpleQueueService\.NonExistentQueue"):
        client.send_message_batch(QueueUrl="q", Entries=[])
    assert aws.headers()["x-amzn-query-mode"] == "true"


# ---- repetitions


@pytest.mark.parametrize(
    "broken",
    [
        hang_up,
        lambda connection: connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        lambda connection: connection.send(b"SSH-2.0\r\n"),
        response(body=b"<html>"),
        response(body=b"[]"),
        response(body=b"\xff"),
        response(body=ITEM, x_amz_crc32="1"),
        response(503, b""),
        response(500, b"<html><b>Http/1.1 Service Unavailable</b></html>"),
        failure("InternalServerError", 500),
        failure("ReplicatedWriteConflictException"),
    ],
)
def test_a_call_that_broke_is_repeated(broken: Answer) -> None:
    aws = Aws(broken, broken, broken, response(body=ITEM))
    with aws.serving() as client:
        assert get(client) == ITEM
    assert aws.pauses == pytest.approx([0.025, 0.05, 0.1])


def test_a_service_that_is_down_gets_a_few_attempts() -> None:
    aws = Aws(*[hang_up] * 4)
    with aws.serving() as client, pytest.raises(NoResponseError, match="did not answer"):
        get(client)
    assert len(aws.bodies) == 4


def test_a_port_without_a_server_is_no_response() -> None:
    aws = Aws()
    with (
        closing(aws.client(f"http://127.0.0.1:{free_port()}")) as client,
        pytest.raises(NoResponseError, match="refused"),
    ):
        get(client)
    assert len(aws.pauses) == 3


def test_a_throttled_call_pauses_longer_and_as_aws_says() -> None:
    aws = Aws(
        failure("ThrottlingException"), failure("ThrottlingException", x_amz_retry_after="4500"), response(body=ITEM)
    )
    with aws.serving() as client:
        get(client)
    assert aws.pauses == pytest.approx([1.0, 4.5])


def test_an_error_that_another_attempt_does_not_change_is_raised_at_once() -> None:
    aws = Aws(failure("ValidationException"))
    with aws.serving() as client, pytest.raises(ResponseError):
        get(client)
    assert aws.pauses == []


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    def answer_and_hang_up(connection: Connection) -> None:
        connection.send(response(body=ITEM))

    aws = Aws(answer_and_hang_up, response(body=ITEM))
    with aws.serving() as client:
        get(client)
        assert aws.server is not None
        aws.server.closed.acquire()
        assert get(client) == ITEM
    assert len(aws.bodies) == 2


def test_all_attempts_of_a_call_have_the_same_token_and_each_call_its_own() -> None:
    aws = Aws(hang_up, response(), response(), response())
    with aws.serving() as client:
        for given in ({}, {}, {"ClientRequestToken": "mine"}):
            client.transact_write_items(TransactItems=[], **given)
    first, again, second, third = (body["ClientRequestToken"] for body in aws.bodies)
    assert (first, third) == (again, "mine")
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)


def test_a_call_that_needs_no_token_has_none() -> None:
    aws = Aws(response())
    with aws.serving() as client:
        get(client)
    assert "ClientRequestToken" not in aws.bodies[0]


# ---- the time


def test_a_slow_answer_ends_with_the_deadline() -> None:
    aws = Aws(drip_body)
    with aws.serving() as client:
        began = time.monotonic()
        with time_limit(STORING_SECONDS + 0.5), pytest.raises(NoResponseError, match="did not answer"):
            get(client)
    assert STORING_SECONDS <= time.monotonic() - began < 30
    assert len(aws.bodies) == 1


def test_a_result_can_be_stored_shortly_after_the_deadline() -> None:
    aws = Aws(hang_up, response(body=ITEM))
    with aws.serving() as client, time_limit(-1.0):
        assert get(client) == ITEM


def test_no_pause_ends_after_the_deadline() -> None:
    aws = Aws(failure("ThrottlingException", x_amz_retry_after="9000"))
    with aws.serving() as client, time_limit(3.0), pytest.raises(ResponseError, match="ThrottlingException"):
        get(client)
    assert aws.pauses == []


# ---- clocks and credentials


@pytest.mark.parametrize("minutes", [-90, -5, 5, 90])
def test_a_wrong_clock_is_corrected_once_for_all_calls(minutes: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW.timestamp() + minutes * 60, UTC), usegmt=True)
    aws = Aws(failure("InvalidSignatureException", date=date), response(body=ITEM), response(body=ITEM))
    with aws.serving() as client:
        assert [get(client), get(client)] == [ITEM, ITEM]
    sent = [aws.headers(request)["x-amz-date"] for request in range(3)]
    corrected = datetime.fromtimestamp(NOW.timestamp() + minutes * 60, UTC).strftime("%Y%m%dt%H%M%Sz")
    assert sent == ["20261201t090000z", corrected, corrected]
    assert aws.pauses == [0.0]


@pytest.mark.parametrize(
    ("code", "date"),
    [
        ("InvalidSignatureException", "Tue, 01 Dec 2026 09:03:00 GMT"),
        ("InvalidSignatureException", "soon"),
        ("AccessDeniedException", "Tue, 01 Dec 2026 12:00:00 GMT"),
    ],
)
def test_a_rejection_that_the_clock_does_not_explain_is_raised(code: str, date: str) -> None:
    aws = Aws(failure(code, date=date))
    with aws.serving() as client, pytest.raises(ResponseError, match=code):
        get(client)


def test_a_clock_that_cannot_be_corrected_is_tried_once() -> None:
    aws = Aws(*[failure("RequestTimeTooSkewed", date=f"Tue, 01 Dec 2026 {hour}:00:00 GMT") for hour in (11, 13)])
    with aws.serving() as client, pytest.raises(ResponseError, match="RequestTimeTooSkewed"):
        get(client)


def test_credentials_of_the_endpoint_that_aws_rejects_are_read_again_once() -> None:
    aws = Aws(failure("ExpiredTokenException"), response(body=ITEM), *[failure("ExpiredTokenException")] * 2)
    endpoint = {"AWS_ACCESS_KEY_ID": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/7"}
    with aws.serving(**endpoint) as client:
        assert get(client) == ITEM
        with pytest.raises(ResponseError, match="ExpiredTokenException"):
            get(client)
    assert "credential=asia7/20261201/eu-west-1/dynamodb/aws4_request" in aws.headers()["authorization"]
    assert aws.headers()["x-amz-security-token"] == "t"


def test_credentials_of_the_environment_that_aws_rejects_are_an_error() -> None:
    aws = Aws(failure("UnrecognizedClientException"))
    with aws.serving() as client, pytest.raises(ResponseError):
        get(client)


def test_the_checksum_of_an_answer_is_checked() -> None:
    content = json.dumps(ITEM).encode()
    aws = Aws(response(body=content, x_amz_crc32=str(crc32(content))))
    with aws.serving() as client:
        assert get(client) == ITEM
