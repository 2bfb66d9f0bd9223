"""Clients that raise the layer's errors in place of botocore's."""

import io
import os
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from aichats.aws import clients
from aichats.aws.clients import aws_client, converted_errors, converting
from aichats.aws.errors import AwsError, NoResponseError, ResponseError, aws_message, code_of

TEXTS = st.text(max_size=20)
NO_RESPONSE = [
    exceptions.EndpointConnectionError(endpoint_url="https://dynamodb.invalid"),
    exceptions.ConnectionClosedError(endpoint_url="https://dynamodb.invalid"),
    exceptions.ReadTimeoutError(endpoint_url="https://dynamodb.invalid"),
    exceptions.NoCredentialsError(),
    exceptions.NoRegionError(),
]


class FakeClient:
    """A client of botocore that raises an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.region = "eu-west-1"

    def get_item(self, *positional: Any, **request: Any) -> Any:
        if "TableName" in request:
            return [positional, request]
        raise self._error


def raised_by(error: Exception) -> AwsError:
    with pytest.raises(AwsError) as raised:
        converting(FakeClient(error)).get_item()
    return raised.value


def test_a_call_that_succeeds_returns_the_answer_of_the_client() -> None:
    client = converting(FakeClient(ValueError("not raised")))
    assert client.get_item("positional", TableName="runs") == [("positional",), {"TableName": "runs"}]
    assert client.region == "eu-west-1"


@given(TEXTS, TEXTS, TEXTS, st.dictionaries(TEXTS, TEXTS))
def test_an_error_response_has_all_that_the_error_of_botocore_has(
    code: str, message: str, operation: str, members: dict[str, str]
) -> None:
    response: Any = {**members, "Error": {"Code": code, "Message": message}}
    original = ClientError(response, operation)
    error = raised_by(original)
    assert isinstance(error, ResponseError)
    assert str(error) == str(original)
    assert (error.response, error.operation) == (original.response, original.operation_name)
    assert (code_of(error), aws_message(error)) == (code or "ResponseError", message or str(original))


@pytest.mark.parametrize("response", [{}, {"Error": {}}, {"Error": {"Code": "AccessDenied"}}])
def test_an_error_response_without_a_code_or_a_message_reads_like_that_of_botocore(response: Any) -> None:
    assert str(ResponseError(response, "PutItem")) == str(ClientError(response, "PutItem"))


@pytest.mark.parametrize("original", NO_RESPONSE, ids=lambda error: type(error).__name__)
def test_a_call_without_a_response_says_why(original: BotoCoreError) -> None:
    error = raised_by(original)
    assert isinstance(error, NoResponseError)
    assert (code_of(error), aws_message(error)) == ("NoResponseError", str(original))


def test_parameters_that_botocore_rejects_read_like_a_rejection_by_the_service() -> None:
    error = raised_by(exceptions.ParamValidationError(report="Missing required parameter"))
    assert (code_of(error), aws_message(error)) == (
        "ValidationException",
        "Parameter validation failed:\nMissing required parameter",
    )
    assert "when calling the GetItem operation" in str(error)


def test_an_error_that_is_not_of_aws_stays_as_it_is() -> None:
    with pytest.raises(ValueError, match="a bug"):
        converting(FakeClient(ValueError("a bug"))).get_item()


def test_a_traceback_shows_the_error_of_the_layer_alone() -> None:
    error = raised_by(NO_RESPONSE[0])
    assert "EndpointConnectionError" not in "".join(traceback.format_exception(error))


def test_the_body_of_an_object_raises_these_errors_too() -> None:
    class S3:
        def get_object(self, **_: Any) -> Any:
            return {"ContentType": "text/plain", "Body": StreamingBody(io.BytesIO(b"half"), 8)}

    found = converting(S3()).get_object(Bucket="files", Key="a")
    assert found["ContentType"] == "text/plain"
    assert found["Body"].read(4) == b"half"
    with pytest.raises(NoResponseError):
        found["Body"].read()
    found["Body"].close()


def test_pages_raise_these_errors_in_a_block_that_converts_them() -> None:
    def pages() -> Iterator[Any]:
        yield {}
        raise exceptions.ReadTimeoutError(endpoint_url="https://dynamodb.invalid")

    with pytest.raises(NoResponseError), converted_errors("Scan"):
        list(pages())


def test_a_client_that_cannot_be_created_counts_as_no_response(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    clients._session.cache_clear()
    try:
        with pytest.raises(NoResponseError, match="You must specify a region"):
            aws_client("kms")  # of the services that aichats calls, other tests may have left clients in this process
    finally:
        clients._session.cache_clear()
