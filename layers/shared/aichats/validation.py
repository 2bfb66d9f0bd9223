"""Bad input as one error that names the fields, and speaks to people."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from aichats.errors import InputError, UnreadableError

MAX_PROBLEMS = 20
"""Further ones are left out: a body can have a million unknown fields, and an answer has 6 MB."""
MAX_FIELD_CHARACTERS = 100
MAX_STORED_MESSAGE_BYTES = 131_072
"""The most that a limit may ever have been."""
_TIME = TypeAdapter(datetime)
A_TIME = "must be a time with an offset, such as 2026-11-20T09:00:00Z"

type Location = tuple[int | str, ...]

_UNIONS: tuple[Location, ...] = (("trigger",), ("action",))
"""Where a ``type`` decides what a value is; below these pydantic names the type as if it were a field."""
_TAGS = {"union_tag_not_found": "is needed, one of", "union_tag_invalid": "is none of"}
_TIMES = ("datetime_parsing", "datetime_from_date_parsing", "datetime_type", "timezone_aware")


def parse[ModelT: BaseModel](model: type[ModelT], data: object, **context: Any) -> ModelT:
    """Check data that was decoded already. ``context`` holds what validators look at, such as ``max_message_bytes``.

    Raises:
        InputError: it does not fit; names the fields, and shows no value.
    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise InputError(_problems(model, error)) from None


def parse_json[ModelT: BaseModel](
    model: type[ModelT], content: bytes, *, strict: bool = False, **context: Any
) -> ModelT:
    """Decode JSON and check it. ``strict`` converts no types: ``"off"`` and ``1`` are no truth values.

    Raises:
        InputError: it is not JSON or does not fit; names the fields, and shows no value.
    """
    try:
        return model.model_validate_json(content, strict=strict, context=context)
    except ValidationError as error:
        raise InputError(_problems(model, error)) from None


def parse_strictly[ModelT: BaseModel](model: type[ModelT], data: object, **context: Any) -> ModelT:
    """Check data that Lambda decoded from JSON, and convert no types.

    Raises:
        InputError: it does not fit; names the fields, and shows no value.
    """
    # As JSON, because for data pydantic's strict mode wants times that are not text any more.
    return parse_json(model, json.dumps(data).encode(), strict=True, **context)


def read_time(text: str) -> datetime:
    """Return the time that a text names. For validators, because strict checks take no text after them.

    Raises:
        ValueError: it is no time.
    """
    try:
        return _TIME.validate_python(text)
    except ValidationError:
        raise ValueError(A_TIME) from None


def read_stored[T](validate: Callable[..., T], data: object, what: str) -> T:
    """Read what a table holds. What was taken once stays readable, even if a limit is lower now.

    Raises:
        UnreadableError: this version of the code cannot; names the fields, and shows no value.
    """
    try:
        return validate(data, context={"max_message_bytes": MAX_STORED_MESSAGE_BYTES, "stored": True})
    except ValidationError as error:
        fields = ", ".join(dict.fromkeys(_field(detail["loc"]) for detail in _details(error)))
        raise UnreadableError(f"{what} cannot be read by this version of the code: {fields}") from None


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False)[:MAX_PROBLEMS]


def _problems(model: type[BaseModel], error: ValidationError) -> list[tuple[str, str]]:
    return [_problem(model, detail) for detail in _details(error)]


def _problem(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, str]:
    """The field and what is wrong with it, in words for those who have never heard of pydantic."""
    kind, location = detail["type"], detail["loc"]
    if kind in _TAGS:
        name = detail["ctx"]["discriminator"].strip("'")
        return f"{_field(location)}.{name}", f"{_TAGS[kind]} {_tags(model, location, name)}"
    if kind in _TIMES:
        # In a query a + that is not escaped means a space.
        spaced = re.search(r"T\S+ \d\d", detail["input"]) if isinstance(detail["input"], str) else None
        return _field(location), A_TIME + ("; in a query write + as %2B, or use Z" if spaced else "")
    return _field(location), detail["msg"].removeprefix("Value error, ")


def _tags(model: type[BaseModel], location: Location, name: str) -> str:
    """What a union's ``type`` may be: pydantic tells it to those alone who give a wrong one."""
    wrong: object = {name: ""}
    for part in reversed(location):
        wrong = {part: wrong}
    told: dict[Location, str] = {}
    try:
        model.model_validate(wrong)
    except ValidationError as error:
        told = {each["loc"]: each["ctx"]["expected_tags"] for each in error.errors() if each["type"] in _TAGS}
    return told.get(location, "those that the documentation names")


def _field(location: Location) -> str:
    """A dotted path, without the names that pydantic adds for the members of a union (``whop.create_chat``)."""
    parts = [str(part) for index, part in enumerate(location) if location[:index] not in _UNIONS]
    return ".".join(parts)[:MAX_FIELD_CHARACTERS] or "body"
