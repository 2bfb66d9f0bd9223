"""``/files``: a file arrives at Whop byte for byte, from a form, as base64 or directly."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from aichats.api.app import create_api
from aichats.api.routes.files import MAX_CONTENT_BYTES, MAX_FILE_BYTES
from aichats.bootstrap import Application
from aichats.http.transport import DeadlineTransport
from local.plain_http import plain_client
from tests.support.fakes import Json
from tests.support.lambda_calls import WRITER, Answer, HttpCaller, http_event, make_application, make_context
from tests.support.ledgers import Clock
from tests.support.mock_servers import MockServer

CONTENT = bytes(range(256)) * 100 + b"\r\n--\r\n"
BASE64 = base64.b64encode(CONTENT).decode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
UPLOADS = {"method": "PUT", "path": "/uploads/*"}


@pytest.fixture
def app(whop_with_files: MockServer) -> Iterator[Application]:
    transport = DeadlineTransport()
    yield make_application(transport, clock=Clock(), whop_base_url=whop_with_files.base_url)
    transport.close()


@pytest.fixture
def api(app: Application) -> HttpCaller:
    return HttpCaller(create_api(app).resolve)


def send(api: HttpCaller, content: bytes, content_type: str, seconds: float = 29.0, **options: Any) -> Answer:
    """Return the answer to a request whose body API Gateway has encoded in base64."""
    event = http_event("POST", "/files", headers={"content-type": content_type}, **options)
    event |= {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
    return api.send(event, make_context(seconds))


def send_form(api: HttpCaller, *files: tuple[str, tuple[str | None, bytes]], **options: Any) -> Answer:
    """Return the answer to a form, as curl and browsers send it."""
    request = httpx.Request("POST", "https://api.invalid", files=list(files))
    return send(api, request.read(), request.headers["content-type"], **options)


def a_file(name: str = "report.pdf", content: bytes = CONTENT) -> tuple[str, tuple[str, bytes]]:
    return "file", (name, content)


def of_company(company: str) -> tuple[str, tuple[None, bytes]]:
    return "company_id", (None, company.encode())


def test_a_file_in_a_form_is_ready_and_can_be_attached(api: HttpCaller, whop_with_files: MockServer) -> None:
    answer = send_form(api, a_file())

    file = answer.json
    assert (answer.status, file["filename"], file["upload_status"]) == (201, "report.pdf", "ready")
    assert answer.headers["location"] == f"/files/{file['id']}"
    assert (file["upload_url"], file["upload_headers"], file["expires_at"]) == (None, None, None)
    chat = api("POST", "/chats", {"message_text": "Read it.", "attachments": [file["id"]]})
    assert chat.status == 201
    [stored] = whop_with_files.state()["files"]
    assert (stored["id"], stored["size"], stored["sha256"]) == (file["id"], len(CONTENT), SHA256)
    assert whop_with_files.state()["chats"][0]["message_attachments"] == [file["id"]]


def test_a_file_in_base64_arrives_byte_for_byte(api: HttpCaller, whop_with_files: MockServer) -> None:
    answer = api("POST", "/files", {"filename": "report.pdf", "content_base64": BASE64})

    assert (answer.status, answer.json["upload_status"]) == (201, "ready")
    assert whop_with_files.state()["files"][0]["sha256"] == SHA256


def test_a_large_file_goes_directly_to_whop(app: Application, api: HttpCaller, whop_with_files: MockServer) -> None:
    answer = api("POST", "/files", {"filename": "report.pdf", "byte_size": len(CONTENT)})
    file = answer.json

    assert (answer.status, file["upload_status"]) == (201, "pending")
    assert datetime.fromisoformat(file["expires_at"]) == app.ledger.clock() + timedelta(hours=1)
    with plain_client() as http:
        assert http.put(file["upload_url"], content=CONTENT, headers=file["upload_headers"]).status_code == 200
    shown = api("GET", answer.headers["location"])
    assert (shown.status, shown.json["upload_status"], shown.json["size"]) == (200, "ready", len(CONTENT))
    assert whop_with_files.state()["files"][0]["sha256"] == SHA256


def test_a_file_belongs_to_the_credential_of_its_company(api: HttpCaller) -> None:
    answer = send_form(api, a_file(), of_company("biz_own"))
    path, _, query = answer.headers["location"].partition("?")

    assert query == "company_id=biz_own"
    assert api("GET", path, query=query).json["upload_status"] == "ready"
    assert api("GET", path).status == 404
    chat = {"message_text": "Read it.", "attachments": [answer.json["id"]]}
    assert api("POST", "/chats", chat).fields == ["attachments"]
    assert api("POST", "/chats", chat | {"company_id": "biz_own"}).status == 201


def test_a_file_that_whop_still_processes_is_answered_with_202(api: HttpCaller, whop_with_files: MockServer) -> None:
    whop_with_files.mode(file_seconds=3600)
    answer = send_form(api, a_file(), seconds=4.0)

    assert (answer.status, answer.json["upload_status"]) == (202, "processing")
    whop_with_files.advance(timedelta(hours=1))
    assert api("GET", answer.headers["location"]).json["upload_status"] == "ready"


@pytest.mark.parametrize("fault", ["status:500", "status:429", "drop_before", "malformed"])
def test_an_upload_whose_state_is_not_known_is_answered_with_202(
    api: HttpCaller, whop_with_files: MockServer, fault: str
) -> None:
    whop_with_files.faults({"method": "GET", "path": "/api/v1/files/*", "fault": fault, "times": 9})
    answer = send_form(api, a_file())
    assert (answer.status, answer.json["upload_status"]) == (202, "processing")


def test_a_file_that_whop_cannot_process_is_an_error_that_names_it(
    api: HttpCaller, whop_with_files: MockServer
) -> None:
    whop_with_files.mode(file_result="failed")
    answer = send_form(api, a_file())
    assert answer.status == 502
    assert "Whop failed to process its content" in answer.json["detail"]


def test_a_storage_that_rejects_the_content_is_an_error_without_the_url(
    api: HttpCaller, whop_with_files: MockServer
) -> None:
    whop_with_files.faults(UPLOADS | {"fault": "status:403"})
    answer = send_form(api, a_file())
    assert answer.status == 502
    assert "the storage answered 403" in answer.json["detail"]
    assert "uploads/" not in answer.body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "filename"),
        ({"filename": "a.pdf"}, "body"),
        ({"filename": "a.pdf", "content_base64": BASE64, "byte_size": 1}, "body"),
        ({"filename": "a.pdf", "content_base64": ""}, "content_base64"),
        ({"filename": "a.pdf", "content_base64": "YQ"}, "content_base64"),
        ({"filename": "a.pdf", "content_base64": "YWJj\nYWJj"}, "content_base64"),
        ({"filename": "a.pdf", "content_base64": "é"}, "content_base64"),
        ({"filename": "a.pdf", "content_base64": 5}, "content_base64"),
        ({"filename": "a.pdf", "byte_size": 0}, "byte_size"),
        ({"filename": "a.pdf", "byte_size": MAX_FILE_BYTES + 1}, "byte_size"),
        ({"filename": "a.pdf", "byte_size": "5"}, "byte_size"),
        ({"filename": "a/b.pdf", "byte_size": 5}, "filename"),
        ({"filename": "..\\b.pdf", "byte_size": 5}, "filename"),
        ({"filename": "a\n.pdf", "byte_size": 5}, "filename"),
        ({"filename": "", "byte_size": 5}, "filename"),
        ({"filename": "x" * 256, "byte_size": 5}, "filename"),
        ({"filename": "a.pdf", "byte_size": 5, "company_id": "A"}, "company_id"),
        ({"filename": "a.pdf", "byte_size": 5, "visibility": "public"}, "visibility"),
    ],
)
def test_an_invalid_file_is_rejected_before_whop_is_called(
    api: HttpCaller, whop_with_files: MockServer, body: Json, field: str
) -> None:
    answer = api("POST", "/files", body)
    assert (answer.status, answer.fields) == (422, [field])
    assert whop_with_files.state()["requests"] == []


@pytest.mark.parametrize(
    ("files", "field", "reason"),
    [
        ([], "file", "is required"),
        ([a_file(), a_file("b.pdf")], "file", "must be sent only once"),
        ([("file", (None, b"text"))], "file", "curl -F file=@report.pdf"),
        ([a_file(content=b"")], "file", "must not be empty"),
        ([a_file("..\x7f")], "file", "is not the name of a file"),
        ([a_file("x" * 256)], "file", "is not the name of a file"),
        ([a_file(), of_company("A")], "company_id", "is not the id of a company"),
        ([a_file(), ("file2", ("b.pdf", b"b"))], "file2", "unknown field"),
        ([a_file(), ("company_id", ("b.pdf", b"b"))], "company_id", "is not the id of a company"),
    ],
)
def test_an_invalid_form_is_rejected_before_whop_is_called(
    api: HttpCaller, whop_with_files: MockServer, files: Any, field: str, reason: str
) -> None:
    answer = send_form(api, *files) if files else send(api, b"--x--\r\n", "multipart/form-data; boundary=x")

    assert (answer.status, answer.fields) == (422, [field])
    assert reason in answer.json["detail"]
    assert whop_with_files.state()["requests"] == []


def send_base64(api: HttpCaller, content: bytes) -> Answer:
    return api("POST", "/files", {"filename": "a.pdf", "content_base64": base64.b64encode(content).decode()})


@pytest.mark.parametrize("send_content", [lambda api, content: send_form(api, a_file(content=content)), send_base64])
def test_a_file_in_a_request_has_a_limit_and_the_error_says_what_to_do(
    api: HttpCaller, whop_with_files: MockServer, send_content: Callable[[HttpCaller, bytes], Answer]
) -> None:
    too_large = send_content(api, bytes(MAX_CONTENT_BYTES + 1))
    assert too_large.status == 422
    assert "has 4194305 bytes, the limit is 4194304. For a larger file, send JSON" in too_large.json["detail"]
    assert whop_with_files.state()["requests"] == []
    assert send_content(api, bytes(MAX_CONTENT_BYTES)).status == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/pdf", "multipart/mixed; boundary=x", ""])
def test_another_media_type_is_rejected_with_both_that_are_possible(api: HttpCaller, content_type: str) -> None:
    answer = send(api, b"x", content_type)
    assert (answer.status, answer.fields) == (422, ["Content-Type"])
    assert "application/json or multipart/form-data" in answer.json["detail"]


def test_other_operations_take_no_forms(api: HttpCaller) -> None:
    event = http_event("POST", "/chats", "x", headers={"content-type": "multipart/form-data; boundary=x"})
    assert "must be application/json, not multipart/form-data" in api.send(event).json["detail"]


def test_a_form_that_was_not_encoded_by_api_gateway_is_read_too(api: HttpCaller, whop_with_files: MockServer) -> None:
    body = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    event = http_event("POST", "/files", body, headers={"content-type": "multipart/form-data; boundary=x"})
    assert api.send(event).status == 201
    assert whop_with_files.state()["files"][0]["sha256"] == hashlib.sha256(b"hello").hexdigest()


@pytest.mark.parametrize("file_id", ["x", "aich_1", "file_", "file_1\n", "file_" + "x" * 101])
def test_an_id_of_another_form_is_rejected(api: HttpCaller, whop_with_files: MockServer, file_id: str) -> None:
    assert api("GET", f"/files/{file_id}").status in (404, 422)
    assert whop_with_files.state()["requests"] == []


def test_a_file_that_does_not_exist_is_404(api: HttpCaller) -> None:
    assert api("GET", "/files/file_unknown").status == 404


def test_to_read_a_file_needs_another_scope_than_to_create_it(api: HttpCaller) -> None:
    answer = send_form(api, a_file(), token=f"Bearer {WRITER}")
    assert answer.status == 201
    assert api("GET", answer.headers["location"], token=f"Bearer {WRITER}").status == 403
