"""Bad input as one error: the fields that it names, its words, and what it does not show."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from aichats.api.every_operation import OPERATIONS
from aichats.api.routes.mutes import SetPreference
from aichats.api.routes.runs import ListRuns, StartRuns
from aichats.automations.definition_models import AutomationModel
from aichats.errors import InputError
from aichats.runs.schedule_models import ScheduleEvent, ScheduleTick
from aichats.validation import MAX_FIELD_CHARACTERS, MAX_PROBLEMS, parse, parse_json
from aichats.whop.event_models import WebhookEvent


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
    ("action", "message"),
    [
        ({}, "is required: 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
        ({"type": "confidential"}, "must be 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
        ({"type": None}, "must be 'third.create_chat', 'whop.create_chat' or 'whop.update_chat'"),
    ],
)
def test_the_error_of_a_missing_or_unknown_type_lists_the_known_ones(action: object, message: str) -> None:
    assert problems({"action": action}) == [("action.type", message)]


def test_an_unknown_field_that_is_called_like_a_type_is_named() -> None:
    assert [field for field, _ in problems({"action": CREATE, "whop.create_chat": 1})] == ["whop.create_chat"]


def test_no_value_is_shown() -> None:
    assert "confidential" not in str(problems({"action": CREATE, "targets": ["confidential"]}))


@pytest.mark.parametrize("data", [None, [], "text", 5])
def test_what_is_no_object_is_a_problem_of_the_body(data: object) -> None:
    assert [field for field, _ in problems(data)] == ["body"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 10_000, b'{"action": "\\ud800"}'])
def test_what_is_no_json_is_a_problem_of_the_body(content: bytes) -> None:
    with pytest.raises(InputError, match="body: isn't valid JSON"):
        parse_json(Event, content)


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_body_is_called_empty_and_has_no_position(content: bytes) -> None:
    with pytest.raises(InputError, match=r"body: is empty, but must be JSON$"):
        parse_json(Event, content)


def test_an_unknown_field_with_a_dot_in_its_name_is_named_too() -> None:
    assert problems({"action": CREATE, "a.b": 1}) == [("a.b", "unknown field")]


def test_neither_many_nor_long_names_make_a_long_error() -> None:
    many = {f"field{number}": 1 for number in range(MAX_PROBLEMS * 3)}
    assert len(problems({"action": CREATE} | many)) == MAX_PROBLEMS
    assert problems({"action": CREATE, "x" * 10_000: 1})[0][0] == "x" * MAX_FIELD_CHARACTERS


MODELS = [
    operation_model
    for operation in OPERATIONS
    for operation_model in (operation.body, operation.query)
    if operation_model is not None
] + [WebhookEvent, ScheduleTick, ScheduleEvent]
STATUSES = (
    "must be one or several of pending, performing, succeeded, failed, unknown, missed, skipped, cancelled, "
    "separated by commas"
)
FOREIGN_WORDS = re.compile(
    "Input should|Extra inputs|String should|Field required|valid (string|integer|boolean|datetime|dictionary|list)|"
    "Invalid JSON|instance of|should have|Value error|Unable to|pattern|pydantic|Tuple|Datetimes|unexpected"
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "schedule", "webhook", "whop.create_chat", "kodey.create_chat", "2026-11-20T09:00:00"])
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "events", "ids", "Targets", "message_text", "title"]), children)
    ),
    max_leaves=6,
)


def fields_of(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Return objects with the model's fields, whose values are mostly invalid, and with fields close to these."""
    names = [*model.model_fields, *(f"{name}s" for name in model.model_fields), "x"]
    return st.dictionaries(st.sampled_from(names), VALUES, max_size=len(names)) | VALUES


def problems_of(model: type[BaseModel], value: Any) -> Sequence[tuple[str, str]]:
    """Return the problems of a value; none if it is valid."""
    is_query = model in {operation.query for operation in OPERATIONS}
    try:
        parse_json(model, json.dumps(value).encode(), strict=not is_query)
    except InputError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_message_has_a_word_of_the_validator(model: type[BaseModel], data: st.DataObject) -> None:
    value = data.draw(fields_of(model))
    problems = problems_of(model, value)

    assert [problem for _, problem in problems if FOREIGN_WORDS.search(problem)] == []
    assert all(field and problem and problem != "is invalid" for field, problem in problems)


@pytest.mark.parametrize(
    ("model", "value", "problems"),
    [
        (
            SetPreference,
            {"notification_preference": "x", "ids": []},
            {"ids": "must have at least 1 item", "notification_preference": "must be 'all' or 'none'"},
        ),
        (
            StartRuns,
            {"action": {"type": "kodey.send_message", "contents": "x"}, "targets": ["a"]},
            {"action.content": "is required", "action.contents": "unknown field; did you mean `content`?"},
        ),
        (
            AutomationModel,
            {"trigger": {"type": "schedule", "expresion": "rate(1 hour)"}, "action": 5, "Targets": []},
            {
                "trigger.expresion": "unknown field; did you mean `expression`?",
                "trigger.expression": "is required",
                "action": "must be an object",
                "targets": "is required",
                "Targets": "unknown field; did you mean `targets`?",
            },
        ),
        (ListRuns, {"limit": "0", "status": "done"}, {"limit": "must be at least 1", "status": STATUSES}),
        (ListRuns, {"since": "1999-01-01T00:00:00Z"}, {"since": "must be at least 2000-01-01T00:00:00Z"}),
        (ListRuns, {"automation": "a b"}, {"automation": "must be 1 to 64 characters of A-Z, a-z, 0-9, _, -"}),
    ],
)
def test_a_message_says_what_is_valid(model: type[BaseModel], value: Any, problems: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(model, value)

    assert dict(caught.value.problems) == problems
