"""The operations on files at Whop, and the upload of their content."""

import io
from typing import Any

import httpx
import pytest

from aichats.errors import (
    APIConnectionError,
    APITimeoutError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    ProviderError,
    RateLimitError,
)
from aichats.http import deadline
from aichats.http.deadline import time_limit
from aichats.whop.client import WhopClient
from aichats.whop.files import READY_PAUSES, FilesClient
from tests.support.fakes import FakeClock, Json, ScriptedTransport, Step, error_response, ok
from tests.support.http_calls import client

SIGNATURE = "canary-of-a-signature"
UPLOAD_URL = f"https://storage.invalid/file_1?X-Amz-Signature={SIGNATURE}"
CONTENT = b"%PDF-1.7 report"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """A clock that the deadline looks at too."""
    clock = FakeClock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def shown(status: str = "ready", **changes: Any) -> Json:
    """Return a file as Whop shows it."""
    return {
        "id": "file_1",
        "object": "file",
        "filename": "report.pdf",
        "upload_status": status,
        "visibility": "private",
        "size": None,
        "url": f"https://cdn.invalid/{SIGNATURE}",
        "created_at": "2026-11-20T12:00:00.000Z",
        "removed_by_moderation": False,
    } | changes


def created(**changes: Any) -> httpx.Response:
    """Return the answer to a create."""
    upload = {"upload_url": UPLOAD_URL, "upload_headers": {"Content-Type": "application/pdf"}}
    return ok(shown("pending") | upload | changes)


def files(clock: FakeClock, *script: Step) -> tuple[FilesClient, ScriptedTransport]:
    http = client(clock, *script)
    assert isinstance(http.transport, ScriptedTransport)
    return FilesClient(http), http.transport


def upload(clock: FakeClock, *script: Step) -> ScriptedTransport:
    client_, transport = files(clock, *script)
    client_.upload("report.pdf", io.BytesIO(CONTENT), len(CONTENT))
    return transport


def failure(clock: FakeClock, *script: Step) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        upload(clock, *script)
    return caught.value


def test_an_upload_creates_the_file_sends_its_content_and_waits_until_it_is_ready(clock: FakeClock) -> None:
    client_, transport = files(clock, created(), httpx.Response(200), ok(shown("processing")), ok(shown(size=15)))
    file = client_.upload("report.pdf", io.BytesIO(CONTENT), len(CONTENT))

    assert (file.id, file.upload_status, file.size) == ("file_1", "ready", 15)
    api = "/api/v1/files"
    assert transport.calls == [("POST", api), ("PUT", "/file_1"), ("GET", f"{api}/file_1"), ("GET", f"{api}/file_1")]
    assert transport.requests[0].content == b'{"filename":"report.pdf","byte_size":15}'
    assert transport.requests[1].content == CONTENT
    assert "authorization" not in transport.requests[1].headers


def test_each_call_has_the_version_of_files_whatever_the_version_of_chats() -> None:
    transport = ScriptedTransport(created(), ok(shown()))
    whop = WhopClient(token="a-token", api_version="2026-07-08-1", transport=transport)
    whop.files.create("report.pdf")
    whop.files.retrieve("file_1")

    assert {request.headers["api-version-date"] for request in transport.requests} == {"2026-10-15-1"}
    assert {request.headers["authorization"] for request in transport.requests} == {"Bearer a-token"}
    assert transport.bodies == [{"filename": "report.pdf"}, None]


def test_an_upload_can_end_before_the_file_is_ready(clock: FakeClock) -> None:
    client_, transport = files(clock, created(), httpx.Response(200))
    file = client_.upload("report.pdf", io.BytesIO(CONTENT), len(CONTENT), until_ready=False)
    assert (file.id, file.upload_status, transport.script) == ("file_1", "pending", [])


def test_the_pauses_between_two_looks_grow(clock: FakeClock) -> None:
    upload(clock, created(), httpx.Response(200), *[ok(shown("processing"))] * 6, ok(shown()))
    assert clock.slept == sorted(clock.slept) == list(READY_PAUSES[:6])


def test_a_file_that_is_not_ready_at_the_deadline_is_worth_a_wait(clock: FakeClock) -> None:
    client_, _ = files(clock, *[ok(shown("processing"))] * 5)
    with time_limit(2), pytest.raises(APITimeoutError, match="file_1 is not ready yet"):
        client_.wait_until_ready("file_1")
    assert sum(clock.slept) < 2


def test_the_looks_at_a_file_end_even_without_a_deadline(clock: FakeClock) -> None:
    client_, transport = files(clock, *[ok(shown("processing"))] * (len(READY_PAUSES) + 1))
    with pytest.raises(APITimeoutError):
        client_.wait_until_ready("file_1")
    assert transport.script == []


def test_a_file_that_whop_cannot_process_is_a_final_error_that_names_it(clock: FakeClock) -> None:
    error = failure(clock, created(), httpx.Response(200), ok(shown("failed")))
    assert not isinstance(error, APIConnectionError)
    assert str(error) == "whop: file_1 can't be used: Whop failed to process its content"


@pytest.mark.parametrize("step", [httpx.ReadTimeout("slow"), error_response(500), error_response(409)])
def test_a_create_whose_response_is_lost_may_be_repeated(clock: FakeClock, step: Step) -> None:
    error = failure(clock, step)
    assert isinstance(error, APIConnectionError)
    assert "A file without content may exist" in str(error)


def test_a_rejected_content_is_final(clock: FakeClock) -> None:
    error = failure(clock, created(), httpx.Response(403))
    assert type(error) is ProviderError


def test_a_throttled_create_names_the_wait(clock: FakeClock) -> None:
    error = failure(clock, error_response(429, "Try again in 60 seconds."))
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 60


def test_a_forbidden_upload_speaks_of_files_and_not_of_chats(clock: FakeClock) -> None:
    error = failure(clock, error_response(403))
    assert isinstance(error, PermissionDeniedError)
    assert "files" in error.hint
    assert "ai_chat" not in error.hint


def test_an_error_does_not_repeat_the_name_of_the_file(clock: FakeClock) -> None:
    error = failure(clock, error_response(403, "You may not create report.pdf"))
    assert "report.pdf" not in str(error)
    assert "You may not create" in str(error)


def test_a_file_of_another_credential_does_not_exist(clock: FakeClock) -> None:
    client_, _ = files(clock, error_response(404))
    with pytest.raises(NotFoundError):
        client_.retrieve("file_1")


def test_an_id_that_leads_elsewhere_is_never_sent(clock: FakeClock) -> None:
    client_, transport = files(clock)
    with pytest.raises(InputError, match="file_id"):
        client_.retrieve("..")
    assert transport.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"upload_url": None},
        {"upload_url": f"http://storage.invalid/{SIGNATURE}"},
        {"upload_headers": {"a": f"{SIGNATURE}\n"}},
        {"upload_headers": SIGNATURE},
        {"id": f"chat {SIGNATURE}"},
    ],
)
def test_an_answer_that_cannot_be_used_is_an_error_without_its_values(clock: FakeClock, changes: Json) -> None:
    error = failure(clock, created(**changes))
    assert isinstance(error, ProtocolError)
    assert SIGNATURE not in str(error)


def test_a_number_among_the_headers_is_sent_as_text(clock: FakeClock) -> None:
    transport = upload(clock, created(upload_headers={"X-Size": 15}), httpx.Response(200), ok(shown()))
    assert transport.requests[1].headers["x-size"] == "15"


def test_a_file_shows_neither_its_urls_nor_its_name(clock: FakeClock) -> None:
    client_, _ = files(clock, created())
    file = client_.create("report.pdf")
    assert SIGNATURE not in repr(file)
    assert "report.pdf" not in repr(file)
    assert f"https://cdn.invalid/{SIGNATURE}" not in file.model_dump_json()
