"""Uploads of content to the URL of one file."""

import io
from collections.abc import Callable

import httpx
import pytest

from aichats.errors import APIConnectionError, APITimeoutError, ProviderError
from aichats.http.deadline import time_limit
from aichats.http.uploads import CHUNK_BYTES, MAX_UPLOAD_ATTEMPTS, Uploader, UploadTarget
from tests.support.fakes import FakeClock, ScriptedTransport, Step
from tests.support.http_calls import Lot

BASE_URL = "https://api.whop.com/api/v1"
SIGNATURE = "canary-of-a-signature"
URL = f"https://storage.invalid/file_1?X-Amz-Signature={SIGNATURE}"
HEADERS = {"Content-Type": "application/pdf", "X-Amz-Meta-Id": SIGNATURE}
TARGET = UploadTarget("whop", "file_1", URL, HEADERS)
CONTENT = bytes(range(256)) * 1000
DONE = httpx.Response(200)


def put(clock: FakeClock, *script: Step, content: bytes = CONTENT) -> ScriptedTransport:
    transport = ScriptedTransport(*script)
    Uploader(transport, sleep=clock.sleep, randomness=Lot(0.5)).put(TARGET, io.BytesIO(content), len(content))
    return transport


def failure(clock: FakeClock, *script: Step) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        put(clock, *script)
    return caught.value


def test_the_content_is_sent_with_its_size_and_the_given_headers_and_without_a_credential(clock: FakeClock) -> None:
    [request] = put(clock, DONE).requests

    assert (request.method, str(request.url), request.content) == ("PUT", URL, CONTENT)
    assert request.headers["content-length"] == str(len(CONTENT))
    assert request.headers["content-type"] == "application/pdf"
    assert not {"authorization", "transfer-encoding", "cookie"} & request.headers.keys()


def test_the_content_is_read_in_parts() -> None:
    sizes: list[int] = []

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.SyncByteStream)
            sizes.extend(len(part) for part in request.stream)
            return DONE

    Uploader(Transport()).put(TARGET, io.BytesIO(CONTENT), len(CONTENT))
    assert max(sizes) == CHUNK_BYTES < len(CONTENT) == sum(sizes)


def test_the_content_begins_at_the_current_position_in_each_attempt(clock: FakeClock) -> None:
    content = io.BytesIO(b"before" + CONTENT)
    content.seek(6)
    transport = ScriptedTransport(httpx.Response(503), httpx.ReadError("reset"), DONE)
    Uploader(transport, sleep=clock.sleep).put(TARGET, content, len(CONTENT))
    assert [request.content for request in transport.requests] == [CONTENT] * 3


@pytest.mark.parametrize(
    "step",
    [
        httpx.Response(500),
        httpx.Response(503, text="<Error><Code>SlowDown</Code></Error>"),
        httpx.Response(408),
        httpx.Response(429),
        httpx.Response(400, text="<Error><Code>RequestTimeout</Code></Error>"),
        httpx.ConnectError("refused"),
        httpx.WriteTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
    ],
)
def test_a_failure_that_may_pass_is_retried_and_never_final(clock: FakeClock, step: Step) -> None:
    assert len(put(clock, step, DONE).requests) == 2
    assert isinstance(failure(clock, *[step] * MAX_UPLOAD_ATTEMPTS), APIConnectionError)


def test_a_timeout_has_its_own_error(clock: FakeClock) -> None:
    assert isinstance(failure(clock, *[httpx.ReadTimeout("slow")] * MAX_UPLOAD_ATTEMPTS), APITimeoutError)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413])
def test_a_rejection_is_final_and_names_the_file_and_the_code_of_the_storage(clock: FakeClock, status: int) -> None:
    error = failure(clock, httpx.Response(status, text=f"<Error><Code>EntityTooLarge</Code>{URL}</Error>"))

    assert not isinstance(error, APIConnectionError)
    assert str(error) == f"whop: the content of file_1 was rejected: the storage answered {status} EntityTooLarge"


@pytest.mark.parametrize("byte_size", [len(CONTENT) - 1, len(CONTENT) + 1, 0])
def test_content_of_another_size_fails_without_a_retry(clock: FakeClock, byte_size: int) -> None:
    uploader = Uploader(ScriptedTransport(DONE), sleep=clock.sleep)
    with pytest.raises(ProviderError, match=f"it does not have {byte_size} bytes") as caught:
        uploader.put(TARGET, io.BytesIO(CONTENT), byte_size)
    assert not isinstance(caught.value, APIConnectionError)


def test_no_attempt_begins_that_would_wait_beyond_the_deadline(clock: FakeClock) -> None:
    transport = ScriptedTransport(httpx.Response(503))
    with time_limit(0.1), pytest.raises(APIConnectionError):
        Uploader(transport, sleep=clock.sleep, randomness=Lot(0.5)).put(TARGET, io.BytesIO(CONTENT), len(CONTENT))
    assert clock.slept == []


ERRORS_WITH_THE_URL: list[Callable[[], Step]] = [
    lambda: httpx.Response(403, text=f"<Code>{SIGNATURE}</Code> {URL}"),
    lambda: httpx.Response(500, text=URL, headers={"x-request-id": SIGNATURE}),
    lambda: httpx.ConnectError(f"no connection to {URL}"),
    lambda: httpx.LocalProtocolError(f"Illegal header value {SIGNATURE}"),
    lambda: httpx.UnsupportedProtocol(URL),
]


@pytest.mark.parametrize("step", ERRORS_WITH_THE_URL)
def test_no_error_shows_the_url_or_its_headers(clock: FakeClock, step: Callable[[], Step]) -> None:
    error = failure(clock, *[step() for _ in range(MAX_UPLOAD_ATTEMPTS)])
    assert (
        SIGNATURE
        not in f"{error!r} {error} {error.__cause__} {error.__context__ if not error.__suppress_context__ else ''}"
    )


def test_nothing_is_logged(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        put(clock, httpx.Response(503), DONE)
    assert caplog.records == []


def is_usable(url: str, base_url: str = BASE_URL) -> bool:
    return UploadTarget("whop", "file_1", url, {}).is_usable(base_url)


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.invalid/file_1",
        "http://api.whop.com/api/v1/file_1",
        "ftp://storage.invalid/file_1",
        "https:///file_1",
        "https://storage.invalid:port/",
        "file_1",
        "",
    ],
)
def test_content_is_only_sent_with_tls(url: str) -> None:
    assert not is_usable(url)
    assert is_usable(URL)


def test_a_mock_server_takes_content_on_its_own_origin() -> None:
    mock_server = "http://127.0.0.1:8001/api/v1"
    assert is_usable("http://127.0.0.1:8001/uploads/1", mock_server)
    assert not is_usable("http://127.0.0.1:8002/uploads/1", mock_server)
    assert not is_usable("http://storage.invalid/uploads/1", mock_server)


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"a": "b\r\nc: d"}, {"a": "é"}, {"": "b"}])
def test_headers_that_cannot_be_sent_are_not_usable(headers: dict[str, str]) -> None:
    assert not UploadTarget("whop", "file_1", URL, headers).is_usable(BASE_URL)
