"""Attaches files to a new chat that are not at Whop yet: fetches each file and uploads it before the chat is created.

The row of the run keeps the ids of the uploaded files before the create is sent, so every attempt sends the same bytes.
A file belongs to the credential that uploaded it. If another credential creates the chat, aichats uploads the files
again. It also does so after a replay, if Whop had rejected the create or the files were not complete.

An uploaded file that is not attached to a chat has no effect. So all steps may be repeated.
"""

from collections.abc import Callable, Sequence
from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any, BinaryIO

from aichats.aws.clients import aws_client
from aichats.errors import AttachmentError, AttachmentUnavailableError, InputError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.rows import Row
from aichats.runs.ledger.times import to_text
from aichats.runs.providers.port import NotYetError
from aichats.whop.attachments import FetchedAttachment, S3Attachment, UrlAttachment, name_of_file, to_fetch
from aichats.whop.client import WhopClient

type FetchFile = Callable[[FetchedAttachment, BinaryIO], str | None]
"""Writes the content of an attachment into a file and returns the type of the content, or ``None``.

Raises AttachmentError, or AttachmentUnavailableError if a retry may help.
"""


@frozen
class Uploads:
    """The files that one credential has uploaded for a run.

    Attributes:
        ids: the ids of the files, in the order of the attachments.
        ready: whether all files are complete, and the row says so for the run's current idempotency key.
    """

    ids: tuple[str, ...] = ()
    ready: bool = False

    @classmethod
    def of(cls, row: Row, credential: str) -> "Uploads":
        """Return the uploads of a run that may be used now."""
        stored = row.files.get(credential, {})
        # A create with this key may have been sent, and each create with the same key must have the same files.
        is_sent = stored.get("ready", False) and stored["key_number"] == row.key_number
        if is_sent or stored.get("opened_at") == to_text(row.opened_at):
            return cls(tuple(stored["ids"]), is_sent)
        return cls()

    def kept_in(self, row: Row, credential: str) -> Json:
        """Return the attribute ``files`` of the row with these uploads."""
        kept = {"ids": list(self.ids), "ready": self.ready, "opened_at": to_text(row.opened_at)}
        return {**row.files, credential: kept | {"key_number": row.key_number}}


def attached_ids(row: Row, attachments: Sequence[Any], credential: str) -> list[str]:
    """Return the ids of the attachments of a run, without those that are not uploaded yet."""
    uploaded = iter(Uploads.of(row, credential).ids)
    ids = (item if isinstance(item, str) else next(uploaded, None) for item in attachments)
    return [file_id for file_id in ids if file_id is not None]


def next_step(
    row: Row, attachments: Sequence[Any], credential: str, client: WhopClient, fetch: FetchFile
) -> Callable[[], Json] | None:
    """Return the next step before the chat can be created; ``None`` if all files are uploaded and complete.

    A step returns the new value of the row's attribute ``files``. It raises NotYetError if it must wait.
    """
    files, uploads = to_fetch(attachments), Uploads.of(row, credential)
    if uploads.ready or not files:
        return None
    if len(uploads.ids) == len(files):
        return lambda: _completed(uploads, client).kept_in(row, credential)
    attachment = files[len(uploads.ids)]
    return lambda: replace(uploads, ids=(*uploads.ids, _uploaded(attachment, client, fetch))).kept_in(row, credential)


def _completed(uploads: Uploads, client: WhopClient) -> Uploads:
    for file_id in uploads.ids:
        client.files.wait_until_ready(file_id)
    return replace(uploads, ready=True)


def _uploaded(attachment: FetchedAttachment, client: WhopClient, fetch: FetchFile) -> str:
    """Fetch a file and upload it. Return its id."""
    from tempfile import TemporaryFile

    with TemporaryFile() as content:
        try:
            content_type = fetch(attachment, content)
        except AttachmentUnavailableError as error:
            wait = None if error.retry_after is None else timedelta(seconds=error.retry_after)
            raise NotYetError(f"attachment: {error}", wait) from error
        size = content.tell()
        content.seek(0)
        return client.files.upload(name_of_file(attachment, content_type), content, size, until_ready=False).id


def fetch_attachment(bucket: str | None, attachment: FetchedAttachment, into: BinaryIO) -> str | None:
    """Write the content of an attachment into a file. Return the type of the content, if it is known.

    Args:
        bucket: the stack's bucket for attachments; ``None`` if it has none.
        attachment: the attachment.
        into: the file.

    Raises:
        AttachmentUnavailableError: the file can't be fetched now.
        AttachmentError: the file may not be fetched, doesn't exist, or is too large.
    """
    if isinstance(attachment, UrlAttachment):
        from aichats.http.download import download

        return download(attachment.url, into)
    from aichats.aws.objects import copy_object

    check_bucket(bucket, attachment)
    return copy_object(partial(aws_client, "s3"), attachment.bucket, attachment.path, into)


def check_buckets(bucket: str | None, attachments: Sequence[Any], within: str) -> None:
    """Check that all objects are in the stack's bucket for attachments.

    Raises:
        InputError: one is in another bucket, or the stack has none. The error names it, with the prefix ``within``.
    """
    for index, item in enumerate(attachments):
        if isinstance(item, str) or "s3" not in item:
            continue
        attachment = S3Attachment.model_validate(item)
        try:
            # The bucket of a template is only known when a run is created.
            if attachment.bucket:
                check_bucket(bucket, attachment)
        except AttachmentError as error:
            raise InputError([(f"{within}attachments.{index}.s3", str(error))]) from None


def check_bucket(bucket: str | None, attachment: S3Attachment) -> None:
    """Check that an object is in the stack's bucket for attachments.

    Raises:
        AttachmentError: it is in another bucket, or the stack has none.
    """
    if bucket is None:
        raise AttachmentError(f"{attachment.s3} can't be read: set the parameter AttachmentsBucket to its bucket")
    if attachment.bucket != bucket:
        raise AttachmentError(
            f"{attachment.s3} can't be read: the parameter AttachmentsBucket allows only s3://{bucket}/"
        )
