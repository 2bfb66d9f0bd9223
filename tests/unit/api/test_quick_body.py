"""The body of ``POST /chats`` that needs no model: whatever is accepted without the model, the model accepts too."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aichats.api.chat_input import CreateChat
from aichats.api.every_operation import OPERATIONS
from aichats.api.requests import ApiRequest, read_body
from aichats.errors import InputError
from aichats.validation import parse_json
from local.setup import ROOT

[CREATE] = [operation for operation in OPERATIONS if operation.run.__name__ == "create_chat"]
LIMIT = 100
VALUES = st.sampled_from(["all", "none", "manual", "suggestion", "support", "biz_A", "biz_", "biz_A\n", "file_1", ""])
FIELDS = st.fixed_dictionaries(
    {"message_text": st.text(max_size=LIMIT + 10)},
    optional={
        "company_id": VALUES | st.none(),
        "title": st.text(max_size=5) | st.none(),
        "message_source": VALUES | st.none(),
        "suggestion_type": VALUES | st.none(),
        "agent_identifier": VALUES | st.none(),
        "attachments": st.lists(VALUES | st.fixed_dictionaries({"id": VALUES}), max_size=2) | st.none(),
        "notification_preference": VALUES | st.none(),
        "await_reply": st.booleans() | st.sampled_from(["true", 1, None]),
        "type": st.just("whop.create_chat"),
        "unknown": VALUES,
    },
)


def read(content: bytes) -> Any:
    """Return the body as the operation gets it: decoded JSON if it needs no model."""
    event = {
        "requestContext": {"http": {"method": "POST"}, "domainName": "x", "stage": "$default"},
        "rawPath": "/chats",
        "headers": {"content-type": "application/json"},
        "body": b64encode(content).decode(),
        "isBase64Encoded": True,
    }
    return read_body(CREATE, ApiRequest(event), LIMIT)


def check_like_the_model(content: bytes) -> None:
    """Fail unless the body is rejected with the model's reasons, or has the fields that the model reads."""
    expected, problems = outcome(lambda: parse_json(CreateChat, content, strict=True, max_message_bytes=LIMIT))
    body, found = outcome(lambda: read(content))
    assert found == problems
    if expected is not None:
        fields = body if isinstance(body, dict) else body.model_dump(mode="json", exclude_unset=True)
        assert fields == expected.model_dump(mode="json", exclude_unset=True)


def outcome(read_it: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what a function returns, and the problems of its error."""
    try:
        return read_it(), None
    except InputError as error:
        return None, error.problems


@settings(max_examples=500)
@given(body=FIELDS)
def test_a_body_is_read_as_its_model_reads_it(body: dict[str, Any]) -> None:
    check_like_the_model(json.dumps(body).encode())


@settings(max_examples=300)
@given(body=FIELDS, position=st.integers(0, 200), change=st.binary(max_size=2))
def test_a_damaged_body_is_rejected_as_its_model_rejects_it(body: dict[str, Any], position: int, change: bytes) -> None:
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    check_like_the_model(content[:position] + change + content[position + len(change) :])


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"message_text": "hello"}).encode("utf-16"),
        json.dumps({"message_text": "hello"}).encode("utf-8-sig"),
        b'{"message_text": "\\ud800"}',
        b'{"message_text": "a", "message_text": "b"}',
        b'{"message_text": "a", "title": NaN}',
        b'{"message_text": "\t"}',
        b' {"message_text": "a"}\n',
        b"[" * 10_000,
        b"[]",
        b"",
    ],
)
def test_unusual_json_is_read_as_the_model_reads_it(content: bytes) -> None:
    check_like_the_model(content)


@pytest.mark.parametrize("name", ["create_chat", "create_muted_chat", "create_chat_base64"])
def test_the_examples_need_no_model(name: str) -> None:
    event = json.loads((ROOT / "events" / "http" / f"{name}.json").read_text())

    assert isinstance(read_body(CREATE, ApiRequest(event), 10_000), dict)
