"""Validation of input against models. One error reports all invalid fields in plain English."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from aichats.errors import InputError, UnreadableError
from aichats.message_text import MAX_STORED_MESSAGE_BYTES

MAX_PROBLEMS = 20
"""The maximum number of problems in an error. A body can have a million unknown fields, but an answer at most 6 MB."""
MAX_FIELD_CHARACTERS = 100
_TIME = TypeAdapter(datetime)
A_TIME = "must be a time with an offset, such as 2026-11-20T09:00:00Z"

type Location = tuple[int | str, ...]

_UNIONS: tuple[Location, ...] = (("trigger",), ("action",))
"""The unions whose member depends on a ``type``. Pydantic adds this type to each location inside them."""
_ATTACHMENTS = "attachments"
"""The field with a list of unions. Pydantic adds the tag of the member, the name of its model, after the index."""
_TIMES = ("datetime_parsing", "datetime_from_date_parsing", "datetime_type", "timezone_aware")
_TAGS = {"union_tag_not_found": "is required:", "union_tag_invalid": "must be"}
_OBJECT = "must be an object"
_NUMBER = "must be a whole number"
_TRUTH = "must be true or false"
_MESSAGES = {
    "missing": "is required",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode: it has half of a surrogate pair",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": _NUMBER,
    "int_parsing_size": _NUMBER,
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "greater_than": "must be more than {gt}",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "literal_error": "must be {expected}",
    "value_error": "{error}",
    **dict.fromkeys(_TIMES, A_TIME),
}
"""The message for each type of pydantic's errors. The braces contain fields of the error's context."""
_CLASS_AND_LENGTH = re.compile(r"\^\[(.+)\]\{(\d+),(\d+)\}\$")
"""A pattern that consists of one class of characters and the limits of the length."""
_BEGIN_OF_TIME = re.compile(r"2\d{3}-\d{2}-\d{2}T")
_JSON_POSITION = re.compile(r" at (line \d+) (column \d+)")


def parse[ModelT: BaseModel](model: type[ModelT], data: object, **context: Any) -> ModelT:
    """Return decoded data as a model. ``context`` is passed to validators, such as ``max_message_bytes``.

    Raises:
        InputError: the data is invalid. The error names the fields and shows no text of a message.
    """
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        raise InputError(_problems(model, error)) from None


def parse_json[ModelT: BaseModel](
    model: type[ModelT], content: bytes, *, strict: bool = False, **context: Any
) -> ModelT:
    """Return JSON as a model. If ``strict``, no type is converted: ``"off"`` and ``1`` aren't Booleans.

    Raises:
        InputError: the content isn't JSON or is invalid. The error names the fields and shows no text of a message.
    """
    try:
        return model.model_validate_json(content, strict=strict, context=context)
    except ValidationError as error:
        raise InputError(_problems(model, error)) from None


def parse_strictly[ModelT: BaseModel](model: type[ModelT], data: object, **context: Any) -> ModelT:
    """Return data that Lambda decoded from JSON as a model, without converting types.

    Raises:
        InputError: the data is invalid. The error names the fields and shows no text of a message.
    """
    # Encoded as JSON, because in strict mode pydantic accepts a text as a time only if it reads JSON.
    return parse_json(model, json.dumps(data).encode(), strict=True, **context)


def parse_value[T](adapter: TypeAdapter[T], name: str, value: object) -> T:
    """Return a single value, such as a parameter of a path.

    Raises:
        InputError: the value is invalid. The error has the name.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise InputError([(name, message_of(_details(error)[0]))]) from None


def read_time(value: object) -> datetime:
    """Return a text as a time, for validators that run before pydantic's own. In strict mode pydantic accepts no text.

    Raises:
        ValueError: the value isn't the text of a time. A number isn't: pydantic would read 2026 as a time in 1970.
    """
    try:
        return _TIME.validate_python(value if isinstance(value, str) and _BEGIN_OF_TIME.match(value) else None)
    except ValidationError:
        raise ValueError(A_TIME) from None


def read_stored[T](validate: Callable[..., T], data: object, what: str) -> T:
    """Return data from a table. Data that was valid when it was stored stays readable, even if a limit is lower now.

    Raises:
        UnreadableError: this version of the code can't read the data. The error names the fields and shows no value.
    """
    try:
        return validate(data, context={"max_message_bytes": MAX_STORED_MESSAGE_BYTES, "stored": True})
    except ValidationError as error:
        fields = ", ".join(dict.fromkeys(field_name(detail["loc"]) for detail in _details(error)))
        raise UnreadableError(f"{what} cannot be read by this version of the code: {fields}") from None


def _details(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_url=False)[:MAX_PROBLEMS]


def _problems(model: type[BaseModel], error: ValidationError) -> list[tuple[str, str]]:
    return [_problem(model, detail) for detail in _details(error)]


def _problem(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, str]:
    """Return the field of an error and the message for it."""
    kind, location = detail["type"], detail["loc"]
    if kind in _TAGS:
        name = detail["ctx"]["discriminator"].strip("'")
        tags = _schema_at(model, location)["discriminator"]["mapping"]
        return f"{field_name(location)}.{name}", f"{_TAGS[kind]} {_alternatives(list(tags))}"
    if kind == "extra_forbidden":
        from difflib import get_close_matches

        names = _schema_at(model, location[:-1]).get("properties", {})
        nearest = get_close_matches(str(location[-1])[:MAX_FIELD_CHARACTERS], names, n=1)
        return field_name(location), "unknown field" + (f"; did you mean `{nearest[0]}`?" if nearest else "")
    return field_name(location), message_of(detail)


def message_of(detail: ErrorDetails) -> str:
    """Return the message for an error of pydantic."""
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "string_pattern_mismatch":
            form = _CLASS_AND_LENGTH.fullmatch(context["pattern"])
            characters = ", ".join(re.findall(r".-.|\\?.", form[1])) if form else ""
            return f"must be {form[2]} to {form[3]} characters of {characters}" if form else "has the wrong form"
        case "json_invalid" if not detail["input"].strip():
            return "is empty, but must be JSON"
        case "json_invalid":
            position = _JSON_POSITION.search(context["error"])
            return "isn't valid JSON" + (f": see {position[1]}, {position[2]}" if position else "")
        case "not_this":
            return detail["msg"]
    # In a query, an unescaped + is a space.
    has_space = kind in _TIMES and isinstance(detail["input"], str) and re.search(r"T\S+ \d\d", detail["input"])
    message = re.sub(r"\b1 (\w+)s\b", r"1 \1", _MESSAGES.get(kind, "is invalid").format_map(context))
    return message + ("; in a query write + as %2B, or use Z" if has_space else "")


def _alternatives(values: list[str]) -> str:
    quoted = [f"'{value}'" for value in values]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if quoted[1:] else quoted[0]


@cache
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema()


def _schema_at(model: type[BaseModel], location: Location) -> Mapping[str, Any]:
    """Return the JSON schema of the value at a location."""
    root = node = _schema(model)
    for part in (*location, None):
        while "$ref" in node or "anyOf" in node:
            members = [member for member in node.get("anyOf", ()) if member.get("type") != "null"]
            node = members[0] if members else root["$defs"][node["$ref"].rpartition("/")[2]]
        if part in root.get("$defs", ()):
            node = root["$defs"][part]
        elif "discriminator" in node and part is not None:
            node = {"$ref": node["discriminator"]["mapping"][part]}
        elif part is not None:
            node = node["items"] if isinstance(part, int) else node["properties"][part]
    return node


def _is_union(location: Location) -> bool:
    """Return whether the value at a location is a union, so that the next part of a longer location is a type."""
    return location in _UNIONS or (location[-2:-1] == (_ATTACHMENTS,) and isinstance(location[-1], int))


def field_name(location: Location) -> str:
    """Return a location as a dotted path, without the types that pydantic adds for unions (``whop.create_chat``)."""
    parts = [str(part) for index, part in enumerate(location) if not _is_union(location[:index])]
    return ".".join(parts)[:MAX_FIELD_CHARACTERS] or "body"
