"""Uploads of local files, which chats can attach."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError
from aichats_cli.output import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aichats_cli.models import Attachment, FileView, NewFileView
    from aichats_cli.session import Session

MAX_FORM_BYTES = 4 * 1024 * 1024
"""The maximum size of a file that is sent through the API. A larger file goes directly to the storage."""
CHUNK_BYTES = 256 * 1024
STORAGE_SECONDS = 60
"""The time after which a storage that takes no byte, or gives no answer, is called again."""
SLOW_UPLOAD = b"<Code>RequestTimeout</Code>"
"""The part of an answer with which S3 says that the content did not arrive in time. Its status is 400."""
READY_WAITS = (0.2, 0.5, 1.0, 2.0, *[5.0] * 60)
"""The seconds between two requests for a file that is processed: five minutes in all."""


def upload(session: Session, path: Path, company: str | None) -> str:
    """Upload a file for the chats of a company. Return its id when it is ready.

    Raises:
        CommandError: the file can't be read or uploaded. The error names the file.
    """
    return upload_file(session, path, company)["id"]


def upload_file(session: Session, path: Path, company: str | None) -> FileView:
    """Upload a file for the chats of a company. Return it when it is ready.

    An upload that was cut is repeated. A file of an earlier attempt has no effect.

    Raises:
        CommandError: the file can't be read or uploaded. The error names the file.
    """
    with _errors_of(path):
        size = _size(path)
        send = _send_form if size <= MAX_FORM_BYTES else _send_to_storage
        return _wait_until_ready(session, send(session, path, size, company), company)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"can't read {path}: {error.strerror}") from error
    except CommandError as error:
        raise CommandError(f"can't upload {path}: {error.message}", error.hint) from error


def _size(path: Path) -> int:
    size = path.stat().st_size
    if not path.is_file():
        raise CommandError("it is not a file")
    if size == 0:
        raise CommandError("the file is empty")
    return size


def _name(path: Path) -> str:
    """Return the name of a file. A byte that isn't UTF-8 becomes a question mark."""
    return path.name.encode(errors="replace").decode()


def _send_form(session: Session, path: Path, _: int, company: str | None) -> NewFileView:
    form: dict[str, tuple[str | None, bytes]] = {"file": (_name(path), path.read_bytes())}
    if company is not None:
        form["company_id"] = (None, company.encode())
    file: NewFileView = session.api.call("POST", "/files", form=form).body
    return file


def _send_to_storage(session: Session, path: Path, size: int, company: str | None) -> NewFileView:
    body = {"filename": _name(path), "byte_size": size}
    created = session.api.call("POST", "/files", body if company is None else body | {"company_id": company})
    file: NewFileView = created.body
    with _progress(session, path.name, size) as advance:
        _put(session, path, file, size, advance)
    return file


def _put(session: Session, path: Path, file: NewFileView, size: int, advance: Callable[[int], None]) -> None:
    """Send the content of a file to its URL, again if the network or the storage failed for a time.

    No error shows the URL, because anyone who has it can write the file.
    """
    import httpx

    from aichats_cli.api import ATTEMPTS, RETRIED, backoff

    headers = {**(file["upload_headers"] or {}), "Content-Length": str(size)}
    with httpx.Client(transport=session.system.transport, timeout=STORAGE_SECONDS) as storage:
        for attempt in count(1):
            try:
                content = _chunks(path, size, advance)
                answer = storage.put(file["upload_url"] or "", content=content, headers=headers)
                if answer.is_success:
                    return
                problem = f"the storage answered {answer.status_code}"
                may_pass = answer.status_code in RETRIED or SLOW_UPLOAD in answer.content
            except httpx.TransportError as error:
                problem, may_pass = f"the connection to the storage failed ({type(error).__name__})", True
            if not may_pass or attempt == ATTEMPTS:
                raise CommandError(problem, "type the command again")
            session.system.sleep(backoff(attempt))


def _chunks(path: Path, size: int, advance: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the content of a file. ``advance`` gets the number of bytes that were sent.

    Raises:
        CommandError: the file no longer has ``size`` bytes.
    """
    sent = 0
    advance(sent)
    with path.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            sent += len(chunk)
            if sent > size:
                break
            yield chunk
            advance(sent)
    if sent != size:
        raise CommandError("the file changed during the upload", "type the command again")


@contextmanager
def _progress(session: Session, name: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes the number of sent bytes. On a terminal, it moves a bar on standard error."""
    if not is_terminal(session.system.stderr, session.system.variables):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=session.system.stderr), transient=True) as progress:
        task = progress.add_task(name, total=size)
        yield lambda sent: progress.update(task, completed=sent)


def _wait_until_ready(session: Session, file: FileView | NewFileView, company: str | None) -> FileView:
    file_id = file["id"]
    for wait in READY_WAITS:
        if file["upload_status"] == "ready":
            return _view(file)
        if file["upload_status"] == "failed":
            raise CommandError(f"Whop can't process {file_id}", "upload it again, or in another format")
        session.system.sleep(wait)
        file = session.api.get(f"/files/{file_id}", company_id=company)
    raise CommandError(f"Whop still processes {file_id}", f"look again later: {show_command(file_id, company)}")


def _view(file: FileView | NewFileView) -> FileView:
    """Return a file without the fields of its upload, so that every upload returns the same fields."""
    return {
        "id": file["id"],
        "filename": file["filename"],
        "upload_status": file["upload_status"],
        "content_type": file["content_type"],
        "size": file["size"],
    }


def show_command(file_id: str, company: str | None) -> str:
    """Return the command that shows a file. Only the credential that created a file can read it."""
    return f"aichats files show {file_id}" + (f" --for {company}" if company else "")


def attachments_of(session: Session, texts: Sequence[str], company: str | None) -> list[Attachment]:
    """Return the attachments that the API takes for what was typed. Files of this machine are uploaded.

    Args:
        session: the session of the command.
        texts: paths of files; URLs that begin with `https://` or `s3://`, or with a template, which aichats fetches
            when it creates the chat; or IDs of uploaded files.
        company: the company of the chat.

    Raises:
        CommandError: a file can't be read or uploaded. The error names the file.
    """
    return [_attachment(session, text, company) for text in texts]


def _attachment(session: Session, text: str, company: str | None) -> Attachment:
    if text.startswith("s3://"):
        return {"s3": text}
    if "://" in text or text.startswith("{{"):
        return {"url": text}
    path = Path(text)
    if text.startswith("file_") and not path.exists():
        return text
    return upload(session, path, company)
