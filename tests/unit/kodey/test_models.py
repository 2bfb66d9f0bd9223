"""The models: valid and invalid input, and unknown fields. The tests of ``http`` cover the common parts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aichats.errors import InputError
from aichats.kodey.models import MAX_METADATA_DEPTH, Chat, ChatWithMessages, ListChats, Message, NewKodeyChat
from aichats.validation import parse, parse_json
from tests.support.fakes import Json
from tests.support.kodey_replies import CREATED_AT, chat, message, without


def create(**fields: Any) -> NewKodeyChat:
    return parse(NewKodeyChat, {"agent_id": "agent_1"} | fields)


def nested(levels: int) -> Json:
    inner: Json = {}
    for _ in range(levels - 1):
        inner = {"a": inner}
    return inner


# ---- requests


@pytest.mark.parametrize("agent_id", ["a", "0", "_x", "agent_1", "6f9619ff-8b86-d011", "urn:agent.1", "x" * 200])
def test_an_opaque_id_is_taken(agent_id: str) -> None:
    assert create(agent_id=agent_id).agent_id == agent_id


@pytest.mark.parametrize(
    "agent_id", ["", ".", "..", "a/b", "../x", "a b", "a\n", "a\x00", "a?b", "a#b", "a%2Fb", "ü", "-a", "x" * 201, None]
)
def test_an_id_that_needs_care_in_a_path_is_rejected(agent_id: str | None) -> None:
    with pytest.raises(InputError, match="agent_id: "):
        create(agent_id=agent_id)


@pytest.mark.parametrize("user_id", ["u", "Jörg Müller 😀", "a/b?c", "x" * 256])
def test_a_printable_user_is_taken(user_id: str) -> None:
    assert create(user_id=user_id).user_id == user_id
    assert parse(ListChats, {"user_id": user_id}).user_id == user_id


@pytest.mark.parametrize("user_id", ["", "x" * 257, "a\nb", "a\x00b", "a\u200bb", "\ud83d", 5])
def test_another_user_is_rejected(user_id: object) -> None:
    for model, fields in ((NewKodeyChat, {"agent_id": "a"}), (ListChats, {})):
        with pytest.raises(InputError, match="user_id: "):
            parse(model, fields | {"user_id": user_id})


@pytest.mark.parametrize("letter", ["a", "ü", "😀", '"', "\n"])
def test_metadata_is_bounded_in_bytes_of_compact_json_in_utf_8(letter: str) -> None:
    size = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    room = 4096 - len('{"k":""}')
    most = {"k": letter * (room // size) + "a" * (room % size)}
    assert create(metadata=most).metadata == most
    with pytest.raises(InputError, match="metadata: is 4097 bytes long, the limit is 4096"):
        create(metadata={"k": most["k"] + "a"})


def test_the_spaces_of_a_body_do_not_count() -> None:
    body = json.dumps({"agent_id": "a", "metadata": {"k": list(range(300))}}, indent=40).encode()
    assert len(body) > 4096
    assert parse_json(NewKodeyChat, body).metadata == {"k": list(range(300))}


@pytest.mark.parametrize("metadata", [None, [], "text", 5, [["k", "v"]], {1: "a"}, {"k": {1, 2}}])
def test_metadata_that_is_no_json_object_is_rejected(metadata: object) -> None:
    with pytest.raises(InputError, match="metadata"):
        create(metadata=metadata)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud83d", {"\ud83d": 1}])
def test_metadata_that_json_cannot_hold_is_rejected(value: object) -> None:
    with pytest.raises(InputError, match="metadata: contains a number or a text that JSON can't express"):
        create(metadata={"k": value})


def test_metadata_is_nested_only_so_deep() -> None:
    assert create(metadata=nested(MAX_METADATA_DEPTH)).metadata == nested(MAX_METADATA_DEPTH)
    for deeper in (nested(MAX_METADATA_DEPTH + 1), {"a": [[nested(MAX_METADATA_DEPTH - 2)]]}):
        with pytest.raises(InputError, match="metadata: has more than 32 nested levels"):
            create(metadata=deeper)


json_objects = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(metadata=json_objects)
def test_metadata_goes_out_as_it_came_in(metadata: Json) -> None:
    taken = parse_json(NewKodeyChat, json.dumps({"agent_id": "a", "metadata": metadata}).encode())
    assert taken.model_dump(mode="json", by_alias=True)["metadata"] == metadata


# ---- replies


def test_a_chat_is_read_from_any_of_the_answers_that_hold_one() -> None:
    created = Chat.model_validate(chat())
    listed = Chat.model_validate(without(chat(userId="u"), "teamId"))
    bare = Chat.model_validate(without(chat(), "teamId"))
    assert created.created_at == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    assert [(one.team_id, one.user_id) for one in (created, listed, bare)] == [
        ("team_1", None),
        (None, "u"),
        (None, None),
    ]


@pytest.mark.parametrize("missing", ["id", "agentId", "createdAt"])
def test_a_chat_without_what_every_answer_has_cannot_be_read(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        Chat.model_validate(without(chat(), missing))


@pytest.mark.parametrize("missing", ["id", "content", "role", "createdAt"])
def test_a_message_without_what_every_answer_has_cannot_be_read(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        Message.model_validate(without(message(), missing))


def test_new_fields_and_new_values_are_kept() -> None:
    read = Message.model_validate(message(role="tool", toolCalls=[{"name": "look"}]))
    assert read.role == "tool"
    assert read.model_dump(mode="json")["toolCalls"] == [{"name": "look"}]


def test_a_reply_is_dumped_as_kodey_names_its_fields_without_being_asked_to() -> None:
    came = chat(userId="u", messages=[message(extra={"a": 1})], pinned=True)
    read = ChatWithMessages.model_validate_json(json.dumps(came))
    assert read.model_dump(mode="json") == came
    assert json.loads(read.model_dump_json()) == came


def test_a_reply_may_be_made_by_our_names() -> None:
    made = Chat.model_validate({"id": "chat_1", "agent_id": "agent_1", "created_at": CREATED_AT})
    assert made.model_dump(mode="json") == chat(teamId=None, userId=None)
