"""What the models of all providers have in common."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core.core_schema import CoreSchema, custom_error_schema

MAX_MESSAGE_BYTES = 32 * 1024
"""Longest message in bytes of UTF-8, where the validation's context does not set ``max_message_bytes``."""


def _bounded_message(text: str, info: ValidationInfo) -> str:
    limit = (info.context or {}).get("max_message_bytes", MAX_MESSAGE_BYTES)
    if not text.strip():
        raise ValueError("must not be empty")
    if (size := len(text.encode())) > limit:
        raise ValueError(f"is {size} bytes long, the limit is {limit}")
    return text


# The least length makes pydantic look at the text before the bytes are counted: half a surrogate pair has none.
type MessageText = Annotated[str, Field(min_length=1), AfterValidator(_bounded_message)]


@dataclass(frozen=True)
class OrElse:
    """In an ``Annotated``, last: what is said of a value that does not fit, in place of its pattern."""

    problem: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return custom_error_schema(handler(source), "not_this", custom_error_message=self.problem)


class Request(BaseModel):
    """A request's body: closed, so that a misspelt field is seen, and frozen, so that every attempt sends the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(BaseModel):
    """What a provider answers: new fields and new enum values appear without notice, and are kept."""

    model_config = ConfigDict(extra="allow")
