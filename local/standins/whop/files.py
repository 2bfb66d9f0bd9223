"""The files of the mock server. Their content arrives at a signed URL on the mock server itself, as at a storage."""

import hashlib
import mimetypes
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Literal

from pydantic import Field
from starlette.datastructures import QueryParams

from local.standins.shared.clock import Clock, iso, seconds_of
from local.standins.shared.exchange import Call, Operation, RefusedError, Reply
from local.standins.shared.ids import new_id
from local.standins.whop.errors import WhopError
from local.standins.whop.mode import WhopMode
from local.standins.whop.oauth import Grant
from local.standins.whop.parameters import Attachment, Parameters, parse_body

FILES = "/api/v1/files"
UPLOAD = "/uploads/{id}"
FILE_OPERATIONS = (
    Operation("create_file", "POST", FILES),
    Operation("retrieve_file", "GET", f"{FILES}/{{id}}"),
    Operation("upload_file", "PUT", UPLOAD),
)
FILES_SINCE = "2026-08-21-1"
"""First version with files."""
URL_SECONDS = 60 * 60
"""The time in which an upload URL takes the content."""


class CreateFile(Parameters):
    """The body of a create. Uploads in several parts aren't supported."""

    filename: str = Field(min_length=1)
    byte_size: int | None = Field(default=None, ge=0)
    visibility: Literal["public", "private"] = "private"
    multipart: Literal[False] | None = None


@dataclass
class UploadedContent:
    """The content of a file, of which only the size and the hash are kept, and the result of its processing."""

    size: int
    sha256: str
    ready_at: float
    status: Literal["ready", "failed"]


@dataclass
class StoredFile:
    """One file. ``owner`` is the credential that created it. Times are seconds since 1970."""

    owner: str
    created_at: float
    filename: str
    byte_size: int | None
    visibility: str
    content: UploadedContent | None = None
    id: str = field(default_factory=lambda: new_id("file_"))
    signature: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def content_type(self) -> str:
        """The media type for the extension of the name."""
        return mimetypes.guess_type(self.filename)[0] or "application/octet-stream"

    def status(self, now: float) -> str:
        """Return the state of the upload."""
        if self.content is None:
            return "pending"
        return self.content.status if now >= self.content.ready_at else "processing"

    def as_file(self, now: float) -> dict[str, Any]:
        """Return the file as the API shows it."""
        status = self.status(now)
        return {
            "id": self.id,
            "object": "file",
            "filename": self.filename,
            "content_type": self.content_type,
            "size": self.content.size if self.content and status == "ready" else None,
            "upload_status": status,
            "visibility": self.visibility,
            "url": f"https://files.invalid/{self.id}" if status == "ready" else None,
            "created_at": iso(self.created_at),
            "removed_by_moderation": False,
        }

    def as_state(self, now: float) -> dict[str, Any]:
        """Return the file with data that the API doesn't show, but without the signature of its URL."""
        content = vars(self.content) if self.content else {}
        shown = {"owner": self.owner, "byte_size": self.byte_size, "sha256": content.get("sha256")}
        return (
            self.as_file(now)
            | shown
            | {"content": {**content, "ready_at": iso(content["ready_at"])} if content else None}
        )


class StorageError(RefusedError):
    """The storage rejects content. Its answers are XML, and not Whop's errors."""

    def __init__(self, code: str, status: int = HTTPStatus.FORBIDDEN) -> None:
        body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
        super().__init__(code, Reply(status, body.encode(), "application/xml"))


class Files:
    """All files, in order of creation."""

    NAMES: ClassVar = {operation.name for operation in FILE_OPERATIONS} - {"upload_file"}

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def as_state(self) -> list[dict[str, Any]]:
        """Return every file, the oldest first."""
        return [file.as_state(self._clock.now()) for file in self._files.values()]

    def load(self, state: Mapping[str, Any]) -> None:
        """Add a file as :meth:`StoredFile.as_state` returned it. Its upload URL is no longer valid."""
        names = ("owner", "filename", "byte_size", "visibility", "id")
        fields: dict[str, Any] = {name: state[name] for name in names}
        content = state["content"]
        if content:
            fields["content"] = UploadedContent(**content | {"ready_at": seconds_of(content["ready_at"])})
        self._files[state["id"]] = StoredFile(created_at=seconds_of(state["created_at"]), **fields)

    def perform(self, call: Call, grant: Grant | None, version: str) -> object:
        """Create or retrieve a file, and return the content of the response. Every credential may do that.

        Raises:
            WhopError: 400; 404, the version has no files, or another credential created the file.
        """
        if version < FILES_SINCE:
            raise WhopError(404)
        owner, now = owner_of(call, grant), self._clock.now()
        if call.operation == "create_file":
            body = parse_body(CreateFile, call.body)
            file = StoredFile(owner, now, body.filename, body.byte_size, body.visibility)
            self._files[file.id] = file
            url = f"http://{call.headers.get('host', 'localhost')}/uploads/{file.id}?signature={file.signature}"
            return file.as_file(now) | {"upload_url": url, "upload_headers": {"Content-Type": file.content_type}}
        found = self._files.get(call.path_parameters["id"])
        if found is None or found.owner != owner:
            raise WhopError(404)
        return found.as_file(now)

    def upload(self, call: Call, mode: WhopMode) -> Reply:
        """Take the content of a file.

        Raises:
            StorageError: 403, the URL is wrong or expired, or the size or a header is not the signed one; 400, the
                request has a credential in addition to the signature.
        """
        file, now = self._files.get(call.path_parameters["id"]), self._clock.now()
        signature = QueryParams(call.query).get("signature", "")
        if file is None or not secrets.compare_digest(signature.encode(), file.signature.encode()):
            raise StorageError("SignatureDoesNotMatch")
        if "authorization" in call.headers:
            raise StorageError("InvalidArgument", HTTPStatus.BAD_REQUEST)
        if now >= file.created_at + URL_SECONDS:
            raise StorageError("AccessDenied")
        size = len(call.body)
        if call.headers.get("content-type") != file.content_type or file.byte_size not in (None, size):
            raise StorageError("SignatureDoesNotMatch")
        sha256 = hashlib.sha256(call.body).hexdigest()
        file.content = UploadedContent(size, sha256, now + mode.file_seconds, mode.file_result)
        return Reply(HTTPStatus.OK, b"", None, {"etag": f'"{sha256[:32]}"'})

    def check(self, attachments: list[Attachment], owner: str, mode: WhopMode) -> None:
        """Check the attachments of a new chat: a file must be ready, and the chat's credential must have created it.

        IDs that this server didn't create are accepted, unless the mode is to accept only uploaded files.

        Raises:
            WhopError: 400, a file can't be attached.
        """
        for attachment in attachments:
            file = self._files.get(attachment.id)
            usable = file.owner == owner and file.status(self._clock.now()) == "ready" if file else mode.files == "any"
            if not usable:
                message = (
                    f"Invalid parameter: message_attachments. {attachment.id} is not a ready file of this credential"
                )
                raise WhopError(400, message, code="parameter_invalid", param="message_attachments")


def owner_of(call: Call, grant: Grant | None) -> str:
    """Return a name for the credential of a call. All tokens of a user's consent have the same name."""
    return f"{grant.client_id} {grant.company_id}" if grant else str(call.credential)


def is_of_storage(call: Call) -> bool:
    """Return whether a call goes to the storage. Such a call has no credential."""
    return call.operation == "upload_file"


def logged_content(call: Call) -> str:
    """Return what the request log shows instead of the content of a file."""
    return f"{len(call.body)} bytes, SHA-256 {hashlib.sha256(call.body).hexdigest()}"
