"""The attachments of a new chat: files that are at Whop already, and files that aichats fetches and uploads.

In automations, the texts may be templates. So a text that begins with a template is only checked after rendering.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag

from aichats.models import Request
from aichats.whop.kinds import MAX_ATTACHMENTS
from aichats.whop.models import FileId

MAX_FILENAME_CHARACTERS = 255
MAX_SUFFIX_CHARACTERS = 20
"""The maximum length of an extension. A longer text after the last dot is part of the name."""
_TEMPLATE = "{{"
_UNUSABLE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Separators of paths, and control characters."""
_NO_HOST = "must be a URL with a host, such as https://example.com/report.pdf"
_S3 = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})", re.DOTALL)


def _filename(name: str) -> str:
    # A template may contain anything, such as a quoted path.
    if _TEMPLATE not in name and (_UNUSABLE.search(name) or not name.strip(" .")):
        raise ValueError("must be a file name without / and \\, such as report.pdf")
    return name


def _https_url(url: str) -> str:
    if url.startswith(_TEMPLATE):
        return url
    if not url.lower().startswith("https://"):
        raise ValueError("must begin with https://")
    if _TEMPLATE not in url:
        _check_complete(url)
    return url


def _check_complete(url: str) -> None:
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ValueError("must not contain spaces or control characters. Write a space as %20")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_NO_HOST) from None
    if not parts.hostname:
        raise ValueError(_NO_HOST)
    if "@" in parts.netloc:
        raise ValueError("must not contain a user name or a password")


def _s3_url(url: str) -> str:
    bucket = url.removeprefix("s3://").partition("/")[0]
    if url.startswith(_TEMPLATE) or (url.startswith("s3://") and _TEMPLATE in bucket):
        return url
    if not _S3.fullmatch(url):
        raise ValueError("must have the form s3://bucket/key")
    return url


type AttachmentName = Annotated[
    str, Field(min_length=1, max_length=MAX_FILENAME_CHARACTERS, examples=["report.pdf"]), AfterValidator(_filename)
]


class UrlAttachment(Request):
    """A file that aichats downloads from a public server when it performs the run."""

    url: Annotated[
        str,
        Field(min_length=1, max_length=2000, repr=False, examples=["https://example.com/report.pdf"]),
        AfterValidator(_https_url),
    ]
    filename: AttachmentName | None = None
    """The name of the file in the chat; by default, the last part of the path."""

    @property
    def path(self) -> str:
        """The path of the file, from which its name is taken."""
        return unquote(urlsplit(self.url).path)


class S3Attachment(Request):
    """An object of the stack's bucket for attachments, which aichats reads when it performs the run."""

    s3: Annotated[
        str,
        Field(min_length=1, max_length=1100, examples=["s3://my-bucket/reports/week.pdf"]),
        AfterValidator(_s3_url),
    ]
    filename: AttachmentName | None = None
    """The name of the file in the chat; by default, the last part of the key."""

    @property
    def path(self) -> str:
        """The key of the object."""
        match = _S3.fullmatch(self.s3)
        return match[2] if match else ""

    @property
    def bucket(self) -> str:
        """The name of the bucket; empty if a template was not replaced."""
        match = _S3.fullmatch(self.s3)
        return match[1] if match else ""


type FetchedAttachment = UrlAttachment | S3Attachment
"""An attachment that is not at Whop yet."""


def _kind(value: Any) -> str:
    """Return the tag of an attachment: from JSON, or from its model."""
    if isinstance(value, str):
        return "FileId"
    is_s3 = isinstance(value, S3Attachment) or (isinstance(value, dict) and "s3" in value)
    return "S3Attachment" if is_s3 else "UrlAttachment"


# aichats.validation leaves the tags out of the names of fields, and finds the schemas of the models by them.
type Attachment = Annotated[
    Annotated[FileId, Tag("FileId")]
    | Annotated[UrlAttachment, Tag("UrlAttachment")]
    | Annotated[S3Attachment, Tag("S3Attachment")],
    Discriminator(_kind),
]
type Attachments = Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)]


def to_fetch(attachments: Sequence[Any]) -> list[FetchedAttachment]:
    """Return the attachments of an action, as decoded JSON, that are not at Whop yet, in their order."""
    files = [attachment for attachment in attachments if not isinstance(attachment, str)]
    return [(S3Attachment if "s3" in file else UrlAttachment).model_validate(file) for file in files]


def name_of_file(attachment: FetchedAttachment, content_type: str | None) -> str:
    """Return the name of the file in the chat: its own, or the last part of its path.

    If the path gives no name, or a name without an extension, the extension comes from the type of the content.
    """
    if attachment.filename is not None:
        return attachment.filename
    name = _UNUSABLE.sub("", PurePosixPath(attachment.path).name).strip(" .") or "attachment"
    own = PurePosixPath(name).suffix
    suffix = own if 0 < len(own) <= MAX_SUFFIX_CHARACTERS else _suffix_of(content_type)
    return name.removesuffix(suffix)[: MAX_FILENAME_CHARACTERS - len(suffix)] + suffix


def _suffix_of(content_type: str | None) -> str:
    from mimetypes import guess_extension

    return guess_extension((content_type or "").partition(";")[0].strip().lower()) or ""
