"""The upload of local files, through the API or to Whop's storage."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from aichats_cli.attachments import MAX_FORM_BYTES, upload
from aichats_cli.errors import CommandError
from aichats_cli.session import Session
from tests.support.cli import Cli, Terminal
from tests.support.fakes import Json, ok

SMALL = bytes(range(256)) * 10 + b"\r\n--\r\n"
LARGE = SMALL * (MAX_FORM_BYTES // len(SMALL) + 1)

type Failure = Callable[[], httpx.Response]


@pytest.fixture
def session(cli: Cli) -> Session:
    return Session(cli.system(io.StringIO(), io.StringIO(), io.StringIO()))


def file_of(folder: Path, content: bytes = SMALL, name: str = "report.pdf") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def sent(cli: Cli) -> list[str]:
    return [f"{request.method} {request.url.path}" for request in cli.requests]


def fail_first(cli: Cli, method: str, *failures: Failure) -> None:
    """Let the first requests with a method fail instead of being answered."""
    left = iter(failures)

    def fail(request: httpx.Request) -> httpx.Response | None:
        failure = next(left, None) if request.method == method else None
        return failure() if failure else None

    cli.interfere = fail


def cut() -> httpx.Response:
    raise httpx.WriteError("Broken pipe")


def answered(status: int, content: bytes = b"") -> Failure:
    return lambda: httpx.Response(status, content=content)


def created_files(cli: Cli) -> list[Json]:
    """Return the body of each file that was created at Whop."""
    created = [each for each in cli.stack.whop.requests if each.method == "POST"]
    return [json.loads(each.content) for each in created]


def show_states(cli: Cli, *states: str) -> None:
    """Let Whop show these states of a file, one after the other."""
    left = iter(states)

    def retrieve(request: httpx.Request) -> httpx.Response | None:
        is_retrieve = request.method == "GET" and request.url.path.startswith("/files/")
        return ok(shown_file(next(left))) if is_retrieve else None

    cli.interfere = retrieve


def shown_file(state: str) -> Json:
    return {"id": "file_1", "filename": "a.pdf", "upload_status": state, "content_type": None, "size": None}


def test_a_small_file_arrives_byte_for_byte_in_one_request(cli: Cli, session: Session, tmp_path: Path) -> None:
    assert upload(session, file_of(tmp_path), None) == "file_1"
    assert cli.stack.whop.uploads == [SMALL]
    assert sent(cli) == ["POST /files"]


def test_a_large_file_goes_to_the_storage_without_the_token(cli: Cli, session: Session, tmp_path: Path) -> None:
    assert upload(session, file_of(tmp_path, LARGE), None) == "file_1"
    assert cli.stack.whop.uploads == [LARGE]
    assert sent(cli) == ["POST /files", "PUT /uploads/1", "GET /files/file_1"]
    put = cli.requests[1]
    assert "authorization" not in put.headers
    assert put.headers["content-length"] == str(len(LARGE))
    assert "transfer-encoding" not in put.headers


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_the_company_chooses_the_credential(cli: Cli, session: Session, tmp_path: Path, content: bytes) -> None:
    upload(session, file_of(tmp_path, content), "biz_own")

    at_api = [each for each in cli.stack.whop.requests if each.url.path.startswith("/api/v1/files")]
    assert {each.headers["authorization"] for each in at_api} == {"Bearer whop-key-of-biz-own"}


@pytest.mark.parametrize("name", ['a "b" ü.pdf', "report", ".pdf", "tüv 2.pdf"])
def test_the_name_of_a_file_arrives(cli: Cli, session: Session, tmp_path: Path, name: str) -> None:
    upload(session, file_of(tmp_path, name=name), None)
    assert {"filename": name, "byte_size": len(SMALL)} in created_files(cli)


@pytest.mark.parametrize(
    "failure",
    [cut, answered(503), answered(429), answered(400, b"<Error><Code>RequestTimeout</Code></Error>")],
    ids=["cut", "503", "429", "slow"],
)
def test_a_large_upload_that_fails_for_a_time_is_repeated(
    cli: Cli, session: Session, tmp_path: Path, failure: Failure
) -> None:
    fail_first(cli, "PUT", failure, failure)

    assert upload(session, file_of(tmp_path, LARGE), None) == "file_1"
    assert cli.stack.whop.uploads == [LARGE]
    assert sent(cli).count("PUT /uploads/1") == 3


def test_a_small_upload_that_was_cut_is_repeated(cli: Cli, session: Session, tmp_path: Path) -> None:
    fail_first(cli, "POST", cut)

    assert upload(session, file_of(tmp_path), None) == "file_1"
    assert cli.stack.whop.uploads == [SMALL]


def test_an_upload_that_is_cut_again_and_again_ends_with_an_error_that_names_the_file(
    cli: Cli, session: Session, tmp_path: Path
) -> None:
    fail_first(cli, "PUT", *[cut] * 9)
    path = file_of(tmp_path, LARGE)

    with pytest.raises(CommandError) as caught:
        upload(session, path, None)

    assert caught.value.message == f"can't upload {path}: the connection to the storage failed (WriteError)"
    assert sent(cli).count("PUT /uploads/1") == 4


def test_a_storage_that_rejects_the_content_is_not_called_again_and_its_url_is_not_shown(
    cli: Cli, session: Session, tmp_path: Path
) -> None:
    fail_first(cli, "PUT", answered(403))
    path = file_of(tmp_path, LARGE)

    with pytest.raises(CommandError) as caught:
        upload(session, path, None)

    assert caught.value.message == f"can't upload {path}: the storage answered 403"
    assert sent(cli)[-1] == "PUT /uploads/1"


def test_an_upload_waits_until_whop_has_processed_the_file(cli: Cli, session: Session, tmp_path: Path) -> None:
    show_states(cli, "processing", "processing", "ready")
    assert upload(session, file_of(tmp_path, LARGE), None) == "file_1"


def test_a_file_that_whop_cannot_process_is_an_error(cli: Cli, session: Session, tmp_path: Path) -> None:
    show_states(cli, "processing", "failed")
    with pytest.raises(CommandError, match=r"report\.pdf: Whop can't process file_1"):
        upload(session, file_of(tmp_path, LARGE), None)


def test_a_file_that_is_never_ready_is_an_error_with_the_command_to_look_again(
    cli: Cli, session: Session, tmp_path: Path
) -> None:
    show_states(cli, *["processing"] * 99)

    with pytest.raises(CommandError, match="still processes file_1") as caught:
        upload(session, file_of(tmp_path, LARGE), "biz_A")

    assert caught.value.hint == "look again later: aichats files show file_1 --for biz_A"


def test_a_file_that_changes_during_the_upload_is_an_error(cli: Cli, session: Session, tmp_path: Path) -> None:
    path = file_of(tmp_path, LARGE)

    def shorten(request: httpx.Request) -> None:
        if request.url.path == "/files":
            path.write_bytes(SMALL)

    cli.interfere = shorten

    with pytest.raises(CommandError, match="the file changed during the upload"):
        upload(session, path, None)
    assert cli.stack.whop.uploads == []


def test_a_file_that_cannot_be_read_is_an_error_before_any_request(cli: Cli, session: Session, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.pdf: No such file or directory"):
        upload(session, tmp_path / "missing.pdf", None)
    with pytest.raises(CommandError, match=r"empty\.pdf: the file is empty"):
        upload(session, file_of(tmp_path, b"", "empty.pdf"), None)
    with pytest.raises(CommandError, match="it is not a file"):
        upload(session, tmp_path, None)
    assert cli.requests == []


def test_an_error_of_the_api_names_the_file(cli: Cli, session: Session, tmp_path: Path) -> None:
    cli.variables["AICHATS_TOKEN"] = "wrong"

    with pytest.raises(CommandError, match=r"can't upload .*report\.pdf: ") as caught:
        upload(session, file_of(tmp_path), None)
    assert caught.value.hint == "log in again with a valid token: aichats login"


def test_a_large_upload_shows_its_progress_on_a_terminal(cli: Cli, tmp_path: Path) -> None:
    screen = Terminal()
    session = Session(cli.system(io.StringIO(), io.StringIO(), screen))

    upload(session, file_of(tmp_path, LARGE), None)

    assert "report.pdf" in screen.getvalue()
