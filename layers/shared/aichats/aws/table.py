"""One DynamoDB table: conditional writes that tell what stood against them, and reads of its indexes."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from aichats.aws.parts import parts

TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 3_000_000
"""Under DynamoDB's 4 MB for all items of a transaction."""
NEW = "attribute_not_exists(run_id)"
BATCH_READS = 3
"""How often a batch is asked for what DynamoDB left out of its answer, before the rest is read one by one."""

type Call = Callable[..., Any]
type Json = Mapping[str, Any]


class DynamoDB(Protocol):
    """The part of boto3's client that is used here."""

    @property
    def update_item(self) -> Call:
        """Change one item."""

    @property
    def get_item(self) -> Call:
        """Read one item."""

    @property
    def batch_get_item(self) -> Call:
        """Read several items."""

    @property
    def put_item(self) -> Call:
        """Write one item."""

    @property
    def query(self) -> Call:
        """Read a page of an index."""

    @property
    def transact_write_items(self) -> Call:
        """Write several items, all or none."""


class ConditionFailedError(Exception):
    """A conditional write was refused.

    Attributes:
        stands: the item as it is; empty if there is none.
    """

    def __init__(self, stands: dict[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.stands = stands


@dataclass(frozen=True)
class Update:
    """A change of one item, by itself or as part of a transaction.

    Attributes:
        key: the item's.
        changes: what is set; ``None`` removes.
        condition: which must hold.
        values: what the condition compares with.
        remove: further attributes to remove.
        count: names a number that grows by one.
    """

    key: str
    changes: Json
    condition: str
    values: Json | None = None
    remove: Sequence[str] = ()
    count: str | None = None

    @property
    def given(self) -> Json:
        """What is set."""
        return {name: value for name, value in self.changes.items() if value is not None}

    def request(self, table: str) -> dict[str, Any]:
        """Return the change as DynamoDB's wire wants it."""
        gone = [*self.remove, *(name for name in self.changes if name not in self.given)]
        expression = f"SET {', '.join(f'#{name} = :{name}' for name in self.given)}"
        expression += f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        expression += f" ADD #{self.count} :one" if self.count else ""
        bound = {**self.given, **(self.values or {}), **({"one": 1} if self.count else {})}
        return {
            "TableName": table,
            "Key": {"run_id": {"S": self.key}},
            "UpdateExpression": expression,
            "ConditionExpression": self.condition,
            "ExpressionAttributeNames": _names(expression, self.condition),
            "ExpressionAttributeValues": encode({f":{name}": value for name, value in bound.items()}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


@dataclass(frozen=True)
class Table:
    """The table. Its key is ``run_id``."""

    client: DynamoDB
    table: str

    def insert(self, items: Sequence[Json]) -> list[Json | None]:
        """Write new items, each if there is none with its key.

        Returns:
            For each the item that is there already; ``None``: it was written.
        """
        found: list[Json | None] = []
        for part in fitting(items):
            if len(part) == 1:
                found.append(self._insert(part[0]))
                continue
            against = self._transact([{"Put": self._put(item) | _TELL} for item in part])
            found += [against.get(index) for index in range(len(part))]
        return found

    def _insert(self, item: Json) -> Json | None:
        """Write one new item, which costs half of what a transaction does. Return what is there already."""
        try:
            self.put(item)
        except ConditionFailedError as error:
            return error.stands
        return None

    def put(self, item: Json) -> None:
        """Write a new item.

        Raises:
            ConditionFailedError: there is one with its key.
        """
        try:
            _patiently(self.client.put_item, **self._put(item), **_TELL)
        except ClientError as error:
            raise ConditionFailedError(_refused_item(error)) from error

    def overwrite(self, items: Sequence[Json]) -> None:
        """Write items, whatever is there."""
        for part in fitting(items):
            puts = [{"TableName": self.table, "Item": encode(item)} for item in part]
            if len(puts) == 1:
                _patiently(self.client.put_item, **puts[0])
            else:
                self._transact([{"Put": put} for put in puts])

    def get(self, run_id: str) -> dict[str, Any] | None:
        """An item as of now; ``None`` if there is none."""
        answer = self.client.get_item(TableName=self.table, Key={"run_id": {"S": run_id}}, ConsistentRead=True)
        return decode(answer["Item"]) if "Item" in answer else None

    def get_all(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return up to 100 items as of now, in this order, without those that are not there."""
        found: dict[str, dict[str, Any]] = {}
        left: list[Json] = [{"run_id": {"S": run_id}} for run_id in run_ids]
        for _ in range(BATCH_READS):
            if not left:
                break
            answer = self.client.batch_get_item(RequestItems={self.table: {"Keys": left, "ConsistentRead": True}})
            for item in map(decode, answer["Responses"].get(self.table, [])):
                found[item["run_id"]] = item
            left = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
        for run_id in (decode(key)["run_id"] for key in left):
            if (single := self.get(run_id)) is not None:
                found[run_id] = single
        return [found[run_id] for run_id in run_ids if run_id in found]

    def update(
        self,
        run_id: str,
        changes: Json,
        condition: str,
        values: Json | None = None,
        *,
        remove: Sequence[str] = (),
        count: str | None = None,
        tell_old: bool = False,
    ) -> dict[str, Any]:
        """Change an item: ``changes`` are set (``None`` removes). ``count`` names a number that grows by one.

        Returns:
            The item as it was before, if ``tell_old``; empty if there was none.

        Raises:
            ConditionFailedError: the condition does not hold.
        """
        change = Update(run_id, changes, condition, values, remove, count)
        told = "ALL_OLD" if tell_old else "NONE"
        try:
            answer = _patiently(self.client.update_item, **change.request(self.table), ReturnValues=told)
        except ClientError as error:
            stands = _refused_item(error)
            if stands and all(stands.get(name) == value for name, value in change.given.items()):
                # It is what we wrote: boto3 repeated the write, because its first answer got lost.
                return stands
            raise ConditionFailedError(stands) from error
        return decode(answer.get("Attributes", {}))

    def update_all(self, changes: Sequence[Update]) -> int:
        """Make up to 100 changes, each if its condition holds. Return how many were made."""
        return len(changes) - len(self._transact([{"Update": change.request(self.table)} for change in changes]))

    def query(
        self, index: str, condition: str, values: Json, only: Json, *, start: Json | None, **options: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """A page of an index, and where the next one starts.

        ``only`` are attributes that must have just this value; ``None``: that must not be there. ``options`` are
        DynamoDB's own.
        """
        given = {name: value for name, value in only.items() if value is not None}
        wanted = " AND ".join(
            f"#{name} = :{name}" if name in given else f"attribute_not_exists(#{name})" for name in only
        )
        if start:
            options["ExclusiveStartKey"] = encode(start)
        if wanted:
            options["FilterExpression"] = wanted
        answer: Mapping[str, Any] = self.client.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=_names(condition, wanted),
            ExpressionAttributeValues=encode({f":{name}": value for name, value in {**values, **given}.items()}),
            **options,
        )
        following = answer.get("LastEvaluatedKey")
        return [decode(item) for item in answer["Items"]], decode(following) if following else None

    def _put(self, item: Json) -> dict[str, Any]:
        return {"TableName": self.table, "Item": encode(item), "ConditionExpression": NEW}

    def _transact(self, writes: Sequence[Json]) -> dict[int, Json]:
        """Make each write whose condition holds. Return what stands against the others, by their index.

        A write that another one is in the way of, or that is throttled, is repeated once.
        """
        against: dict[int, Json] = {}
        left, may_wait = dict(enumerate(writes)), True
        while left:
            try:
                self.client.transact_write_items(TransactItems=list(left.values()))
            except ClientError as error:
                reasons = dict(zip(left, _reasons(error), strict=True))
                failed = {index: reason for index, reason in reasons.items() if reason["Code"] == CONDITION_FAILED}
                if not failed:
                    if not may_wait or not any(reason["Code"] in PASSING for reason in reasons.values()):
                        raise
                    may_wait = False
                    pause()
                against |= {index: decode(reason.get("Item", {})) for index, reason in failed.items()}
                left = {index: write for index, write in left.items() if index not in failed}
            else:
                break
        return against


CONDITION_FAILED = "ConditionalCheckFailed"
PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Reasons of a cancelled transaction that pass."""
_TELL = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def pause() -> None:
    """Wait until a transaction that is in the way is over. Two that meet do not come back together."""
    time.sleep(random.SystemRandom().uniform(0.05, 0.15))


def _patiently(call: Call, **request: Any) -> Any:
    """Make a call; once more if a transaction is in the way."""
    try:
        return call(**request)
    except ClientError as error:
        if _code(error) != "TransactionConflictException":
            raise
    pause()
    return call(**request)


def fitting(items: Sequence[Json]) -> Iterator[list[Json]]:
    """Split items into parts that each fit into one transaction."""
    return parts(items, _size, most=TRANSACTION_ITEMS, most_size=TRANSACTION_BYTES)


def _size(item: Json) -> int:
    # As the wire has it: what is not ASCII is escaped. The names and short values are in the allowance.
    return 2000 + sum(len(json.dumps(value)) for value in item.values() if isinstance(value, str))


def _names(*expressions: str) -> dict[str, str]:
    """Every ``#name`` of the expressions: none can then be one of DynamoDB's reserved words."""
    return {f"#{name}": name for expression in expressions for name in re.findall(r"#(\w+)", expression)}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _reasons(error: ClientError) -> Sequence[Mapping[str, Any]]:
    """Return what stood against each write of a transaction.

    Raises:
        ClientError: it was not cancelled, but failed for another reason.
    """
    response: Mapping[str, Any] = error.response
    if _code(error) != "TransactionCanceledException" or "CancellationReasons" not in response:
        raise error
    reasons: Sequence[Mapping[str, Any]] = response["CancellationReasons"]
    return reasons


def _refused_item(error: ClientError) -> dict[str, Any]:
    """What stood against a conditional write; empty if there is no such item.

    Raises:
        ClientError: it failed for another reason.
    """
    if _code(error) != "ConditionalCheckFailedException":
        raise error
    response: Mapping[str, Any] = error.response
    return decode(response.get("Item", {}))


def encode(attributes: Json) -> dict[str, Any]:
    """Attributes as DynamoDB's wire wants them: texts, whole numbers, truth values, and maps and lists of these."""
    return {name: _encode(value) for name, value in attributes.items()}


def decode(item: Json) -> dict[str, Any]:
    """Attributes from DynamoDB's wire."""
    return {name: _decode(value) for name, value in item.items()}


def _encode(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": encode(value)}
        case list():
            return {"L": [_encode(part) for part in value]}
        case _:
            raise TypeError(f"a table keeps no {type(value).__name__}")


def _decode(value: Json) -> Any:
    match value:
        case {"N": number}:
            return int(number)
        case {"M": attributes}:
            return decode(attributes)
        case {"L": parts}:
            return [_decode(part) for part in parts]
        case _:
            [plain] = value.values()
            return plain
