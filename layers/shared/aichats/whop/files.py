"""Files for the attachments of AI chats: their operations at Whop, and the upload of their content.

Only the credential that created a file may read it and attach it to a chat.
"""

from collections.abc import Mapping
from typing import Annotated, Any, BinaryIO

from pydantic import ConfigDict, Field

from aichats.errors import APIConnectionError, APITimeoutError, OutcomeUnknownError, ProtocolError, ProviderError
from aichats.frozen import frozen
from aichats.http.answers import ProviderAnswer, read_answer
from aichats.http.client import HttpClient
from aichats.http.deadline import remaining, time_limit
from aichats.http.paths import segment
from aichats.http.uploads import Uploader, UploadTarget
from aichats.models import ProviderReply

FILES_API_VERSION = "2026-10-15-1"
"""The version of the calls. Whop has files since 2026-08-21-1."""
MAX_UPLOAD_SECONDS = 300.0
"""The time limit of an upload with everything that follows it. The deadline around the call applies too."""
READY_PAUSES = (0.2, 0.4, 0.8, 1.5, 2.5, 4.0, 5.0, 5.0, 5.0, 5.0)
"""The seconds to wait before a file that isn't ready yet is retrieved again."""


class WhopFile(ProviderReply):
    """A file at Whop. Unknown fields aren't kept, because they may contain signed URLs."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: Annotated[str, Field(pattern=r"^file_[A-Za-z0-9_-]{1,100}$")]
    upload_status: str
    """``pending``, ``processing``, ``ready`` or ``failed``."""
    filename: Annotated[str | None, Field(repr=False)] = None
    content_type: str | None = None
    size: int | None = None
    """The size in bytes; ``None`` before the upload has ended."""
    upload_url: Annotated[str | None, Field(repr=False)] = None
    """The URL that takes the content for one hour. Only the answer to :meth:`FilesClient.create` has it."""
    upload_headers: Annotated[dict[str, str] | None, Field(repr=False)] = None
    """The headers that must be sent with the content."""


@frozen
class FilesClient:
    """The operations on files.

    A file that isn't attached to a chat has no effect, so every call may be repeated after every error. These errors
    may pass: ``APIConnectionError``, ``RateLimitError``, ``InternalServerError`` and ``ProtocolError``. All others are
    final.
    """

    http: HttpClient

    def create(self, filename: str, byte_size: int | None = None) -> WhopFile:
        """Create a file without content, with the URL that takes the content.

        Raises:
            APIConnectionError: Whop was not reached, or the response was lost. A file without content may exist.
            ProtocolError: the answer has no usable URL. The error doesn't show it.
            ProviderError: any other failure.
        """
        body: dict[str, Any] = {"filename": filename} | ({} if byte_size is None else {"byte_size": byte_size})
        try:
            file = read_answer(WhopFile, self._call("POST", body=body))
        except OutcomeUnknownError as error:
            text = f"{error.reason} A file without content may exist, which has no effect."
            raise APIConnectionError(text, provider=error.provider, request_id=error.request_id) from error
        if not _target(file).is_usable(self.http.base_url):
            problem = f"the answer for {file.id} has no usable upload_url and upload_headers"
            raise ProtocolError(problem, provider="whop")
        return file

    def retrieve(self, file_id: str) -> WhopFile:
        """Return a file with its state.

        Raises:
            NotFoundError: the file does not exist, or another credential created it.
            ProviderError: any other failure.
        """
        id_ = segment(file_id, problem="is not the id of a file (file_...)", field="file_id")
        return read_answer(WhopFile, self._call("GET", f"/files/{id_}"))

    def upload(self, filename: str, content: BinaryIO, byte_size: int, *, until_ready: bool = True) -> WhopFile:
        """Create a file, send its content and wait until the file is ready.

        Args:
            filename: the name, with its extension.
            content: a seekable file. Its content is sent from the current position, and is never in memory as a whole.
            byte_size: the number of bytes.
            until_ready: whether to wait. If not, the file may still be in the state ``processing``.

        Raises:
            APIConnectionError: a call failed in a way that may pass, or the file was not ready at the deadline.
            ProviderError: Whop rejected the file or its content, or can't process it.
        """
        with time_limit(MAX_UPLOAD_SECONDS):
            file = self.create(filename, byte_size)
            uploader = Uploader(self.http.transport, sleep=self.http.sleep, randomness=self.http.randomness)
            uploader.put(_target(file), content, byte_size)
            return self.wait_until_ready(file.id) if until_ready else file

    def wait_until_ready(self, file_id: str) -> WhopFile:
        """Retrieve a file, with growing pauses, until it is ready.

        Raises:
            APITimeoutError: the file is not ready yet, and the deadline is too close.
            ProviderError: Whop can't process the file, or a call failed.
        """
        for pause in (*READY_PAUSES, None):
            file = self.retrieve(file_id)
            if file.upload_status == "ready":
                return file
            if file.upload_status == "failed":
                raise ProviderError(f"{file_id} can't be used: Whop failed to process its content", provider="whop")
            if pause is None or pause >= remaining(default=MAX_UPLOAD_SECONDS):
                break
            self.http.sleep(pause)
        raise APITimeoutError(f"{file_id} is not ready yet: Whop still processes its content", provider="whop")

    def _call(self, method: str, path: str = "/files", *, body: Mapping[str, Any] | None = None) -> ProviderAnswer:
        return self.http.call(method, path, body=body, headers={"api-version-date": FILES_API_VERSION})


def _target(file: WhopFile) -> UploadTarget:
    return UploadTarget("whop", file.id, file.upload_url or "", file.upload_headers or {})
