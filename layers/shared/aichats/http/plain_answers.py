"""Reads answers without a model, because pydantic's import takes a third of a cold start.

A plain reader accepts only what the model certainly accepts, and returns what the model would write. The model decides
on everything else, and explains what is wrong.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aichats.http.answers import ProviderAnswer
    from aichats.json_types import Json

MAX_LEVELS = 50
"""The maximum number of nested levels that a plain reader accepts. Pydantic accepts about 200."""
MAX_DIGITS = 18
"""The maximum number of digits of a number that a plain reader accepts."""
MAX_DECIMAL_PLACES = 6
"""The maximum number of decimal places of a number that a plain reader accepts."""
MAX_TIME_CHARACTERS = len("2026-11-20T09:00:00.123456")

type FieldReader = Callable[[Any], Any]
"""Returns a value as the model writes it in JSON. Raises ValueError, TypeError or KeyError if that is not certain."""


class PlainAnswer:
    """An object of a provider, without a model.

    Args:
        fields: the fields that aichats knows and the provider sent, as the model writes them in JSON.
        whole: the object with all its fields, which the model accepts.
    """

    def __init__(self, fields: Json, whole: Json) -> None:
        self.fields, self.whole = fields, whole

    @property
    def id(self) -> str:
        """The id of the object."""
        return str(self.fields["id"])


def read_plainly[T](answer: ProviderAnswer, plain: Callable[[Any], T], by_model: Callable[[], T]) -> T:
    """Return the body of an answer.

    Args:
        answer: the answer.
        plain: reads the decoded body. Raises ValueError, TypeError or KeyError unless the model certainly accepts it.
        by_model: reads the answer with the model.

    Raises:
        ProtocolError: the model can't read the body.
    """
    try:
        return plain(_decoded(answer.content))
    except (ValueError, TypeError, KeyError, RecursionError):
        return by_model()


def _decoded(content: bytes) -> Any:
    """Return decoded JSON.

    Raises:
        ValueError: the body is not JSON, or only Python's parser accepts it.
    """
    # Python's parser accepts half a surrogate pair. Pydantic's parser rejects it.
    if b"\\ud" in content or b"\\uD" in content:
        raise ValueError("the body may have half of a surrogate pair")
    body = json.loads(content.decode(), parse_constant=_no_constant)
    if content.count(b"{") + content.count(b"[") > MAX_LEVELS and not _is_shallow(body, MAX_LEVELS):
        raise ValueError("the body has many nested levels")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return levels > 0 and all(_is_shallow(part, levels - 1) for part in inner)


def object_with(
    body: Any, required: Mapping[str, FieldReader], optional: Mapping[str, FieldReader] | None = None
) -> dict[str, Any]:
    """Return the fields of an object that have a reader. Raise KeyError if a required field is missing."""
    if type(body) is not dict:
        raise TypeError("not an object")
    fields = {name: read(body[name]) for name, read in required.items()}
    for name, read in (optional or {}).items():
        if name in body:
            fields[name] = read(body[name])
    return fields


def list_of(value: Any) -> list[Any]:
    """Return a list. Raise TypeError if the value isn't one."""
    if type(value) is not list:
        raise TypeError("not a list")
    return value


def plain_text(value: Any) -> str:
    """Return a text. Raise TypeError if the value isn't one."""
    if type(value) is not str:
        raise TypeError("not a text")
    return value


def plain_text_or_none(value: Any) -> str | None:
    """Return a text or ``None``. Raise TypeError if the value is neither."""
    return None if value is None else plain_text(value)


def whole_number(value: Any) -> int:
    """Return a number of at most 18 digits. Raise TypeError or ValueError if the value isn't one."""
    if type(value) is not int:
        raise TypeError("not a whole number")
    if not 0 <= value < 10**MAX_DIGITS:
        raise ValueError("too many digits or a negative number")
    return value


def decimal_text(value: Any) -> str:
    """Return a decimal number, which was sent as a text or a whole number, as a text.

    Raises:
        TypeError, ValueError: the value isn't such a number, or has more than 18 digits or 6 decimal places.
    """
    if type(value) is not str:
        return str(whole_number(value))
    whole, point, places = value.partition(".")
    digits = whole + (places or "x" if point else "")
    # The model would write other numbers in another form, such as 1 for 01 and 1E-7 for 0.0000001.
    is_short = len(digits) <= MAX_DIGITS and len(places) <= MAX_DECIMAL_PLACES
    if not (is_short and digits.isascii() and digits.isdecimal() and whole == str(int(whole or "x"))):
        raise ValueError("not a plain decimal number")
    return value


def time_text(value: Any) -> str:
    """Return a time in UTC such as ``2026-11-20T09:00:00.5Z`` with no fraction of a second, or with six digits of it.

    Raises:
        TypeError, ValueError: the value isn't such a time.
    """
    begin, zone = plain_text(value)[:-1], value[-1:]
    time = datetime.fromisoformat(begin)
    # Python accepts other forms too, such as 20261120T09.
    has_form = time.isoformat(timespec="seconds") == begin.partition(".")[0] and len(begin) <= MAX_TIME_CHARACTERS
    if zone != "Z" or not has_form:
        raise ValueError("not a time in UTC")
    return f"{time.isoformat()}Z"


def time_text_or_none(value: Any) -> str | None:
    """Return a time as :func:`time_text` does, or ``None``. Raise TypeError or ValueError if the value is neither."""
    return None if value is None else time_text(value)
