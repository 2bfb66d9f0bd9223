"""Types and base classes for the models of all providers."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationInfo,
)
from pydantic_core.core_schema import CoreSchema, custom_error_schema

MAX_MESSAGE_BYTES = 32 * 1024
"""The maximum size of a message in bytes of UTF-8, unless the validation context has ``max_message_bytes``."""
MAX_JSON_BYTES = 350_000
"""The maximum size of a message as JSON, where a control character takes six bytes. DynamoDB's limit is 400 KB."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Invisible characters that Unicode classifies as letters, marks or symbols, or has not assigned."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""The categories of control and format characters, lone surrogates and spaces."""


def _bounded_message(text: str, info: ValidationInfo) -> str:
    context = info.context or {}
    limit = context.get("max_message_bytes", MAX_MESSAGE_BYTES)
    if not text.strip():
        raise ValueError("must not be empty")
    if (size := len(text.encode())) > limit:
        raise ValueError(f"is {size} bytes long, the limit is {limit}")
    # Earlier versions accepted such texts, and stored texts must stay readable.
    if not context.get("stored"):
        _check_new_message(text, size)
    return text


def _check_new_message(text: str, size: int) -> None:
    if not _shows_something(text):
        raise ValueError("must contain a visible character")
    if 6 * size > MAX_JSON_BYTES and len(json.dumps(text, ensure_ascii=False).encode()) > MAX_JSON_BYTES:
        raise ValueError(f"has more than {MAX_JSON_BYTES} bytes as JSON: use fewer control characters")


def _shows_something(text: str) -> bool:
    """Return whether a text has a visible character."""
    if any(char.isprintable() and char != " " and not _BLANK.match(char) for char in text):
        return True
    # Private and unassigned characters count as visible: newer emoji are among them.
    from unicodedata import category

    return any(category(char) not in _INVISIBLE and not _BLANK.match(char) for char in text)


def _whole_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", value):
        raise ValueError("must be a whole number, such as 10")
    return int(value)


def _truth(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


WholeNumber = BeforeValidator(_whole_number)
"""Put into an ``Annotated``: reads a number from a query, where every value is a text. The text must be valid JSON."""
Truth = BeforeValidator(_truth)
"""Put into an ``Annotated``: reads ``true`` or ``false`` from a query."""


# The minimum length makes pydantic reject half a surrogate pair, which can't be encoded, before the bytes are counted.
type MessageText = Annotated[str, Field(min_length=1), AfterValidator(_bounded_message)]


@dataclass(frozen=True)
class OrElse:
    """Put last into an ``Annotated``: the message for an invalid value, instead of one with a regular expression."""

    problem: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return custom_error_schema(handler(source), "not_this", custom_error_message=self.problem)


class Request(BaseModel):
    """A request body. It rejects unknown fields, and it is frozen, so every attempt sends the same bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeferredModel(BaseModel):
    """The base class of answers that few invocations give. They are built at their first use, not at a cold start."""

    model_config = ConfigDict(defer_build=True)


class ProviderReply(BaseModel):
    """A provider's answer. It keeps unknown fields, because providers add fields and values without notice."""

    model_config = ConfigDict(extra="allow")


@dataclass(frozen=True)
class ActionKind:
    """The properties that all actions of one type share.

    Attributes:
        model: the model of the action.
        target: validates a target.
        target_in_words: describes a valid target.
        chat_id: validates the id of the chat that the action creates or changes.
        slow: whether the provider takes minutes; if so, the action is only performed from the slow queue.
    """

    model: Any
    target: TypeAdapter[Any]
    target_in_words: str
    chat_id: TypeAdapter[Any]
    slow: bool = False
