"""S3: reads objects."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, BinaryIO, Protocol

from aichats.aws.errors import AwsError, aws_message, code_of
from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.http.bodies import copy_file
from aichats.http.deadline import remaining

CHUNK = 256 * 1024
_FINAL = {
    "NoSuchKey": "does not exist",
    "NoSuchBucket": "is in a bucket that does not exist. Set the parameter AttachmentsBucket to a bucket that exists",
    # Without the permission to list the bucket, this is also S3's answer about an object that does not exist.
    "AccessDenied": "does not exist, or the stack may not read it. Check the key, and the policies of the bucket and "
    "of its KMS key",
    "InvalidObjectState": "is archived. Restore it first",
    "KeyTooLongError": "has a key that is too long",
}
"""The problem with an object, by the code of S3's error. All other errors may pass."""


class S3(Protocol):
    """The method of the client that this module uses."""

    def get_object(self, *args: Any, **request: Any) -> Any:
        """Return an object with its body as a stream."""


def copy_object(client: Callable[[], S3], bucket: str, key: str, into: BinaryIO) -> str | None:
    """Write an object into a file. Return the type of its content.

    Args:
        client: returns the client. It may create the client.
        bucket: the bucket.
        key: the key of the object.
        into: the file.

    Raises:
        AttachmentUnavailableError: S3 was not reached, or failed. A retry may help.
        AttachmentError: the object doesn't exist, may not be read, or is too large.
    """
    try:
        found = client().get_object(Bucket=bucket, Key=key)
        with closing(found["Body"]) as body:
            copy_file(_until_deadline(body), into)
    except AttachmentError as error:
        raise type(error)(f"s3://{bucket}/{key} {error}") from None
    except AwsError as error:
        raise _failure(f"s3://{bucket}/{key}", error) from error
    content_type: str | None = found.get("ContentType")
    return content_type


def _until_deadline(body: Any) -> Iterator[bytes]:
    """Yield the parts of an object, whose reads have limits of their own only."""
    while part := body.read(CHUNK):
        if remaining(default=1.0) <= 0.0:
            raise AttachmentUnavailableError("was not read completely in time")
        yield part


def _failure(name: str, error: Exception) -> AttachmentError:
    code = code_of(error)
    if code in _FINAL:
        return AttachmentError(f"{name} {_FINAL[code]}")
    return AttachmentUnavailableError(f"{name} can't be read now: {aws_message(error)}")
