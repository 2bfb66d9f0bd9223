"""Files at the mock of Whop: their creation, their content, their states, and chats that attach them."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.support.mock_servers import NEW, OLD, Json, WhopInProcess, whop_options
from tests.support.whop_oauth import HOUR, OAuthApp

FILES = "/api/v1/files"
CONTENT = bytes(range(256))
PDF = {"Content-Type": "application/pdf"}


def call(whop: WhopInProcess, method: str, path: str = "", *, version: str = NEW, **options: Any) -> httpx.Response:
    """Return the answer to a call below ``/files``."""
    return whop.request(method, FILES + path, **whop_options(version=version, **options))


def create(whop: WhopInProcess, **options: Any) -> Json:
    """Create a file, and return it."""
    reply = call(whop, "POST", json={"filename": "report.pdf"} | options.pop("body", {}), **options)
    assert reply.status_code == 200, reply.text
    file: Json = reply.json()
    return file


def put(whop: WhopInProcess, file: Json, content: bytes = CONTENT, headers: Json = PDF) -> httpx.Response:
    """Send the content of a file."""
    return whop.request("PUT", file["upload_url"], content=content, headers=headers)


def uploaded(whop: WhopInProcess, **options: Any) -> Json:
    """Create a file with content, and return the answer to the create."""
    file = create(whop, **options)
    assert put(whop, file).status_code == 200
    return file


def status(whop: WhopInProcess, file: Json) -> str:
    state: str = call(whop, "GET", f"/{file['id']}").json()["upload_status"]
    return state


def attach(whop: WhopInProcess, file_id: str, **options: Any) -> httpx.Response:
    """Create a chat with an attachment."""
    return whop.call("POST", json={"message_text": "hello", "message_attachments": [{"id": file_id}]}, **options)


def test_a_file_is_pending_until_its_content_comes_and_then_ready(whop: WhopInProcess) -> None:
    file = create(whop)
    assert (file["upload_status"], file["upload_headers"], file["size"]) == ("pending", PDF, None)
    assert status(whop, file) == "pending"
    assert put(whop, file).status_code == 200

    ready = call(whop, "GET", f"/{file['id']}").json()
    assert ready | {"upload_status": "ready", "size": 256, "filename": "report.pdf"} == ready
    assert not {"upload_url", "upload_headers"} & ready.keys()


def test_the_state_has_the_hash_of_the_content_and_not_the_signature(whop: WhopInProcess) -> None:
    file = uploaded(whop)
    [shown] = whop.state()["files"]

    assert (shown["id"], shown["size"], shown["sha256"]) == (file["id"], 256, hashlib.sha256(CONTENT).hexdigest())
    assert file["upload_url"].rpartition("=")[2] not in str(shown)


def test_the_content_is_not_in_the_log_of_requests(whop: WhopInProcess) -> None:
    put(whop, create(whop), b"a secret report")
    assert "a secret report" not in str(whop.state())
    assert "15 bytes, SHA-256 " in whop.state()["requests"][-1]["body"]


def test_a_file_is_processed_for_as_long_as_the_mode_says(whop: WhopInProcess) -> None:
    whop.mode(file_seconds=30)
    file = uploaded(whop)
    assert status(whop, file) == "processing"
    whop.advance(29.9)
    assert (status(whop, file), attach(whop, file["id"]).status_code) == ("processing", 400)
    whop.advance(0.1)
    assert (status(whop, file), attach(whop, file["id"]).status_code) == ("ready", 200)


def test_a_file_fails_if_the_mode_says_so(whop: WhopInProcess) -> None:
    whop.mode(file_result="failed")
    file = uploaded(whop)
    assert (status(whop, file), attach(whop, file["id"]).status_code) == ("failed", 400)


def test_content_can_be_sent_again(whop: WhopInProcess) -> None:
    file = create(whop)
    put(whop, file, b"first")
    put(whop, file, b"second")
    assert whop.state()["files"][0]["sha256"] == hashlib.sha256(b"second").hexdigest()


@pytest.mark.parametrize(
    ("headers", "code", "expected"),
    [
        ({}, "SignatureDoesNotMatch", 403),
        ({"Content-Type": "text/plain"}, "SignatureDoesNotMatch", 403),
        (PDF | {"Authorization": "Bearer a-token"}, "InvalidArgument", 400),
    ],
)
def test_the_storage_takes_only_the_signed_headers(
    whop: WhopInProcess, headers: Json, code: str, expected: int
) -> None:
    reply = put(whop, create(whop), headers=headers)
    assert (reply.status_code, f"<Code>{code}</Code>" in reply.text) == (expected, True)
    assert whop.state()["files"][0]["sha256"] is None


@pytest.mark.parametrize("signature", ["", "?signature=", "?signature=wrong"])
def test_the_storage_takes_only_the_signed_url(whop: WhopInProcess, signature: str) -> None:
    file = create(whop)
    wrong = {"upload_url": file["upload_url"].partition("?")[0] + signature}
    assert put(whop, wrong).status_code == 403
    assert put(whop, {"upload_url": file["upload_url"].replace(file["id"], "file_unknown")}).status_code == 403


def test_an_upload_url_lives_for_an_hour(whop: WhopInProcess) -> None:
    file = create(whop)
    whop.advance(HOUR)
    assert put(whop, file).status_code == 403


def test_content_must_have_the_announced_size(whop: WhopInProcess) -> None:
    file = create(whop, body={"byte_size": 256})
    assert [put(whop, file, content).status_code for content in (CONTENT[1:], CONTENT)] == [403, 200]


@pytest.mark.parametrize(
    ("version", "expected"), [(OLD, 404), ("2026-08-21", 404), ("2026-08-21-1", 200), (NEW, 200), ("2026-01-01", 400)]
)
def test_older_versions_have_no_files(whop: WhopInProcess, version: str, expected: int) -> None:
    assert call(whop, "POST", json={"filename": "a.pdf"}, version=version).status_code == expected


@pytest.mark.parametrize("body", [{}, {"filename": ""}, {"filename": "a", "byte_size": -1}, {"filename": "a", "x": 1}])
def test_an_invalid_file_is_rejected(whop: WhopInProcess, body: Json) -> None:
    assert call(whop, "POST", json=body).status_code == 400


def test_only_the_credential_that_created_a_file_reads_and_attaches_it(whop: WhopInProcess) -> None:
    file = uploaded(whop)

    assert call(whop, "GET", f"/{file['id']}", token="another").status_code == 404
    rejected = attach(whop, file["id"], token="another")
    assert (rejected.status_code, rejected.json()["error"]["param"]) == (400, "message_attachments")
    assert rejected.json()["error"]["code"] == "parameter_invalid"
    assert whop.state()["chats"] == []


def test_a_new_token_of_the_same_consent_is_the_same_credential(whop: WhopInProcess, app: OAuthApp) -> None:
    tokens = app.log_in()
    file = uploaded(whop, token=tokens["access_token"])
    newer = app.refresh(tokens["refresh_token"]).json()["access_token"]

    assert call(whop, "GET", f"/{file['id']}", token=newer).status_code == 200
    assert attach(whop, file["id"], token=newer).status_code == 200


def test_each_chat_shows_its_attachments(whop: WhopInProcess) -> None:
    file = uploaded(whop)
    attach(whop, file["id"])
    assert whop.state()["chats"][0]["message_attachments"] == [file["id"]]


def test_the_mode_decides_about_files_that_were_never_uploaded(whop: WhopInProcess) -> None:
    assert attach(whop, "file_1").status_code == 200
    whop.mode(files="uploaded")
    assert attach(whop, "file_1").status_code == 400


def test_a_file_without_content_cannot_be_attached(whop: WhopInProcess) -> None:
    assert attach(whop, create(whop)["id"]).status_code == 400


def test_a_file_needs_a_token_and_exists(whop: WhopInProcess) -> None:
    assert call(whop, "POST", json={"filename": "a"}, token=None).status_code == 401
    assert call(whop, "GET", "/file_unknown").status_code == 404


def test_a_fault_can_reach_an_upload(whop: WhopInProcess) -> None:
    file = create(whop)
    whop.faults({"method": "PUT", "path": "/uploads/*", "fault": "status:503"})
    assert [put(whop, file).status_code for _ in range(2)] == [503, 200]


def test_files_survive_a_restart_without_their_upload_urls(whop: WhopInProcess) -> None:
    from local.standins.whop.app import create_app

    file, open_file = uploaded(whop), create(whop)
    saved = whop.state()
    with WhopInProcess(lambda clock: create_app(clock, saved)) as another:
        assert another.state()["files"] == saved["files"]
        assert attach(another, file["id"]).status_code == 200
        assert put(another, open_file).status_code == 403
