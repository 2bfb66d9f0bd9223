"""``/files``: files at Whop for the attachments of chats."""

import base64
import io
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, Field, PlainValidator, TypeAdapter, WithJsonSchema, model_validator

from aichats.api.forms import FormFile
from aichats.api.operation import ApiCall, Reply, operation
from aichats.errors import APIConnectionError, InternalServerError, ProtocolError, RateLimitError
from aichats.models import Request
from aichats.runs.providers.whop import WhopProvider
from aichats.validation import parse_value
from aichats.whop.models import CompanyId, FileId, Filename

if TYPE_CHECKING:
    from aichats.whop.files import FilesClient, WhopFile

MAX_CONTENT_BYTES = 4 * 1024 * 1024
"""The maximum size of a file in a request. Lambda takes 6 MB, and base64 makes a file larger by a third."""
MAX_FILE_BYTES = 5_000_000_000
"""The maximum size of a file that Whop takes in one part."""
UPLOAD_URL_LIFETIME = timedelta(hours=1)
_NOT_READY = (APIConnectionError, InternalServerError, ProtocolError, RateLimitError)
"""The errors after which an uploaded file may still become ready."""
_FILENAME = TypeAdapter[str](Filename)
_FILE = {"file_id": TypeAdapter[str](FileId)}


def _checked(content: bytes) -> bytes:
    if not content:
        raise ValueError("must not be empty")
    if len(content) > MAX_CONTENT_BYTES:
        limit = f"has {len(content)} bytes, the limit is {MAX_CONTENT_BYTES}"
        raise ValueError(f"{limit}. For a larger file, send JSON with filename and byte_size, without the content")
    return content


def _decoded(value: object) -> bytes:
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        content = None
    if content is None:
        raise ValueError("must be base64 without line breaks")
    return _checked(content)


def _file_of_form(value: object) -> FormFile:
    if isinstance(value, FormFile):
        _checked(value.content)
        return value
    raise ValueError("must be a file with a name, as `curl -F file=@report.pdf` sends it")


type Base64Content = Annotated[
    bytes, PlainValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]


class NewFile(Request):
    """The file to create, with its content or only with its size."""

    filename: Filename
    content_base64: Annotated[Base64Content | None, Field(description="The content, at most 4 MiB")] = None
    byte_size: Annotated[
        int | None, Field(ge=1, le=MAX_FILE_BYTES, description="The size of the content that you send to `upload_url`")
    ] = None
    company_id: Annotated[CompanyId | None, Field(description="The company of the chat that gets the file")] = None

    @model_validator(mode="after")
    def _has_content_or_size(self) -> Self:
        if (self.content_base64 is None) == (self.byte_size is None):
            raise ValueError("send either content_base64, or byte_size to upload the content yourself")
        return self


class FileForm(Request):
    """The file to create, as a form."""

    file: Annotated[
        FormFile,
        PlainValidator(_file_of_form),
        WithJsonSchema({"type": "string", "format": "binary", "description": "The file with its name, at most 4 MiB"}),
    ]
    company_id: Annotated[CompanyId | None, Field(description="The company of the chat that gets the file")] = None


class FileQuery(Request):
    """The company of a file."""

    company_id: Annotated[CompanyId | None, Field(description="The company for which the file was created")] = None


class FileView(BaseModel):
    """A file at Whop."""

    id: str
    filename: str | None
    upload_status: Annotated[str, Field(description="`pending`, `processing`, `ready` or `failed`")]
    content_type: str | None
    size: Annotated[int | None, Field(description="The size in bytes; null before Whop has the content")]


class NewFileView(FileView):
    """A new file. The fields of the upload are null if Whop has the content already."""

    upload_url: Annotated[str | None, Field(description="The URL to which you PUT the content, without your token")]
    upload_headers: Annotated[dict[str, str] | None, Field(description="The headers that the PUT must have")]
    expires_at: Annotated[datetime | None, Field(description="The time until which `upload_url` is valid")]


@operation(
    "POST",
    "/files",
    "Create a file",
    scopes=("chats:write",),
    body=NewFile,
    form=FileForm,
    answers={201: NewFileView, 202: NewFileView},
    limited=True,
    headers={"Location": "The file"},
)
def create_file(call: ApiCall[NewFile | FileForm, None]) -> Reply:
    """Create a file that you can attach to chats.

    Send a file of at most 4 MiB in a form (`curl -F file=@report.pdf`) or in base64. For a larger file, send its
    `byte_size` without the content. Then PUT the content to `upload_url`, with the headers in `upload_headers` and
    without your token. If Whop still processes the file, the answer is 202.

    Set `company_id` to the company of the chat, because a chat can only use files of its own Whop credential. A
    repeated request creates another file. A file that no chat attaches has no effect.
    """
    body = call.body
    call.limit.check_company(body.company_id)
    expires_at = call.app.ledger.clock() + UPLOAD_URL_LIFETIME
    with call.app.provider(WhopProvider).calls(body.company_id) as whop:
        if isinstance(body, FileForm):
            filename = parse_value(_FILENAME, "file", body.file.filename)
            file = _upload(whop.files, filename, body.file.content)
        elif body.content_base64 is not None:
            file = _upload(whop.files, body.filename, body.content_base64)
        else:
            file = _view(whop.files.create(body.filename, body.byte_size), expires_at)
    company = f"?company_id={body.company_id}" if body.company_id else ""
    status = HTTPStatus.ACCEPTED if file.upload_status == "processing" else HTTPStatus.CREATED
    return Reply(file, status, {"Location": f"/files/{file.id}{company}"})


@operation(
    "GET",
    "/files/{file_id}",
    "Get a file",
    scopes=("chats:read",),
    parameters=_FILE,
    query=FileQuery,
    answers={200: FileView},
    limited=True,
)
def get_file(call: ApiCall[None, FileQuery]) -> Reply:
    """Return a file with its state. A file that is `ready` can be attached.

    Only the Whop credential that created a file can read it, so send the same `company_id`.
    """
    company_id = call.query.company_id
    call.limit.check_company(company_id)
    with call.app.provider(WhopProvider).calls(company_id) as whop:
        return Reply(FileView(**vars(whop.files.retrieve(call.path["file_id"]))))


def _upload(files: "FilesClient", filename: str, content: bytes) -> NewFileView:
    """Upload a file, and wait for it as long as the call may take. If it isn't ready then, it is ``processing``."""
    file = files.upload(filename, io.BytesIO(content), len(content), until_ready=False)
    try:
        file = files.wait_until_ready(file.id)
    except _NOT_READY:
        file = file.model_copy(update={"upload_status": "processing"})
    return _view(file, None)


def _view(file: "WhopFile", expires_at: datetime | None) -> NewFileView:
    """Return a new file. It shows the upload only if the content doesn't arrive in another way."""
    fields = vars(file) | ({} if expires_at else {"upload_url": None, "upload_headers": None})
    return NewFileView(**fields, expires_at=expires_at)
