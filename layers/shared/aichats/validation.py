"""Bad input as one error that names the fields."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from aichats.errors import InputError, UnreadableError

MAX_PROBLEMS = 20
"""Further ones are left out: a body can have a million unknown fields, and an answer has 6 MB."""
MAX_FIELD_CHARACTERS = 100
MAX_STORED_MESSAGE_BYTES = 131_072
"""The most that a limit may ever have been."""
TRIGGERS = ("schedule", "webhook")


def parse[ModelT: BaseModel](model: type[ModelT], data: object, **context: Any) -> ModelT:
    """Check data that was decoded already. ``context`` holds what validators look at, such as ``max_message_bytes``.

    Raises:
        InputError: it does not fit; names the fields, and shows no value.
    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise InputError(_problems(error)) from None


def parse_json[ModelT: BaseModel](model: type[ModelT], content: bytes, **context: Any) -> ModelT:
    """Decode JSON and check it.

    Raises:
        InputError: it is not JSON or does not fit; names the fields, and shows no value.
    """
    try:
        return model.model_validate_json(content, context=context)
    except ValidationError as error:
        raise InputError(_problems(error)) from None


def read_stored[T](validate: Callable[..., T], data: object, what: str) -> T:
    """Read what a table holds. What was taken once stays readable, even if a limit is lower now.

    Raises:
        UnreadableError: this version of the code cannot; names the fields, and shows no value.
    """
    try:
        return validate(data, context={"max_message_bytes": MAX_STORED_MESSAGE_BYTES})
    except ValidationError as error:
        fields = ", ".join(dict.fromkeys(field for field, _ in _problems(error)))
        raise UnreadableError(f"{what} cannot be read by this version of the code: {fields}") from None


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [(_field(detail["loc"]), detail["msg"].removeprefix("Value error, ")) for detail in details[:MAX_PROBLEMS]]


def _field(location: tuple[int | str, ...]) -> str:
    """A dotted path, without the names that pydantic adds for the members of a union (``whop.create_chat``)."""
    parts = [str(part) for index, part in enumerate(location) if not _names_a_member(location[:index], str(part))]
    return ".".join(parts)[:MAX_FIELD_CHARACTERS] or "body"


def _names_a_member(before: tuple[int | str, ...], part: str) -> bool:
    return bool(re.fullmatch(r"(whop|kodey)\.[a-z_]+", part)) or (before == ("trigger",) and part in TRIGGERS)
