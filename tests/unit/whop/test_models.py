"""What the models take, what they refuse, and what they keep."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from aichats.errors import InputError
from aichats.validation import parse, parse_json
from aichats.whop import AiChat, CreateAiChat, UpdateAiChat
from aichats.whop.models import MAX_MESSAGE_BYTES, AiChatPage, ListAiChats
from tests.fakes import Json, ai_chat

REQUESTS: list[type[BaseModel]] = [CreateAiChat, UpdateAiChat, ListAiChats]


def create(**fields: Any) -> CreateAiChat:
    return parse(CreateAiChat, {"message_text": "Hi"} | fields)


# ---- requests


@pytest.mark.parametrize("model", REQUESTS)
def test_a_request_refuses_a_field_that_it_does_not_know(model: type[BaseModel]) -> None:
    with pytest.raises(InputError) as raised:
        parse(model, {"message_text": "Hi", "current_company_id": "biz_A"} if model is CreateAiChat else {"titel": "x"})
    assert [problem for _, problem in raised.value.problems] == ["Extra inputs are not permitted"]


@pytest.mark.parametrize("field", CreateAiChat.model_fields)
def test_a_request_cannot_be_changed_after_it_was_checked(field: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(create(), field, "Another")


@pytest.mark.parametrize("letter", ["a", "ü", "€", "😀"])
def test_the_message_is_bounded_in_bytes_of_utf_8(letter: str) -> None:
    size = len(letter.encode())
    most = letter * (MAX_MESSAGE_BYTES // size)
    assert create(message_text=most).message_text == most
    with pytest.raises(
        InputError, match=f"message_text: is {len(most.encode()) + size} bytes long, the limit is 32768"
    ):
        create(message_text=most + letter)


def test_the_bound_of_the_message_may_be_set_where_it_is_checked() -> None:
    body = json.dumps({"message_text": "€€"}).encode()
    assert parse_json(CreateAiChat, body, max_message_bytes=6).message_text == "€€"
    with pytest.raises(InputError, match="is 6 bytes long, the limit is 5"):
        parse_json(CreateAiChat, body, max_message_bytes=5)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_message_without_a_letter_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"message_text: (must not be empty|String should have at least 1 character)"):
        create(message_text=text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_text", None),
        ("message_text", 5),
        ("title", ""),
        ("title", "x" * 501),
        ("company_id", ""),
        ("company_id", "company"),
        ("company_id", "biz_"),
        ("company_id", "biz_A\n"),
        ("company_id", "biz_" + "x" * 101),
        ("attachments", ["photo.png"]),
        ("attachments", ["file_1"] * 21),
        ("attachments", [{"id": "file_1"}]),
        ("message_source", "robot"),
        ("suggestion_type", "Welcome"),
        ("agent_identifier", "sales"),
    ],
)
def test_a_create_refuses_what_is_out_of_bounds_and_names_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError) as raised:
        create(**{field: value})
    assert [named.partition(".")[0] for named, _ in raised.value.problems] == [field]


@pytest.mark.parametrize("field", ["message_text", "title", "suggestion_type"])
def test_half_a_surrogate_pair_is_refused(field: str) -> None:
    """Such a text comes out of valid JSON, and cannot be sent."""
    with pytest.raises(InputError, match=f"{field}: Input should be a valid string"):
        create(**({"message_source": "suggestion"} | {field: json.loads('"\\ud83d"')}))


@pytest.mark.parametrize("source", [None, "manual", "link"])
def test_a_suggestion_type_goes_only_with_a_suggestion(source: str | None) -> None:
    assert create(message_source="suggestion", suggestion_type="Welcome").suggestion_type == "Welcome"
    assert create(message_source=source, suggestion_type=None).suggestion_type is None
    with pytest.raises(InputError, match='suggestion_type: goes only with message_source "suggestion"'):
        create(message_source=source, suggestion_type="Welcome")


def test_first_and_last_are_not_asked_for_together() -> None:
    assert parse(ListAiChats, {"last": 5}).last == 5
    assert parse(ListAiChats, {"first": 5, "last": None}).first == 5
    with pytest.raises(InputError, match="last: first and last contradict each other"):
        parse(ListAiChats, {"first": 5, "last": 5})


@pytest.mark.parametrize("preference", ["All", "mentions", True, 0])
def test_only_the_two_preferences_are_taken(preference: object) -> None:
    with pytest.raises(InputError, match="notification_preference"):
        parse(UpdateAiChat, {"notification_preference": preference})


any_text = st.text(st.characters(codec=None))
"""Half surrogate pairs too: JSON may hold them."""
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(sorted({name for model in REQUESTS for name in model.model_fields}))


def sendable(read: Callable[[], BaseModel]) -> bool:
    """Whether a request was taken, and can then be sent; any error but an ``InputError`` fails the test."""
    try:
        taken = read()
    except InputError:
        return False
    return json.loads(json.dumps(taken.model_dump(mode="json"), ensure_ascii=False).encode()) is not None


@pytest.mark.parametrize("model", REQUESTS)
@given(data=json_values | st.dictionaries(fields, json_values, max_size=4))
def test_json_that_was_decoded_is_taken_or_refused_as_input(model: type[BaseModel], data: Any) -> None:
    assert sendable(lambda: parse(model, data)) <= isinstance(data, dict)


@pytest.mark.parametrize("model", REQUESTS)
@given(content=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_taken_or_refused_as_input(model: type[BaseModel], content: bytes) -> None:
    assert sendable(lambda: parse_json(model, content)) <= content.strip().startswith(b"{")


# ---- replies


def read(chat: Json) -> AiChat:
    return AiChat.model_validate_json(json.dumps(chat))


def test_a_chat_is_read_as_whop_documents_it() -> None:
    chat = read(ai_chat(last_message_at="2023-12-02T05:00:00Z", agent_identifier="support"))
    assert (chat.id, chat.title, chat.notification_preference, chat.message_count) == (
        "aich_xxxxxxxxxxxxx",
        "Weekly Revenue Analysis",
        "all",
        42,
    )
    assert (chat.user.id, chat.agent_identifier) == ("user_xxxxxxxxxxxxx", "support")
    assert chat.created_at == datetime(2023, 12, 1, 5, 0, 0, 401000, tzinfo=UTC)
    assert chat.last_message_at == datetime(2023, 12, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize("digits", ["123.45", "0.1", "0.10", "123456789012345678901234567890.123456789", "0", "1E+3"])
def test_the_token_usage_keeps_every_digit(digits: str) -> None:
    usage = read(ai_chat(blended_token_usage=digits)).blended_token_usage
    assert isinstance(usage, Decimal)
    assert str(usage) == digits


@pytest.mark.parametrize("digits", ["", "many", "NaN", "Infinity", None])
def test_a_token_usage_that_is_no_number_cannot_be_read(digits: str | None) -> None:
    with pytest.raises(ValidationError, match="blended_token_usage"):
        read(ai_chat(blended_token_usage=digits))


def test_a_chat_of_an_older_server_has_no_agent() -> None:
    assert read(ai_chat()).agent_identifier is None


def test_new_fields_and_new_values_are_kept() -> None:
    user = {"id": "u", "name": "N"}
    chat = read(ai_chat(notification_preference="mentions", agent_identifier="sales", pinned=True, user=user))
    assert (chat.notification_preference, chat.agent_identifier) == ("mentions", "sales")
    dumped = chat.model_dump(mode="json")
    assert (dumped["pinned"], dumped["user"]) == (True, user)


def test_a_chat_comes_out_as_it_came_in() -> None:
    assert read(json.loads(read(ai_chat()).model_dump_json())) == read(ai_chat())


def test_a_page_needs_only_to_say_whether_there_is_more() -> None:
    page = AiChatPage.model_validate({"data": [], "page_info": {"has_next_page": False}})
    assert (page.page_info.end_cursor, page.page_info.start_cursor) == (None, None)
