"""Chats of Kodey are listed, shown and deleted. The routes need their scopes."""

import pytest

from tests.support.fakes import Json
from tests.support.kodey_api import CHAT, CHATS, MESSAGES, NEW, SENT, KodeyApi
from tests.support.lambda_calls import READER, WRITER


def test_chats_are_listed_by_user_and_agent_type(api: KodeyApi) -> None:
    api.kodey.chat(userId="ann")

    assert [chat["id"] for chat in api("GET", CHATS, query="user_id=ann&agent_type=support").json["data"]] == ["chat_2"]
    assert dict(api.kodey.requests[-1].url.params) == {"userId": "ann", "agentType": "support"}
    assert len(api("GET", CHATS).json["data"]) == 2
    assert dict(api.kodey.requests[-1].url.params) == {}


@pytest.mark.parametrize("query", ["userId=ann", "user_id=", "user_id=a&user_id=b", "first=5"])
def test_a_query_that_is_wrong_is_rejected(api: KodeyApi, query: str) -> None:
    assert api("GET", CHATS, query=query).status == 422
    assert api.kodey.requests == []


def test_a_chat_is_shown_with_its_messages_and_its_messages_alone(api: KodeyApi) -> None:
    api.kodey.say("chat_1", "Hello")

    assert [message["content"] for message in api("GET", CHAT).json["messages"]] == ["Hello"]
    assert [message["content"] for message in api("GET", MESSAGES).json["data"]] == ["Hello"]


def test_a_chat_is_deleted(api: KodeyApi) -> None:
    answer = api("DELETE", CHAT)

    assert (answer.status, answer.body) == (204, "")
    assert api("GET", CHAT).status == 404


@pytest.mark.parametrize(
    ("token", "method", "path", "body"),
    [
        (READER, "POST", CHATS, NEW),
        (READER, "POST", MESSAGES, SENT),
        (READER, "PATCH", CHAT, {}),
        (READER, "DELETE", CHAT, None),
        (WRITER, "GET", CHATS, None),
        (WRITER, "GET", CHAT, None),
        (WRITER, "GET", MESSAGES, None),
    ],
)
def test_a_caller_without_the_scope_is_rejected(
    api: KodeyApi, token: str, method: str, path: str, body: Json | None
) -> None:
    assert api(method, path, body, token=f"Bearer {token}").status == 403
    assert api(method, path, body, token=None).status == 401
    assert (api.kodey.requests, api.sqs.sent) == ([], [])
