"""The attributes of items in DynamoDB's wire format: strings, numbers, Booleans, and maps and lists of these."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def encode(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes in DynamoDB's wire format.

    Raises:
        TypeError: a value has another type.
    """
    return {name: _encode(value) for name, value in attributes.items()}


def decode(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes from DynamoDB's wire format."""
    return {name: _decode(value) for name, value in item.items()}


def _encode(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case Decimal():
            return {"N": format(value, "f")}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": encode(value)}
        case list():
            return {"L": [_encode(element) for element in value]}
        case _:
            raise TypeError(f"a table cannot store a {type(value).__name__}")


def _decode(value: Mapping[str, Any]) -> Any:
    match value:
        case {"N": number}:
            return int(number) if number.lstrip("-").isdecimal() else Decimal(number)
        case {"M": attributes}:
            return decode(attributes)
        case {"L": elements}:
            return [_decode(element) for element in elements]
        case _:
            [plain] = value.values()
            return plain
