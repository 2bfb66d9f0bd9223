"""The common parts of the requests to all providers: valid and invalid input."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from aichats.errors import InputError
from aichats.kodey.models import ListChats, NewKodeyChat, SendMessage
from aichats.message_text import MAX_MESSAGE_BYTES
from aichats.validation import parse, parse_json
from aichats.whop.models import CreateAiChat, ListAiChats, UpdateAiChat
from tests.support.fakes import Json

COMPLETE: dict[type[BaseModel], Json] = {
    CreateAiChat: {"message_text": "Hi"},
    UpdateAiChat: {},
    ListAiChats: {},
    NewKodeyChat: {"agent_id": "agent_1"},
    ListChats: {},
    SendMessage: {"content": "Hi"},
}
"""All requests, each with the fields that it needs."""

each_request = pytest.mark.parametrize("model", COMPLETE)
each_message = pytest.mark.parametrize(
    ("model", "field"), [(CreateAiChat, "message_text"), (SendMessage, "content")], ids=["whop", "kodey"]
)


@each_request
@pytest.mark.parametrize("unknown", ["titel", "current_company_id", "agentId"])
def test_a_request_rejects_a_field_that_it_does_not_know(model: type[BaseModel], unknown: str) -> None:
    with pytest.raises(InputError) as raised:
        parse(model, COMPLETE[model] | {unknown: "x"})
    [(field, problem)] = raised.value.problems
    assert (field, problem.partition(";")[0]) == (unknown, "unknown field")


@each_request
def test_a_request_cannot_be_changed_after_it_was_checked(model: type[BaseModel]) -> None:
    request = parse(model, COMPLETE[model])
    for field in model.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(request, field, "Another")


# ---- messages


@each_message
@pytest.mark.parametrize("letter", ["a", "ü", "€", "😀"])
def test_the_message_is_bounded_in_bytes_of_utf_8(letter: str, model: type[BaseModel], field: str) -> None:
    size = len(letter.encode())
    most = letter * (MAX_MESSAGE_BYTES // size)
    assert parse(model, {field: most}).model_dump()[field] == most
    with pytest.raises(InputError, match=f"{field}: is {len(most.encode()) + size} bytes long, the limit is 32768"):
        parse(model, {field: most + letter})


@each_message
def test_the_bound_of_the_message_may_be_set_where_it_is_checked(model: type[BaseModel], field: str) -> None:
    body = json.dumps({field: "€€"}).encode()
    assert parse_json(model, body, max_message_bytes=6).model_dump()[field] == "€€"
    with pytest.raises(InputError, match="is 6 bytes long, the limit is 5"):
        parse_json(model, body, max_message_bytes=5)


@each_message
@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_message_without_a_letter_is_rejected(text: str, model: type[BaseModel], field: str) -> None:
    with pytest.raises(InputError, match=rf"{field}: (must not be empty|must have at least 1 character)"):
        parse(model, {field: text})


# ---- anything at all

any_text = st.text(st.characters(codec=None))
"""Half surrogate pairs too: JSON may hold them."""
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(sorted({name for model in COMPLETE for name in model.model_fields}))
models = st.sampled_from(list(COMPLETE))
many = settings(max_examples=250)


def sendable(read: Callable[[], BaseModel]) -> bool:
    """Return whether a request is valid and can then be sent; any error but an ``InputError`` fails the test."""
    try:
        taken = read()
    except InputError:
        return False
    dumped = taken.model_dump(mode="json", by_alias=True)
    return json.loads(json.dumps(dumped, ensure_ascii=False, allow_nan=False).encode()) is not None


@many
@given(model=models, data=json_values | st.dictionaries(fields, json_values, max_size=4))
def test_json_that_was_decoded_is_taken_or_rejected_as_input(model: type[BaseModel], data: Any) -> None:
    assert sendable(lambda: parse(model, data)) <= isinstance(data, dict)


@many
@given(model=models, extra=st.dictionaries(fields, json_values, max_size=2))
def test_a_complete_request_with_anything_more_is_taken_or_rejected_as_input(
    model: type[BaseModel], extra: Json
) -> None:
    assert sendable(lambda: parse(model, COMPLETE[model] | extra)) <= (extra.keys() <= model.model_fields.keys())


@many
@given(model=models, content=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_taken_or_rejected_as_input(model: type[BaseModel], content: bytes) -> None:
    assert sendable(lambda: parse_json(model, content)) <= content.strip().startswith(b"{")
