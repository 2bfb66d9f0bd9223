"""The models: valid and invalid input, and unknown fields."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from aichats.errors import InputError
from aichats.validation import parse
from aichats.whop.models import AiChat, AiChatPage, CreateAiChat, ListAiChats, UpdateAiChat
from tests.support.fakes import Json, ai_chat


def create(**fields: Any) -> CreateAiChat:
    return parse(CreateAiChat, {"message_text": "Hi"} | fields)


# ---- requests


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
def test_a_create_rejects_what_is_out_of_bounds_and_names_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError) as raised:
        create(**{field: value})
    assert [named.partition(".")[0] for named, _ in raised.value.problems] == [field]


@pytest.mark.parametrize("field", ["message_text", "title", "suggestion_type"])
def test_half_a_surrogate_pair_is_rejected(field: str) -> None:
    """Such a text comes out of valid JSON, and cannot be sent."""
    with pytest.raises(InputError, match=f"{field}: must be valid Unicode"):
        create(**({"message_source": "suggestion"} | {field: json.loads('"\\ud83d"')}))


@pytest.mark.parametrize("source", [None, "manual", "link"])
def test_a_suggestion_type_goes_only_with_a_suggestion(source: str | None) -> None:
    assert create(message_source="suggestion", suggestion_type="Welcome").suggestion_type == "Welcome"
    assert create(message_source=source, suggestion_type=None).suggestion_type is None
    with pytest.raises(InputError, match='suggestion_type: is only allowed with message_source "suggestion"'):
        create(message_source=source, suggestion_type="Welcome")


def test_first_and_last_are_not_asked_for_together() -> None:
    assert parse(ListAiChats, {"last": 5}).last == 5
    assert parse(ListAiChats, {"first": 5, "last": None}).first == 5
    with pytest.raises(InputError, match="last: can't be used together with first"):
        parse(ListAiChats, {"first": 5, "last": 5})


@pytest.mark.parametrize("preference", ["All", "mentions", True, 0])
def test_only_the_two_preferences_are_taken(preference: object) -> None:
    with pytest.raises(InputError, match="notification_preference"):
        parse(UpdateAiChat, {"notification_preference": preference})


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
