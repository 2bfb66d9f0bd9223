"""The content of secrets: JSON objects, and the errors that say what to type if a secret can't be used."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from aichats.errors import SecretError
from aichats.json_types import JsonObject

MAX_SECRET_BYTES = 65_536
"""The maximum size of a secret in Secrets Manager."""

_PROBLEMS = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_pattern_mismatch": "must have 1 to 4096 characters, without spaces",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "too_long": "has too many elements",
}
"""The message for each type of pydantic's errors in a secret."""

type ApiKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}$")]


def parse_secret[SecretT: BaseModel](
    model: type[SecretT], name: str, value: JsonObject, *, or_empty: bool = False
) -> SecretT:
    """Return a secret as its model.

    Args:
        model: the model of the secret's content.
        name: the secret's name.
        value: the secret's content.
        or_empty: whether ``{}`` is valid.

    Raises:
        SecretError: the secret is empty or malformed. The message names fields but shows no values.
    """
    if not value and not or_empty:
        raise SecretError(name, "is empty", remedy(name))
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for detail in error.errors(include_input=False, include_url=False):
            field = _field(detail["loc"])
            # A field of several types has an error for each of them.
            problems[field] = "is invalid" if field in problems else _PROBLEMS.get(detail["type"], "is invalid")
        shown = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
        raise SecretError(name, f"is malformed ({shown})", remedy(name)) from None


def _field(place: Sequence[int | str]) -> str:
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
