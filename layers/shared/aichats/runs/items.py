"""One DynamoDB table: conditional writes that tell what stood against them, and reads of its indexes."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from aichats.runs.rows import Json, decode, encode

TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 3_000_000
"""Under DynamoDB's 4 MB for all items of a transaction."""
NEW = "attribute_not_exists(run_id)"

type Call = Callable[..., Any]


class DynamoDB(Protocol):
    """The part of boto3's client that is used here."""

    @property
    def update_item(self) -> Call:
        """Change one item."""

    @property
    def get_item(self) -> Call:
        """Read one item."""

    @property
    def put_item(self) -> Call:
        """Write one item."""

    @property
    def query(self) -> Call:
        """Read a page of an index."""

    @property
    def batch_get_item(self) -> Call:
        """Read up to 100 items."""

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
class Items:
    """The table. Its key is ``run_id``."""

    client: DynamoDB
    table: str

    def put_all(self, items: Sequence[Json]) -> bool:
        """Write new items, all or none. Whether they were written."""
        puts = [{"Put": self._put(item)} for item in items]
        try:
            self.client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if _code(error) == "TransactionCanceledException":
                return False
            raise
        return True

    def put(self, item: Json) -> None:
        """Write a new item.

        Raises:
            ConditionFailedError: there is one with its key.
        """
        try:
            self.client.put_item(**self._put(item), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        except ClientError as error:
            raise ConditionFailedError(_refused_item(error)) from error

    def get(self, run_id: str) -> dict[str, Any] | None:
        """An item as of now; ``None`` if there is none."""
        answer = self.client.get_item(TableName=self.table, Key={"run_id": {"S": run_id}}, ConsistentRead=True)
        return decode(answer["Item"]) if "Item" in answer else None

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
        given = {name: value for name, value in changes.items() if value is not None}
        gone = [*remove, *(name for name in changes if name not in given)]
        sets = [f"#{name} = :{name}" for name in given]
        expression = f"SET {', '.join(sets)}"
        expression += f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        expression += f" ADD #{count} :one" if count else ""
        bound = {**given, **(values or {}), **({"one": 1} if count else {})}
        try:
            answer = self.client.update_item(
                TableName=self.table,
                Key={"run_id": {"S": run_id}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=_names(expression, condition),
                ExpressionAttributeValues=encode({f":{name}": value for name, value in bound.items()}),
                ReturnValues="ALL_OLD" if tell_old else "NONE",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            stands = _refused_item(error)
            if stands and all(stands.get(name) == value for name, value in given.items()):
                # It is what we wrote: boto3 repeated the write, because its first answer got lost.
                return stands
            raise ConditionFailedError(stands) from error
        return decode(answer.get("Attributes", {}))

    def query(
        self, index: str, condition: str, values: Json, only: Json, *, start: Json | None, **options: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """A page of an index, and where the next one starts.

        ``only`` are attributes that must have just this value. ``options`` are DynamoDB's own.
        """
        wanted = " AND ".join(f"#{name} = :{name}" for name in only)
        if start:
            options["ExclusiveStartKey"] = encode(start)
        if wanted:
            options["FilterExpression"] = wanted
        answer: Mapping[str, Any] = self.client.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=_names(condition, wanted),
            ExpressionAttributeValues=encode({f":{name}": value for name, value in {**values, **only}.items()}),
            **options,
        )
        following = answer.get("LastEvaluatedKey")
        return [decode(item) for item in answer["Items"]], decode(following) if following else None

    def _put(self, item: Json) -> dict[str, Any]:
        return {"TableName": self.table, "Item": encode(item), "ConditionExpression": NEW}


def together(items: Sequence[Json]) -> int:
    """How many of the items fit into one transaction, whichever they are."""
    # As the wire has it: what is not ASCII is escaped.
    largest = max((len(json.dumps(action)) for action in {item["action"] for item in items}), default=0)
    return max(1, min(TRANSACTION_ITEMS, TRANSACTION_BYTES // (largest + 2000)))


def _names(*expressions: str) -> dict[str, str]:
    """Every ``#name`` of the expressions: none can then be one of DynamoDB's reserved words."""
    return {f"#{name}": name for expression in expressions for name in re.findall(r"#(\w+)", expression)}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused_item(error: ClientError) -> dict[str, Any]:
    """What stood against a conditional write; empty if there is no such item.

    Raises:
        ClientError: it failed for another reason.
    """
    if _code(error) != "ConditionalCheckFailedException":
        raise error
    response: Mapping[str, Any] = error.response
    return decode(response.get("Item", {}))
