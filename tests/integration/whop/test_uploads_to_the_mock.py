"""Uploads by the client to the mock of Whop, over real connections."""

import hashlib
import tempfile
from collections.abc import Iterator

import pytest

from aichats.errors import APIConnectionError, APITimeoutError, ProviderError
from aichats.http.deadline import time_limit
from aichats.http.transport import DeadlineTransport
from aichats.whop.client import WhopClient
from tests.support.mock_servers import MockServer

SIZE = 3_000_000
CONTENT = bytes(range(250)) * (SIZE // 250)


@pytest.fixture
def whop(whop_with_files: MockServer) -> Iterator[WhopClient]:
    transport = DeadlineTransport()
    yield WhopClient("a-token", whop_with_files.base_url, transport=transport)
    transport.close()


def upload(whop: WhopClient, byte_size: int = SIZE) -> str:
    """Upload a file from the disk, and return its id."""
    with tempfile.TemporaryFile() as content:
        content.write(CONTENT)
        content.seek(0)
        return whop.files.upload("report.pdf", content, byte_size).id


def test_a_file_arrives_byte_for_byte_and_can_be_attached(whop_with_files: MockServer, whop: WhopClient) -> None:
    file_id = upload(whop)
    whop.create_ai_chat({"message_text": "hello", "attachments": [file_id]}, idempotency_key="k")

    state = whop_with_files.state()
    [file], [chat] = state["files"], state["chats"]
    assert (file["id"], file["size"], file["sha256"]) == (file_id, SIZE, hashlib.sha256(CONTENT).hexdigest())
    assert chat["message_attachments"] == [file_id]


@pytest.mark.parametrize("fault", ["status:503", "drop_before", "drop_after", "error_after"])
def test_content_arrives_although_the_first_attempt_fails(
    whop_with_files: MockServer, whop: WhopClient, fault: str
) -> None:
    whop_with_files.faults({"method": "PUT", "path": "/uploads/*", "fault": fault})
    upload(whop)

    [file] = whop_with_files.state()["files"]
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()


def test_an_upload_that_keeps_failing_may_succeed_later(whop_with_files: MockServer, whop: WhopClient) -> None:
    whop_with_files.faults({"method": "PUT", "path": "/uploads/*", "fault": "drop_before", "times": 10})
    with pytest.raises(APIConnectionError):
        upload(whop)


def test_a_storage_that_does_not_answer_is_left_at_the_deadline(whop_with_files: MockServer, whop: WhopClient) -> None:
    whop_with_files.faults({"method": "PUT", "path": "/uploads/*", "fault": "delay:3600", "times": 10})
    with time_limit(1), pytest.raises(APITimeoutError):
        upload(whop)


@pytest.mark.parametrize("byte_size", [SIZE - 1, SIZE + 1])
def test_content_of_another_size_than_announced_is_a_final_error(
    whop_with_files: MockServer, whop: WhopClient, byte_size: int
) -> None:
    with time_limit(20), pytest.raises(ProviderError) as caught:
        upload(whop, byte_size)
    assert not isinstance(caught.value, APIConnectionError)
    assert whop_with_files.state()["files"][0]["sha256"] is None


def test_a_file_that_takes_a_while_is_waited_for(whop_with_files: MockServer, whop: WhopClient) -> None:
    whop_with_files.mode(file_seconds=0.5)
    assert whop.files.retrieve(upload(whop)).upload_status == "ready"
