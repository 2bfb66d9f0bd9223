"""Bad input as one error that names the fields."""

import re
from typing import Any

from pydantic import BaseModel, ValidationError

from aichats.errors import InputError

MAX_PROBLEMS = 20
"""Further ones are left out: a body can have a million unknown fields, and an answer has 6 MB."""
MAX_FIELD_CHARACTERS = 100


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


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [(_field(detail["loc"]), detail["msg"].removeprefix("Value error, ")) for detail in details[:MAX_PROBLEMS]]


def _field(location: tuple[int | str, ...]) -> str:
    """A dotted path, without the names that pydantic adds for the members of a union (``whop.create_chat``)."""
    parts = [str(part) for part in location if not re.fullmatch(r"(whop|kodey)\.[a-z_]+", str(part))]
    return ".".join(parts)[:MAX_FIELD_CHARACTERS] or "body"
