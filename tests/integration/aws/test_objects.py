"""Objects that boto3 reads from moto's mock of S3, and S3's failures."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client

from aichats.aws.clients import converting
from aichats.aws.errors import NoResponseError
from aichats.aws.objects import CHUNK, copy_object
from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http import bodies
from aichats.http.deadline import time_limit
from tests.support.fakes import aws_error

BUCKET = "files-of-a-stack"


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client: S3Client = converting(boto3.client("s3", region_name="us-east-1"))
        client.create_bucket(Bucket=BUCKET)
        yield client


def read(client: Any, key: str = "a/report.pdf", bucket: str = BUCKET) -> tuple[bytes, str | None]:
    """Return the content of an object, and its type."""
    with io.BytesIO() as file:
        content_type = copy_object(lambda: client, bucket, key, file)
        return file.getvalue(), content_type


def failure(client: Any, **place: str) -> AttachmentError:
    with pytest.raises(AttachmentError) as raised:
        read(client, **place)
    return raised.value


class FailingS3:
    """S3 that answers with an error, or with a body that fails."""

    def __init__(self, error: Exception, *parts: bytes) -> None:
        self._error, self._parts = error, list(parts)

    def get_object(self, **_: Any) -> Any:
        if not self._parts:
            raise self._error
        return {"Body": self}

    def read(self, _size: int) -> bytes:
        if not self._parts:
            raise self._error
        return self._parts.pop(0)

    def close(self) -> None:
        pass


def test_an_object_is_read_in_parts_as_it_is(s3: S3Client) -> None:
    content = bytes(range(256)) * (CHUNK // 128)
    s3.put_object(Bucket=BUCKET, Key="a/report 1%.pdf", Body=content, ContentType="application/pdf")
    assert read(s3, "a/report 1%.pdf") == (content, "application/pdf")


def test_an_object_or_a_bucket_that_does_not_exist_is_final(s3: S3Client) -> None:
    assert str(failure(s3)) == f"s3://{BUCKET}/a/report.pdf does not exist"
    assert "AttachmentsBucket" in str(failure(s3, bucket="another-bucket"))


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey", "NoSuchBucket", "InvalidObjectState", "KeyTooLongError"])
def test_errors_that_a_retry_does_not_repair_are_final(code: str) -> None:
    error = failure(FailingS3(aws_error(code)))
    assert not isinstance(error, AttachmentUnavailableError)
    assert str(error).startswith(f"s3://{BUCKET}/a/report.pdf ")


@pytest.mark.parametrize(
    "error",
    [
        aws_error("SlowDown"),
        aws_error("InternalError"),
        aws_error("ExpiredToken"),
        aws_error("a code that is new"),
        NoResponseError("can't connect to https://s3"),
    ],
)
def test_every_other_error_may_pass(error: Exception) -> None:
    assert isinstance(failure(FailingS3(error)), AttachmentUnavailableError)


def test_an_object_that_breaks_off_may_be_read_later() -> None:
    error = failure(FailingS3(NoResponseError("no answer from https://s3 in time"), b"half"))
    assert isinstance(error, AttachmentUnavailableError)


def test_an_object_that_is_too_large_is_final(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ATTACHMENT_BYTES", 1024**2)
    s3.put_object(Bucket=BUCKET, Key="fits", Body=b"x" * 1024**2)
    s3.put_object(Bucket=BUCKET, Key="large", Body=b"x" * (1024**2 + 1))
    assert len(read(s3, "fits")[0]) == 1024**2
    error = failure(s3, key="large")
    assert str(error) == f"s3://{BUCKET}/large is larger than 1 MB"
    assert not isinstance(error, AttachmentUnavailableError)


def test_an_object_that_is_not_read_before_the_deadline_is_read_later(s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="slow", Body=b"x")
    with time_limit(0.0):
        error = failure(s3, key="slow")
    assert isinstance(error, AttachmentUnavailableError)
    assert str(error) == f"s3://{BUCKET}/slow was not read completely in time"
