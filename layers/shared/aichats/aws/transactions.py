"""Transactions that insert items and count them: an item that exists already is not counted again."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from typing import Any

from aichats.aws import writes
from aichats.aws.attributes import decode, encode
from aichats.aws.batches import in_batches
from aichats.aws.errors import ResponseError
from aichats.aws.table import TRANSACTION_BYTES, TRANSACTION_ITEMS, Table
from aichats.aws.writes import CONDITION_FAILED, TEMPORARY, Key, reasons_of
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.json_types import Json

TRIES = 20
"""The maximum number of times that a transaction is tried while others are in its way."""


@frozen
class Addition:
    """An addition to numbers of an item. The item is created if it does not exist.

    Attributes:
        amounts: the number to add for each attribute. An attribute that is missing counts as zero.
        assigned: further attributes, which get these values.
        limits: the maximum for the new number of an attribute. If it would be exceeded, the transaction fails.
    """

    table: Table
    key: Key
    amounts: Mapping[str, int | Decimal]
    assigned: Json = field(default_factory=dict)
    limits: Mapping[str, int | Decimal] = field(default_factory=dict)


@frozen
class Insertion:
    """A new item, and the additions to make if the item is new."""

    table: Table
    item: Json
    additions: Sequence[Addition] = ()


class LimitExceededError(AichatsError):
    """An addition would exceed a limit, so nothing was written.

    Attributes:
        current: the item with the numbers as it is now; empty if there is none.
    """

    def __init__(self, current: dict[str, Any]) -> None:
        super().__init__("an addition would exceed a limit")
        self.current = current


def insert_once(insertions: Sequence[Insertion]) -> list[Json | None]:
    """Insert items whose keys are new, each in the same transaction as its additions.

    Returns:
        For each insertion, the existing item with the same key; ``None`` if the new item was written.

    Raises:
        LimitExceededError: an addition would exceed a limit. Nothing of its transaction was written.
        ResponseError: DynamoDB rejected a transaction.
    """
    existing: list[Json | None] = []
    for batch in in_batches(insertions, _size, max_count=TRANSACTION_ITEMS // 2, max_size=TRANSACTION_BYTES):
        existing += _insert_batch(batch)
    return existing


def _insert_batch(insertions: Sequence[Insertion]) -> list[Json | None]:
    """Insert the items of one transaction, or of two if there are too many additions."""
    additions = sum(len(insertion.additions) for insertion in insertions)
    if len(insertions) > 1 and len(insertions) + additions > TRANSACTION_ITEMS:
        half = len(insertions) // 2
        return _insert_batch(insertions[:half]) + _insert_batch(insertions[half:])
    existing: dict[int, Json] = {}
    left = dict(enumerate(insertions))
    while left:
        found = _transact(list(left.values()))
        existing |= {list(left)[place]: item for place, item in found.items()}
        if not found:
            break
        left = {index: insertion for index, insertion in left.items() if index not in existing}
    return [existing.get(index) for index in range(len(insertions))]


def _transact(insertions: Sequence[Insertion]) -> dict[int, Json]:
    """Try to insert all items. If some exist, write nothing and return these, by index."""
    merged = list(_merged(addition for insertion in insertions for addition in insertion.additions))
    requests = [{"Put": _put(insertion)} for insertion in insertions] + [{"Update": _update(each)} for each in merged]
    client = insertions[0].table.client
    for last in (number == TRIES - 1 for number in range(TRIES)):
        try:
            client.transact_write_items(TransactItems=requests)
        except ResponseError as error:
            reasons = reasons_of(error)
            failed = {
                index: decode(reason.get("Item", {})) for index, reason in enumerate(reasons) if _has_failed(reason)
            }
            existing: dict[int, Json] = {index: item for index, item in failed.items() if index < len(insertions)}
            if existing:
                return existing
            if failed:
                raise LimitExceededError(next(iter(failed.values()))) from error
            codes = {error.response["Error"]["Code"], *(reason["Code"] for reason in reasons)}
            if last or codes.isdisjoint(TEMPORARY) or remaining(default=math.inf) <= 0:
                raise
            writes.pause()
        else:
            break
    return {}


def _has_failed(reason: Json) -> bool:
    return bool(reason["Code"] == CONDITION_FAILED)


def _merged(additions: Iterable[Addition]) -> Iterator[Addition]:
    """Yield one addition for each item, because a transaction may write an item only once."""
    by_item: dict[tuple[str, Key], Addition] = {}
    for addition in additions:
        place = (addition.table.name, addition.key)
        before = by_item.get(place)
        by_item[place] = addition if before is None else _sum(before, addition)
    for addition in by_item.values():
        if addition.assigned or any(addition.amounts.values()):
            yield addition


def _sum(first: Addition, second: Addition) -> Addition:
    names = {*first.amounts, *second.amounts}
    amounts = {name: first.amounts.get(name, 0) + second.amounts.get(name, 0) for name in sorted(names)}
    assigned, limits = {**first.assigned, **second.assigned}, {**first.limits, **second.limits}
    return Addition(first.table, first.key, amounts, assigned, limits)


def _put(insertion: Insertion) -> Json:
    table = insertion.table
    return {
        "TableName": table.name,
        "Item": encode(insertion.item),
        "ConditionExpression": table.is_absent,
        "ExpressionAttributeNames": {f"#{table.key}": table.key},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _update(addition: Addition) -> Json:
    amounts = {name: amount for name, amount in addition.amounts.items() if amount}
    clauses = {
        "ADD": [f"#{name} :{name}" for name in amounts],
        "SET": [f"#{name} = :{name}" for name in addition.assigned],
    }
    # The condition compares the number before the addition. A missing number counts as zero.
    room = {name: limit - amounts.get(name, 0) for name, limit in addition.limits.items()}
    conditions = [
        f"(attribute_not_exists(#{name}) OR #{name} <= :room_{name})" if left >= 0 else f"#{name} <= :room_{name}"
        for name, left in room.items()
    ]
    values = {**amounts, **addition.assigned, **{f"room_{name}": left for name, left in room.items()}}
    request: dict[str, Any] = {
        "TableName": addition.table.name,
        "Key": encode(addition.table.key_attributes(addition.key)),
        "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts),
        "ExpressionAttributeNames": {f"#{name}": name for name in {*amounts, *addition.assigned, *addition.limits}},
        "ExpressionAttributeValues": encode({f":{name}": value for name, value in values.items()}),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return request | ({"ConditionExpression": " AND ".join(conditions)} if conditions else {})


def _size(insertion: Insertion) -> int:
    """Return the approximate size of an item: 2,000 bytes for the names and the short values, and its texts."""
    return 2000 + sum(len(value.encode()) for value in insertion.item.values() if isinstance(value, str))
