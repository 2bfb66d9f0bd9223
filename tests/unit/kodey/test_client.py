"""The operations: their requests, their results, and their errors."""

from typing import Any

import httpx
import pytest

from aichats.errors import InputError, ProtocolError
from aichats.kodey.models import NewKodeyChat
from tests.support.fakes import Json, ok
from tests.support.kodey_operations import DONE, NEW, OPERATIONS, each_operation, send
from tests.support.kodey_replies import (
    SECRET_KEY,
    chat,
    client,
    message,
    without,
)
from tests.support.request_fields import fields_of

# ---- requests


@each_operation
def test_each_operation_calls_its_path_with_the_key_and_no_bearer(operation: str) -> None:
    act, answer, call = OPERATIONS[operation]
    kodey, transport = client(answer)
    act(kodey)
    [request] = transport.requests
    assert (transport.calls, request.url.host) == ([call], "pooled.api.kodey.ai")
    assert (request.headers["x-api-key"], request.headers["accept"]) == (SECRET_KEY, "application/json")
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (NewKodeyChat(agent_id="agent_1"), {"agentId": "agent_1", "metadata": {}}),
        (NewKodeyChat(agent_id="agent_1", user_id=None), {"agentId": "agent_1", "metadata": {}}),
        (NEW, {"agentId": "agent_1", "userId": "user 1", "metadata": {"plan": {"tier": None}}}),
    ],
)
def test_a_create_sends_metadata_always_and_a_user_only_if_there_is_one(request_: NewKodeyChat, body: Json) -> None:
    kodey, transport = client(ok(chat()))
    kodey.create_chat(**fields_of(request_))
    assert transport.bodies == [body]


def test_a_message_is_sent_as_the_users() -> None:
    kodey, transport = client(ok(message()))
    kodey.send_message("chat_1", "Grüße")
    assert transport.bodies == [{"content": "Grüße", "role": "user"}]


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, {}),
        ({"user_id": "a&b=c d"}, {"userId": "a&b=c d"}),
        ({"agent_type": "sales"}, {"agentType": "sales"}),
        ({"user_id": "u", "agent_type": "sales"}, {"userId": "u", "agentType": "sales"}),
    ],
)
def test_a_list_is_filtered_by_what_is_given(arguments: dict[str, Any], query: dict[str, str]) -> None:
    kodey, transport = client(ok({"chats": []}))
    assert kodey.list_chats(**arguments) == []
    assert dict(transport.requests[0].url.params) == query


@pytest.mark.parametrize("arguments", [{"user_id": ""}, {"user_id": "x" * 257}, {"agent_type": "a\nb"}])
def test_arguments_of_a_list_that_are_out_of_bounds_are_rejected(arguments: dict[str, Any]) -> None:
    kodey, transport = client()
    with pytest.raises(InputError, match=next(iter(arguments))):
        kodey.list_chats(**arguments)
    assert transport.requests == []


def test_an_odd_id_is_quoted_in_the_path() -> None:
    kodey, transport = client(DONE, ok({"messages": []}))
    kodey.delete_chat("a/../b?c=1#d %")
    kodey.list_messages("ü")
    assert [request.url.raw_path for request in transport.requests] == [
        b"/chat/a%2F..%2Fb%3Fc%3D1%23d%20%25",
        b"/chat/%C3%BC/message",
    ]


@pytest.mark.parametrize("chat_id", ["", ".", ".."])
@pytest.mark.parametrize("operation", ["retrieve_chat", "delete_chat", "list_messages"])
def test_an_id_that_would_lead_elsewhere_is_rejected(operation: str, chat_id: str) -> None:
    kodey, transport = client()
    with pytest.raises(InputError, match="chat_id: is not the id of a chat"):
        getattr(kodey, operation)(chat_id)
    assert transport.requests == []


def test_another_base_url_may_be_given() -> None:
    kodey, transport = client(ok({"chats": []}), base_url="http://127.0.0.1:8002/")
    kodey.list_chats()
    assert str(transport.requests[0].url) == "http://127.0.0.1:8002/chat"


# ---- replies


def test_a_chat_that_was_created_comes_back() -> None:
    made = client(ok(chat()))[0].create_chat(**fields_of(NEW))
    assert (made.id, made.agent_id, made.fields["teamId"], made.user_id) == ("chat_1", "agent_1", "team_1", None)


def test_the_answer_to_a_message_is_the_assistants() -> None:
    reply = client(ok(message(content="Hello!")))[0].send_message("chat_1", "Hi")
    assert (reply.id, reply.fields["chatId"], reply.role, reply.content) == ("msg_2", "chat_1", "assistant", "Hello!")


def test_a_chat_is_retrieved_with_its_messages() -> None:
    question = without(message(id="msg_1", role="user", content="Hi"), "chatId")
    found = client(ok(chat(messages=[question, message()])))[0].retrieve_chat("chat_1")
    assert found.id == "chat_1"
    assert [(one["role"], one["content"], one.get("chatId")) for one in found.whole["messages"]] == [
        ("user", "Hi", None),
        ("assistant", "Hello!", "chat_1"),
    ]


def test_lists_give_all_that_there_is() -> None:
    kodey, _ = client(
        ok({"chats": [without(chat(userId="u"), "teamId")]}),
        ok({"messages": [message(), message(id="msg_3")]}),
    )
    assert [(one.id, one.user_id, one.fields.get("teamId")) for one in kodey.list_chats()] == [("chat_1", "u", None)]
    assert [one.id for one in kodey.list_messages("chat_1")] == ["msg_2", "msg_3"]


@pytest.mark.parametrize(
    ("content", "chat_id"),
    [
        (b'{"id": "chat_1"}', "chat_1"),
        (b'{"agent": {"id": "agent_1"}, "id": "chat_1", "createdAt": 5}', "chat_1"),
        (b'{"agent": {"id": "agent_1"}}', None),
        (b'{"id": "chat_1", "agentId": "cut of', None),
        (b'{"id": 17}', None),
        (b'{"id": ".."}', None),
        (b'{"id": "a/b"}', None),
        (b'[{"id": "chat_1"}]', None),
        (b"<html>Bad gateway</html>", None),
        (b"", None),
        (b"\xff\xfe\x00", None),
        (b"[" * 100_000, None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_created_chat_whose_answer_cannot_be_read_is_named_where_the_answer_names_it(
    content: bytes, chat_id: str | None
) -> None:
    kodey, transport = client(httpx.Response(200, content=content))
    with pytest.raises(ProtocolError, match=r"kodey: the answer \(200\) can't be read") as raised:
        kodey.create_chat(**fields_of(NEW))
    assert (raised.value.chat_id, len(transport.requests)) == (chat_id, 1)


@pytest.mark.parametrize("operation", ["send", "retrieve", "messages"])
def test_an_unreadable_answer_about_a_chat_keeps_its_id(operation: str) -> None:
    kodey, transport = client(httpx.Response(200, content=b"{}"))
    with pytest.raises(ProtocolError) as raised:
        OPERATIONS[operation][0](kodey)
    assert (raised.value.chat_id, len(transport.requests)) == ("chat_1", 1)


def test_an_unreadable_answer_says_where_without_showing_what() -> None:
    kodey, _ = client(ok(message(content=["Confidential"]), **{"x-request-id": "req_7"}))
    with pytest.raises(ProtocolError) as raised:
        send(kodey)
    assert str(raised.value) == ("kodey: the answer (200) can't be read: content: must be a text (request req_7)")
