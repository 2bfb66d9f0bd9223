"""The content of secrets: JSON objects, and the errors that say what to type if a secret can't be used."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aichats.errors import SecretError
from aichats.records import Record, RecordError, instance_of

if TYPE_CHECKING:
    from aichats.json_types import JsonObject
    from aichats.records import Place

MAX_SECRET_BYTES = 65_536
"""The maximum size of a secret in Secrets Manager."""

MAX_API_KEY_CHARACTERS = 4096
_MILLISECONDS_FROM = 20_000_000_000
"""A number from which a time is in milliseconds. In seconds, it would be in the year 2603."""


def read_key(value: object) -> str:
    """Return a key or a token.

    Raises:
        ValueError: it isn't one.
    """
    key = read_text(value)
    # Without a pattern, which would be compiled at each cold start: the characters from ! to ~.
    if not (0 < len(key) <= MAX_API_KEY_CHARACTERS and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(f"must have 1 to {MAX_API_KEY_CHARACTERS} characters, without spaces")
    return key


def read_text(value: object) -> str:
    """Return a text.

    Raises:
        ValueError: it isn't a text, or has half of a surrogate pair.
    """
    text = instance_of(str, value, "must be a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is invalid") from None
    return text


def read_timestamp(value: object) -> datetime:
    """Return a time that is stored in Unix seconds. A text in ISO 8601 with a time zone is accepted too.

    Raises:
        ValueError: it is something else.
    """
    try:
        if isinstance(value, int | float):
            seconds = value / 1000 if abs(value) > _MILLISECONDS_FROM else value
            return datetime.fromtimestamp(seconds, UTC)
        time = datetime.fromisoformat(read_text(value))
    except (ValueError, OverflowError, OSError):
        raise ValueError("is invalid") from None
    if time.tzinfo is None:
        raise ValueError("is invalid")
    return time


def parse_secret[SecretT: Record](
    model: type[SecretT], name: str, value: JsonObject, *, or_empty: bool = False
) -> SecretT:
    """Return a secret as its record.

    Args:
        model: the record of the secret's content.
        name: the secret's name.
        value: the secret's content.
        or_empty: whether ``{}`` is valid.

    Raises:
        SecretError: the secret is empty or malformed. The message names fields but shows no values.
    """
    if not value and not or_empty:
        raise SecretError(name, "is empty", remedy(name))
    try:
        return model.of(value)
    except RecordError as error:
        problems: dict[str, str] = {}
        for place, problem in error.problems:
            field = _field(place)
            # A field with several errors is described as a whole.
            problems[field] = "is invalid" if field in problems else problem
        shown = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
        raise SecretError(name, f"is malformed ({shown})", remedy(name)) from None


def _field(place: Place) -> str:
    """Return the name of a field, with the company if it is the entry of one. No other key is shown."""
    if len(place) > 1 and re.fullmatch(r"biz_[A-Za-z0-9]{1,64}", str(place[1])):
        return f"{place[0]}.{place[1]}"
    return str(place[0]) if place else "value"


def remedy(name: str) -> str:
    """Return a sentence with the command that stores a secret.

    The secret's name is ``aichats/<stage>/<name>``, or that of a connection, ``aichats/<stage>/whop/<connection>``.
    """
    last = name.rsplit("/", 1)[-1]
    if is_connection(name):
        command = f"aichats admin connect --stack <stack> --connection {last} --client-id <app_...>"
        return f"To connect a Whop account, type: {command}"
    if last == "callers":
        command = "aichats admin callers add <name> --scopes chats:read,chats:write --stack <stack>"
        return f"To create a caller, type: {command}"
    return f"To store it, type: aichats admin secret set {last} --stack <stack>"


def is_connection(name: str) -> bool:
    """Return whether a name is ``aichats/<stage>/whop/<connection>``."""
    return name.split("/")[-2:-1] == ["whop"]


def parse_object(name: str, text: str | None) -> dict[str, Any]:
    """Return the text of a secret as a JSON object.

    Raises:
        SecretError: the text is missing, too large or no JSON object. The message does not show it.
    """
    if text is None:
        raise SecretError(name, "contains binary data", remedy(name))
    if len(text.encode(errors="surrogatepass")) > MAX_SECRET_BYTES:
        raise SecretError(name, f"is larger than {MAX_SECRET_BYTES} bytes", remedy(name))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise SecretError(name, "is not JSON", remedy(name)) from None
    if not isinstance(value, dict):
        raise SecretError(name, "is not a JSON object", remedy(name))
    return value
