"""Types and base classes for the models of all providers."""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationInfo,
)
from pydantic_core.core_schema import CoreSchema, custom_error_schema

from aichats.frozen import frozen
from aichats.message_text import MAX_MESSAGE_BYTES, check_message


def _bounded_message(text: str, info: ValidationInfo) -> str:
    context = info.context or {}
    check_message(text, context.get("max_message_bytes", MAX_MESSAGE_BYTES), stored=bool(context.get("stored")))
    return text


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
type RunId = Annotated[str, Field(pattern=r"^[a-z2-7]{32}$")]


@frozen
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
