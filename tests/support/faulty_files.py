"""Files in the world in which everything fails: the servers that have them, and Whop, which takes them."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO, override

import httpx

from aichats.errors import AttachmentError, AttachmentUnavailableError
from aichats.runs.ledger.rows import Row
from aichats.whop.attachments import FetchedAttachment
from tests.support.crashing import Crash, FaultyWhop, World
from tests.support.fakes import Json, ok

OWN = "file_own"
"""A file that is at Whop before the runs."""


def fetch_file(world: World, attachment: FetchedAttachment, into: BinaryIO) -> str | None:
    """Write the name of an attachment as its content, unless the process or the server fails now."""
    fault = world.fault()
    if fault == "refused":
        raise AttachmentError("answered 404")
    if fault not in ("none", "pause", "meanwhile", "crash after"):
        raise AttachmentUnavailableError("answered 503")
    into.write(attachment.path.encode())
    if fault == "crash after":
        raise Crash
    return None


class FaultyWhopWithFiles(FaultyWhop):
    """Whop in memory, which attaches only files whose content has arrived."""

    def __init__(self, world: World, *, honors_keys: bool) -> None:
        super().__init__(world, honors_keys=honors_keys)
        self._contents: dict[str, bytes] = {}
        self._number = 0

    @override
    def is_as_wanted(self, row: Row) -> bool:
        first, second = row.files["default"]["ids"]
        chat = self._chats[str(row.chat_id)]
        is_attached = chat["message_attachments"] == [{"id": first}, {"id": OWN}, {"id": second}]
        contents = (self._contents[first], self._contents[second])
        return super().is_as_wanted(row) and is_attached and contents == (b"/a.pdf", b"b.pdf")

    @override
    def _act(self, request: httpx.Request, time: datetime) -> httpx.Response:
        answer = self._of_files(request)
        return super()._act(request, time) if answer is None else answer()

    @override
    def _comes(self, request: httpx.Request) -> bool:
        # A late file is one that no chat attaches.
        return self._of_files(request) is None and super()._comes(request)

    @override
    def _create(self, key: str, fields: Json, time: datetime) -> Json:
        ids = {file["id"] for file in fields["message_attachments"]}
        assert ids <= self._contents.keys() | {OWN}, "a chat was created before its files"
        assert len(ids) == 3, "a chat was created without some of its files"
        return super()._create(key, fields, time)

    def _of_files(self, request: httpx.Request) -> Callable[[], httpx.Response] | None:
        """Return the answer to a request about files; ``None`` for any other request."""
        path = request.url.path
        if request.method == "PUT":
            return lambda: self._take(path.rpartition("/")[2], request.content)
        if path.endswith("/files"):
            return lambda: self._new_file(json.loads(request.content))
        return (lambda: ok(_file(path.rpartition("/")[2], "ready"))) if "/files/" in path else None

    def _new_file(self, fields: Json) -> httpx.Response:
        self._number += 1
        assert fields["byte_size"] > 0
        return ok(_file(f"file_{self._number}", "pending"))

    def _take(self, file_id: str, content: bytes) -> httpx.Response:
        self._contents[file_id] = content
        return httpx.Response(200, stream=httpx.ByteStream(b""))


def _file(file_id: str, status: str) -> Json:
    url = f"https://storage.invalid/{file_id}"
    return {"id": file_id, "upload_status": status, "upload_url": url, "upload_headers": {}}
