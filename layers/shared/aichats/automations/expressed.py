"""The table of automations as DynamoDB has it: requests under a condition, and what stands against one."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from aichats.aws.table import Call, Json, decode, encode

_CONFLICTS = {"TransactionConflict", "TransactionConflictException"}
_PAUSE = 0.05
"""Seconds, in which the other transaction ends."""

NEW = "attribute_not_exists(#name)"
UNCHANGED = "#etag = :etag AND #state = :state"


class DynamoDB(Protocol):
    """The part of boto3's client that is used here."""

    @property
    def get_item(self) -> Call:
        """Read one item."""

    @property
    def put_item(self) -> Call:
        """Write one item."""

    @property
    def update_item(self) -> Call:
        """Change one item."""

    @property
    def delete_item(self) -> Call:
        """Remove one item."""

    @property
    def scan(self) -> Call:
        """Read a page of all items."""

    @property
    def query(self) -> Call:
        """Read a page of an index."""

    @property
    def batch_get_item(self) -> Call:
        """Read up to 100 items."""

    @property
    def transact_write_items(self) -> Call:
        """Write several items, all or none."""


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
    if _code(error) != "ConditionalCheckFailedException":
        raise error
    return decode(response.get("Item", {}))


def pages(call: Call, **request: Any) -> Iterator[Mapping[str, Any]]:
    """The items of all pages of a scan or query."""
    more: dict[str, Any] = {}
    while True:
        answer: Mapping[str, Any] = call(**request, **more)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def conditional(
    client: DynamoDB, kind: Literal["Put", "Update", "Delete"], request: Json, also: Sequence[Json]
) -> dict[str, Any] | None:
    """Write a row under a condition, in one transaction with other writes if there are any.

    Returns:
        The item that stands against it; empty if there is none. ``None``: it was written.
    """
    alone = {"Put": client.put_item, "Update": client.update_item, "Delete": client.delete_item}
    try:
        if also:
            _twice_at_conflict(client.transact_write_items, TransactItems=[{kind: request}, *also])
        else:
            _twice_at_conflict(alone[kind], **request)
    except ClientError as error:
        return _refused_transaction(error) if also else refused_item(error)
    return None


def _refused_transaction(error: ClientError) -> dict[str, Any]:
    """What stood against the first write of a transaction; empty if there is no such item.

    Raises:
        ClientError: it failed for another reason than a condition.
    """
    reasons = _reasons(error)
    if {reason.get("Code", "None") for reason in reasons} != {"None", "ConditionalCheckFailed"}:
        raise error
    return decode(reasons[0].get("Item", {}))


def _twice_at_conflict(call: Call, **request: Any) -> Any:
    """Make a call; if another transaction is at work on the same items, make it once more."""
    try:
        return call(**request)
    except ClientError as error:
        codes = {_code(error), *(reason.get("Code") for reason in _reasons(error))}
        if codes.isdisjoint(_CONFLICTS):
            raise
    time.sleep(_PAUSE)
    return call(**request)


def _code(error: ClientError) -> str:
    response: Mapping[str, Any] = error.response
    return str(response["Error"]["Code"])


def _reasons(error: ClientError) -> list[Mapping[str, Any]]:
    response: Mapping[str, Any] = error.response
    return list(response.get("CancellationReasons", []))
