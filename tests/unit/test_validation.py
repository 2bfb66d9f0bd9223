"""Bad input as one error: which fields it names, and what it does not show."""

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from aichats.errors import InputError
from aichats.validation import MAX_FIELD_CHARACTERS, MAX_PROBLEMS, parse, parse_json


class Create(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["whop.create_chat"]
    title: str


class Update(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["whop.update_chat"]
    count: int


class Third(BaseModel):
    type: Literal["third.create_chat"]
    title: str


class Event(BaseModel):
    model_config = ConfigDict(extra="forbid")

    action: Annotated[Create | Update | Third, Field(discriminator="type")]
    targets: list[int] = []


CREATE = {"type": "whop.create_chat", "title": "T"}


def problems(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as raised:
        parse(Event, data)
    assert raised.value.__cause__ is None
    with pytest.raises(InputError) as raised_again:
        parse_json(Event, json.dumps(data).encode())
    assert [field for field, _ in raised_again.value.problems] == [field for field, _ in raised.value.problems]
    return list(raised.value.problems)


def test_what_fits_comes_out_as_the_model() -> None:
    assert parse(Event, {"action": CREATE}) == parse_json(Event, json.dumps({"action": CREATE}).encode())


def test_every_wrong_field_is_named_by_its_path() -> None:
    wrong = {"action": {"type": "whop.create_chat", "extra": 1}, "targets": [1, "confidential"], "other": 2}
    assert [field for field, _ in problems(wrong)] == ["action.title", "action.extra", "targets.1", "other"]


def test_a_member_of_a_union_is_no_field_whatever_its_provider_is_called() -> None:
    wrong = {"action": {"type": "third.create_chat"}}
    assert problems(wrong) == [("action.title", "is required")]


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ({}, "is required: 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
        ({"type": "confidential"}, "must be 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
        ({"type": None}, "must be 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
    ],
)
def test_a_type_that_is_missing_or_unknown_is_told_which_there_are(action: object, told: str) -> None:
    assert problems({"action": action}) == [("action.type", told)]


def test_an_unknown_field_that_is_called_like_a_type_is_named() -> None:
    assert [field for field, _ in problems({"action": CREATE, "whop.create_chat": 1})] == ["whop.create_chat"]


def test_no_value_is_shown() -> None:
    assert "confidential" not in str(problems({"action": CREATE, "targets": ["confidential"]}))


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_what_is_no_object_is_a_problem_of_the_body(data: object) -> None:
    assert [field for field, _ in problems(data)] == ["body"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 10_000, b'{"action": "\\ud800"}'])
def test_what_is_no_json_is_a_problem_of_the_body(content: bytes) -> None:
    with pytest.raises(InputError, match="body: isn't valid JSON"):
        parse_json(Event, content)


def test_an_unknown_field_with_a_dot_in_its_name_is_named_too() -> None:
    assert problems({"action": CREATE, "a.b": 1}) == [("a.b", "unknown field")]


def test_neither_many_nor_long_names_make_a_long_error() -> None:
    many = {f"field{number}": 1 for number in range(MAX_PROBLEMS * 3)}
    assert len(problems({"action": CREATE} | many)) == MAX_PROBLEMS
    assert problems({"action": CREATE, "x" * 10_000: 1})[0][0] == "x" * MAX_FIELD_CHARACTERS
