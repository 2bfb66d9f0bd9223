"""Invalid requests are rejected before anything is sent or queued. Requests at a limit are accepted."""

import pytest

from aichats.kodey.models import MAX_METADATA_BYTES
from tests.support.fakes import Json
from tests.support.kodey_api import CHAT, CHATS, KEY, MESSAGES, NEW, POSTS, SENT, KodeyApi


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"agent_id": "../x"}, "agent_id"),
        ({"agent_id": None}, "agent_id"),
        ({"message_text": ""}, "message_text"),
        ({"message_text": " \n"}, "message_text"),
        ({"message_text": "x" * 32_769}, "message_text"),
        ({"message_text": 5}, "message_text"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"user_id": "x" * 257}, "user_id"),
        ({"metadata": []}, "metadata"),
        ({"metadata": "text"}, "metadata"),
        ({"metadata": {"k": "x" * MAX_METADATA_BYTES}}, "metadata"),
        ({"metadata": {"k": "é" * 2_045}}, "metadata"),
        ({"agentId": "agent_1"}, "agentId"),
        ({"title": "Week"}, "title"),
        ({"notification_preference": "none"}, "notification_preference"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_create_with_a_wrong_field_is_rejected_naming_it(api: KodeyApi, fields: Json, named: str) -> None:
    answer = api("POST", CHATS, NEW | fields)

    assert (answer.status, answer.fields) == (422, [named])
    assert (api.kodey.requests, api.sqs.sent) == ([], [])


def test_metadata_of_just_4_kb_is_taken(api: KodeyApi) -> None:
    metadata = {"k": "x" * (MAX_METADATA_BYTES - len('{"k":""}'))}

    assert api("POST", CHATS, NEW | {"metadata": metadata}).status == 201


@pytest.mark.parametrize("missing", ["agent_id", "message_text"])
def test_a_create_needs_an_agent_and_a_message(api: KodeyApi, missing: str) -> None:
    assert api("POST", CHATS, {name: NEW[name] for name in NEW if name != missing}).fields == [missing]


@pytest.mark.parametrize(
    ("body", "named"),
    [({"content": ""}, "content"), ({"content": " "}, "content"), ({}, "content"), (SENT | {"role": "user"}, "role")],
)
def test_a_message_that_is_wrong_is_rejected(api: KodeyApi, body: Json, named: str) -> None:
    assert (api("POST", MESSAGES, body).status, api("POST", MESSAGES, body).fields) == (422, [named])
    assert api.sqs.sent == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"notification_preference": "none"}, ["notification_preference"]),
        ({}, ["body"]),
        ({"b": 1, "a": 2}, ["a", "b"]),
    ],
)
def test_muting_and_any_other_change_is_rejected_as_not_supported(api: KodeyApi, body: Json, named: list[str]) -> None:
    answer = api("PATCH", CHAT, body)

    assert (answer.status, answer.fields) == (422, named)
    assert "not supported by Kodey" in answer.json["detail"]
    assert api.kodey.requests == []


def test_of_very_many_and_very_long_fields_only_some_are_named(api: KodeyApi) -> None:
    answer = api("PATCH", CHAT, {f"{number:03}" + "x" * 2000: 1 for number in range(200)})

    assert answer.status == 422
    assert len(answer.body) < 20_000


@POSTS
def test_a_key_that_was_used_with_another_body_is_rejected(api: KodeyApi, path: str, body: Json) -> None:
    text = "message_text" if path == CHATS else "content"
    api("POST", path, body, headers=KEY)

    answer = api("POST", path, body | {text: "Other words"}, headers=KEY)

    assert (answer.status, answer.fields) == (422, ["Idempotency-Key"])


@pytest.mark.parametrize("chat_id", ["a.b:c-d_1", "0", "x" * 200])
def test_an_id_may_hold_what_needs_no_care_in_a_path(api: KodeyApi, chat_id: str) -> None:
    api.kodey.chat(id=chat_id)

    assert api("GET", f"{CHATS}/{chat_id}").json["id"] == chat_id
    assert api("POST", f"{CHATS}/{chat_id}/messages", SENT).status == 201


@pytest.mark.parametrize("chat_id", ["..", ".", "-x", "a%2Fb", "a%20b", "a%0A", "%C3%A9", "x" * 201])
@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("POST", "/messages")]
)
def test_an_id_that_can_be_none_is_not_looked_for(api: KodeyApi, method: str, suffix: str, chat_id: str) -> None:
    answer = api(method, f"{CHATS}/{chat_id}{suffix}", SENT if method == "POST" else None)

    assert answer.status in (404, 422)
    assert (api.kodey.requests, api.sqs.sent) == ([], [])
