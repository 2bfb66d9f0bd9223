"""What DynamoDB's requests under a condition need, and what it answers where the condition does not hold."""

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from aichats.runs.rows import decode, encode


def bound(values: Mapping[str, Any], *expressions: str) -> dict[str, Any]:
    """The names and the values that expressions use."""
    names = {f"#{name}": name for expression in expressions for name in re.findall(r"#(\w+)", expression)}
    found: dict[str, Any] = {"ExpressionAttributeNames": names}
    if values:
        found["ExpressionAttributeValues"] = encode({f":{name}": value for name, value in values.items()})
    return found


def refused_item(error: ClientError) -> dict[str, Any]:
    """What stood against a conditional write; empty if there is no such item.

    Raises:
        ClientError: it failed for another reason.
    """
    response: Mapping[str, Any] = error.response
    if response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    return decode(response.get("Item", {}))
