"""Actions as plain data: the models of the actions are the judge of all quick checks."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from aichats.errors import UnreadableError
from aichats.kodey.actions import KodeyCreateChat, KodeySendMessage
from aichats.kodey.models import AgentId, KodeyChatId
from aichats.message_text import MAX_MESSAGE_BYTES
from aichats.runs.action import (
    ABRIDGED,
    ACTION_TYPES,
    Action,
    check_targets,
    kind_of,
    quick_action,
    read_action,
    to_json,
)
from aichats.runs.action_models import ActionModel, as_action
from aichats.validation import read_stored
from aichats.whop.actions import WhopCreateChat, WhopUpdateChat
from aichats.whop.models import ChatId, CompanyId
from local.setup import ROOT

Judge = Annotated[WhopCreateChat | WhopUpdateChat | KodeyCreateChat | KodeySendMessage, Field(discriminator="type")]
JUDGE: TypeAdapter[BaseModel] = TypeAdapter(Judge)
MODELS: dict[str, type[BaseModel]] = {
    "whop.create_chat": WhopCreateChat,
    "whop.update_chat": WhopUpdateChat,
    "kodey.create_chat": KodeyCreateChat,
    "kodey.send_message": KodeySendMessage,
}
TARGETS: dict[str, TypeAdapter[Any]] = {
    "whop.create_chat": TypeAdapter(CompanyId | None),
    "whop.update_chat": TypeAdapter(ChatId),
    "kodey.create_chat": TypeAdapter(AgentId),
    "kodey.send_message": TypeAdapter(KodeyChatId),
}
CHAT_IDS: dict[str, TypeAdapter[Any]] = {
    name: TypeAdapter(ChatId if name.startswith("whop.") else KodeyChatId) for name in MODELS
}

# ---- actions that are valid, or almost

messages = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50).filter(str.strip)
texts = st.one_of(
    messages, st.text(st.characters(), max_size=5), st.sampled_from(["\ud800", "\u200b", "x" * 500, "x" * 501])
)
ids = st.sampled_from(["file_1", "file_", "biz_A", "aich_1\n", "aich_1", "file_" + "x" * 101, "é", "a.b:c", ".", ""])
files = st.lists(
    st.one_of(
        ids,
        st.fixed_dictionaries({"url": st.just("https://example.com/ü.pdf")}, optional={"filename": st.none() | texts}),
        st.just({"s3": "s3://my-bucket/a b.pdf"}),
        st.just({"url": "http://example.com"}),
    ),
    max_size=22,
)
odd = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.lists(texts, max_size=2))
metadata = st.dictionaries(texts, st.one_of(odd, st.dictionaries(texts, odd, max_size=2)), max_size=3)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "message_text": texts,
    "content": texts,
    "title": st.none() | texts,
    "message_source": st.sampled_from([None, "manual", "suggestion", "link", "other"]),
    "suggestion_type": st.none() | texts,
    "agent_identifier": st.sampled_from([None, "general", "support", "sales"]),
    "attachments": st.none() | files,
    "notification_preference": st.sampled_from([None, "all", "none", "mentions"]),
    "await_reply": st.booleans(),
    "company_id": st.sampled_from([None, "biz_A", "biz_", "biz_A\n", "aich_1"]),
    "user_id": st.none() | texts,
    "metadata": st.none() | metadata,
    "unknown": texts,
}


@st.composite
def almost_valid(draw: st.DrawFn) -> dict[str, Any]:
    """Return an action in which each value is valid, or one that a person could mistake for valid."""
    action_type = draw(st.sampled_from(ACTION_TYPES))
    names = [name for name in kind_of(action_type).fields if name != "type"]
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    message = kind_of(action_type).message
    if message and draw(st.integers(0, 9)):
        chosen = [message, *(name for name in chosen if name != message)]
    fields = {name: draw(odd if draw(st.integers(0, 19)) == 0 else VALUES[name]) for name in chosen}
    if draw(st.integers(0, 19)) == 0:
        fields["unknown"] = draw(odd)
    place = draw(st.integers(0, len(fields)))
    items = list(fields.items())
    return dict([*items[:place], ("type", action_type), *items[place:]])


def judged(data: object, **context: Any) -> BaseModel | None:
    """Return the model of an action, read from strict JSON; ``None`` if it is invalid."""
    try:
        return JUDGE.validate_json(json.dumps(data), strict=True, context=context)
    except ValidationError:
        return None


# ---- the quick check against the models


@given(data=almost_valid(), limit=st.integers(1, 100))
@example(data={"type": "whop.create_chat", "message_text": "x" * 100}, limit=99)
@example(data={"type": "whop.create_chat", "message_text": "\u2800"}, limit=99)
def test_the_models_accept_whatever_the_quick_check_accepts_and_change_nothing(
    data: dict[str, Any], limit: int
) -> None:
    action = quick_action(data, max_message_bytes=limit)

    if action is not None:
        model = judged(data, max_message_bytes=limit)
        assert model is not None
        assert action == as_action(model)
        assert list(action.fields) == list(as_action(model).fields)
        assert to_json(action) == model.model_dump_json(exclude_unset=True)


@given(data=almost_valid())
def test_the_quick_check_of_a_stored_action_accepts_only_what_the_models_read(data: dict[str, Any]) -> None:
    action = quick_action(data, max_message_bytes=MAX_MESSAGE_BYTES, stored=True)

    if action is not None:
        model = read_stored(JUDGE.validate_python, json.loads(json.dumps(data)), "run")
        assert action == as_action(model)
        assert to_json(action) == model.model_dump_json(exclude_unset=True)


def has_unusual_fields(data: dict[str, Any]) -> bool:
    """Return whether a valid action has files that aichats must fetch, or metadata."""
    return bool(data.get("metadata")) or any(isinstance(file, dict) for file in data.get("attachments") or ())


@given(data=almost_valid())
@example(data={"type": "whop.create_chat", "message_text": "m", "attachments": True})
def test_an_action_without_unusual_files_and_metadata_needs_no_model(data: dict[str, Any]) -> None:
    model = judged(data)

    if model is not None and not has_unusual_fields(data):
        assert quick_action(data, max_message_bytes=MAX_MESSAGE_BYTES) == as_action(model)


@given(data=almost_valid())
def test_an_action_is_stored_as_the_same_text_as_its_model(data: dict[str, Any]) -> None:
    model = judged(data)

    if model is not None:
        action = as_action(model)
        text = model.model_dump_json(exclude_unset=True)
        assert json.loads(to_json(action)) == json.loads(text) == action.as_json()
        # Python writes the exponent of a number with a sign and two digits.
        assert to_json(action) == text or "metadata" in action.fields
        assert read_action(text, "run") == action


@given(data=almost_valid())
def test_a_stored_action_that_cannot_be_read_has_the_error_of_the_models(data: dict[str, Any]) -> None:
    text = json.dumps(data)

    def by_the_models() -> Action:
        return as_action(read_stored(JUDGE.validate_python, json.loads(text), "run 1"))

    assert result(lambda: read_action(text, "run 1")) == result(by_the_models)


def result(read: Callable[[], Action]) -> Action | str:
    """Return what was read, or the message of the error."""
    try:
        return read()
    except UnreadableError as error:
        return str(error)


@given(data=st.recursive(odd, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)))
def test_the_quick_check_leaves_anything_else_to_the_models(data: object) -> None:
    assert quick_action(data, max_message_bytes=MAX_MESSAGE_BYTES) is None
    assert quick_action({"type": data}, max_message_bytes=MAX_MESSAGE_BYTES) is None


@pytest.mark.parametrize("name", ["create_chat", "create_kodey_chat", "create_muted_chats", "mute_chat"])
def test_the_examples_of_schedules_need_no_model(name: str) -> None:
    event = json.loads((ROOT / "events" / "schedule" / f"{name}.json").read_text())

    action = quick_action(event["action"], max_message_bytes=MAX_MESSAGE_BYTES)

    assert action is not None
    assert action.as_json() == event["action"]


# ---- the kinds against the models


def test_each_model_has_a_kind_with_the_same_fields_in_the_same_order() -> None:
    assert set(get_args(get_args(ActionModel.__value__)[0])) == set(MODELS.values())
    assert {name: list(kind_of(name).fields) for name in ACTION_TYPES} == {
        name: list(model.model_fields) for name, model in MODELS.items()
    }
    assert list(ABRIDGED) == list(ACTION_TYPES) == list(MODELS)


def test_an_unknown_type_has_no_kind() -> None:
    for name in ("whop.delete_chat", "kodey.delete_chat", "other"):
        with pytest.raises(KeyError):
            kind_of(name)


@pytest.mark.parametrize("action_type", ACTION_TYPES)
@given(value=st.none() | ids | st.from_regex(r"(biz|aich)_[A-Za-z0-9_-]{1,100}\n?") | st.text(max_size=201))
@example(value="a" * 200)
@example(value="a" * 201)
def test_a_target_and_a_chat_id_are_valid_if_the_models_say_so(action_type: str, value: str | None) -> None:
    kind = kind_of(action_type)

    assert kind.accepts_target(value) == accepts(TARGETS[action_type], value)
    if value is not None:
        assert kind.accepts_chat_id(value) == accepts(CHAT_IDS[action_type], value)


def accepts(judge: TypeAdapter[Any], value: object) -> bool:
    try:
        judge.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("action_type", "target", "needed"),
    [
        ("whop.create_chat", "aich_1", "a company (biz_...) or null"),
        ("whop.update_chat", None, "a chat (aich_...)"),
        ("kodey.create_chat", "a/b", "an agent's id"),
        ("kodey.send_message", "", "a chat's id"),
    ],
)
def test_the_first_invalid_target_is_named(action_type: str, target: str | None, needed: str) -> None:
    valid = {"whop.create_chat": "biz_A", "whop.update_chat": "aich_1"}.get(action_type, "id_1")

    with pytest.raises(ValueError, match=re.escape(f"item 1: {action_type} needs {needed}")):
        check_targets(ABRIDGED[action_type], [valid, target, ""])


# ---- the properties of an action


def test_an_action_knows_its_provider_its_title_and_its_message() -> None:
    create = Action("whop.create_chat", {"message_text": "Hi", "title": "Week"})
    send = Action("kodey.send_message", {"content": "Hi"})
    update = Action("whop.update_chat", {"notification_preference": "none"})

    assert [(action.provider, action.title, action.message) for action in (create, send, update)] == [
        ("whop", "Week", "Hi"),
        ("kodey", None, "Hi"),
        ("whop", None, None),
    ]
    assert [ABRIDGED[name].message for name in ACTION_TYPES] == [None] * 4
    assert [kind_of(name).slow for name in ACTION_TYPES] == [False, False, True, True]


def test_an_action_in_a_model_is_plain_data_and_is_written_in_the_order_of_its_kind() -> None:
    class Holder(BaseModel):
        action: Action

    sent = {"type": "whop.update_chat", "company_id": None, "title": "Week"}
    holder = Holder.model_validate({"action": sent})

    assert holder.action == Action("whop.update_chat", {"title": "Week", "company_id": None})
    assert list(holder.model_dump()["action"]) == ["title", "company_id", "type"]
    assert json.loads(holder.model_dump_json()) == {"action": sent}
    assert hash(holder.action) == hash(Action("whop.update_chat", {}))
