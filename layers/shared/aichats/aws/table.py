"""DynamoDB: conditional writes, transactions and reads of one table."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import batched
from typing import Any, Literal, Protocol

from aichats.aws import writes
from aichats.aws.attributes import decode, encode
from aichats.aws.batches import in_batches
from aichats.aws.errors import ResponseError, code_of
from aichats.aws.writes import (
    CONDITION_FAILED,
    Call,
    ConditionFailedError,
    ExtraWrites,
    Key,
    Update,
    is_own_write,
    reasons_of,
    rejected_item,
    retry_write,
)
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.json_types import Json

TRANSACTION_ITEMS = 100
"""The maximum number of items in a transaction of DynamoDB."""
TRANSACTION_BYTES = 3_000_000
"""The maximum size of the items that a transaction inserts. DynamoDB's limit is 4 MB."""
BATCH_KEYS = 100
"""The maximum number of keys in a batch read of DynamoDB."""
BATCH_READS = 3
"""The maximum number of batch reads for the same keys. Any keys that remain are read one by one."""
NOT_TOGETHER = {"TransactionCanceledException", "ValidationException"}
"""Codes of a transaction whose writes may still succeed in smaller transactions."""
NO_EXTRA_WRITES = ExtraWrites()
NO_VALUES: Json = {}


class DynamoDB(Protocol):
    """The methods of the client that this module uses."""

    def get_item(self, *args: Any, **request: Any) -> Any:
        """Read an item."""

    def batch_get_item(self, *args: Any, **request: Any) -> Any:
        """Read up to 100 items."""

    def put_item(self, *args: Any, **request: Any) -> Any:
        """Write an item."""

    def update_item(self, *args: Any, **request: Any) -> Any:
        """Change an item."""

    def delete_item(self, *args: Any, **request: Any) -> Any:
        """Delete an item."""

    def transact_write_items(self, *args: Any, **request: Any) -> Any:
        """Write up to 100 items: all or none."""

    def query(self, *args: Any, **request: Any) -> Any:
        """Read a page of an index, for one partition key."""

    def scan(self, *args: Any, **request: Any) -> Any:
        """Read a page of a table or an index."""


@frozen
class Table:
    """One table. Safe to share between threads.

    Two rules apply to every conditional write. While another transaction is in the way, the write is retried. If the
    item already is as the write would leave it, the write succeeds, because the client repeats a write after a lost
    response.

    Attributes:
        name: the table's name.
        key: the name of the partition key.
        sort: the name of the sort key; ``None`` if the table has none.
    """

    client: DynamoDB
    name: str
    key: str = "run_id"
    sort: str | None = None

    @property
    def is_absent(self) -> str:
        """The condition that the item does not exist."""
        return f"attribute_not_exists(#{self.key})"

    @property
    def is_present(self) -> str:
        """The condition that the item exists."""
        return f"attribute_exists(#{self.key})"

    def key_of(self, item: Json) -> Key:
        """Return the key of an item."""
        key: Key = item[self.key] if self.sort is None else (item[self.key], item[self.sort])
        return key

    def key_attributes(self, key: Key) -> Json:
        """Return the attributes of a key."""
        return {self.key: key} if isinstance(key, str) else {self.key: key[0], str(self.sort): key[1]}

    # ------------------------------------------------------------------ writes

    def insert(self, items: Sequence[Json]) -> list[Json | None]:
        """Write each item whose key is new. A single item is written without a transaction, at half the cost.

        Returns:
            For each item, the existing item with the same key; ``None`` if the new item was written.
        """
        existing: list[Json | None] = []
        for batch in split_for_transactions(items):
            if len(batch) == 1:
                existing.append(self._insert(batch[0]))
                continue
            current_items = self._transact([{"Put": self._put(item, self.is_absent)} for item in batch])
            existing += [current_items.get(index) for index in range(len(batch))]
        return existing

    def _insert(self, item: Json) -> Json | None:
        try:
            self.put(item)
        except ConditionFailedError as error:
            return error.current_item
        return None

    def put(
        self, item: Json, condition: str | None = None, values: Json = NO_VALUES, extra: ExtraWrites = NO_EXTRA_WRITES
    ) -> None:
        """Write an item if a condition is met. Without a condition, the item's key must be new.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was written.
        """
        self._write("Put", self._put(item, condition or self.is_absent, values), extra, item)

    def overwrite(self, items: Sequence[Json]) -> None:
        """Write items without a condition."""
        for batch in split_for_transactions(items):
            puts = [self._request(Item=encode(item)) for item in batch]
            if len(puts) == 1:
                retry_write(self.client.put_item, puts[0])
            else:
                self._transact([{"Put": put} for put in puts])

    def update(
        self,
        key: Key,
        changes: Json,
        condition: str,
        values: Json = NO_VALUES,
        *,
        remove: Sequence[str] = (),
        count: str | None = None,
        extra: ExtraWrites = NO_EXTRA_WRITES,
        return_old: bool = False,
    ) -> dict[str, Any]:
        """Change an item. See :class:`Update` for the arguments.

        Returns:
            If ``return_old``, the item before the change; empty if there was none. If the client repeated the write,
            the item as it is now.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was changed.
        """
        update = Update(key, changes, condition, values, remove, count)
        request = self._update(update) | ({"ReturnValues": "ALL_OLD"} if return_old else {})
        return self._write("Update", request, extra, update.assigned)

    def update_all(self, updates: Sequence[Update]) -> None:
        """Make changes, 100 in a transaction. An item that does not meet the condition of its change stays as it is.

        If DynamoDB rejects a transaction as a whole, for example because its items are too large, the transaction is
        split into two.
        """
        for batch in batched(updates, TRANSACTION_ITEMS, strict=False):
            if len(batch) == 1:
                with suppress(ConditionFailedError):
                    self._write("Update", self._update(batch[0]), NO_EXTRA_WRITES, batch[0].assigned)
                continue
            try:
                self._transact([{"Update": self._update(update)} for update in batch])
            except ResponseError as error:
                if code_of(error) not in NOT_TOGETHER:
                    raise
                self.update_all(batch[: len(batch) // 2])
                self.update_all(batch[len(batch) // 2 :])

    def delete(self, key: Key, condition: str, values: Json = NO_VALUES, extra: ExtraWrites = NO_EXTRA_WRITES) -> None:
        """Delete an item if a condition is met. An item that does not exist counts as deleted.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was deleted.
        """
        self._write("Delete", self._conditional(condition, values, Key=self._key(key)), extra, None)

    def _write(
        self, kind: Literal["Put", "Update", "Delete"], request: Json, extra: ExtraWrites, written: Json | None
    ) -> dict[str, Any]:
        """Make a conditional write. Extra writes are made in the same transaction.

        Args:
            kind: the kind of the write.
            request: the write.
            extra: the extra writes.
            written: the attributes that the item has after the write; ``None`` if the write deletes the item.

        Returns:
            The attributes in the response. If the item is already as the write leaves it, the item.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was written.
        """
        puts = [{"Put": self._request(Item=encode(item))} for item in extra.put]
        deletes = [{"Delete": self._request(Key=self._key(key))} for key in extra.delete]
        try:
            if puts or deletes:
                writes = {"TransactItems": [{kind: request}, *puts, *deletes]}
                response = retry_write(self.client.transact_write_items, writes)
            else:
                response = retry_write(getattr(self.client, f"{kind.lower()}_item"), request)
        except ResponseError as error:
            current_item = rejected_item(error)
            if is_own_write(current_item, written):
                return current_item
            raise ConditionFailedError(current_item) from error
        return decode(response.get("Attributes", {}))

    def _transact(self, writes: Sequence[Json]) -> dict[int, Json]:
        """Make each write whose condition is met. Return the current items of the other writes, by index."""
        current_items: dict[int, Json] = {}
        left = dict(enumerate(writes))
        while left:
            try:
                retry_write(self.client.transact_write_items, {"TransactItems": list(left.values())})
            except ResponseError as error:
                reasons = zip(left, reasons_of(error), strict=False)
                failed = {index: reason for index, reason in reasons if reason["Code"] == CONDITION_FAILED}
                if not failed:
                    raise
                current_items |= {index: decode(reason.get("Item", {})) for index, reason in failed.items()}
                left = {index: write for index, write in left.items() if index not in failed}
            else:
                break
        return current_items

    # ------------------------------------------------------------------ reads

    def get(self, key: Key) -> dict[str, Any] | None:
        """Return an item as it is now; ``None`` if there is none."""
        response = self.client.get_item(**self._request(Key=self._key(key), ConsistentRead=True))
        return decode(response["Item"]) if "Item" in response else None

    def get_all(self, keys: Sequence[Key], *, singly: bool = True, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield items as they are now, in the order of their keys. A key without an item is left out.

        Args:
            keys: the keys, without duplicates. 100 are read at a time.
            singly: whether to read items one by one if DynamoDB left them out of three responses. The function's role
                must allow ``dynamodb:GetItem``.
            options: options of DynamoDB, such as ``ProjectionExpression``.

        Raises:
            ResponseError: DynamoDB still left items out when no time remained.
        """
        for batch in batched(keys, BATCH_KEYS, strict=False):
            items: dict[Key, dict[str, Any]] = {}
            unread = list(batch)
            reads = 0
            while unread and not (singly and reads == BATCH_READS):
                if reads:
                    _wait_to_read()
                request = {"ConsistentRead": True, **options, "Keys": [self._key(key) for key in unread]}
                response = self.client.batch_get_item(RequestItems={self.name: request})
                items |= {self.key_of(item): item for item in map(decode, response["Responses"].get(self.name, []))}
                unprocessed = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                unread = [self.key_of(decode(key)) for key in unprocessed]
                reads += 1
            items |= {key: item for key in unread if (item := self.get(key)) is not None}
            yield from (items[key] for key in batch if key in items)

    def query(self, index: str | None, condition: str, values: Json, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of an index that meet a key condition. See :meth:`query_pages` for the arguments."""
        for items, _ in self.query_pages(index, condition, values, **options):
            yield from items

    def query_pages(
        self, index: str | None, condition: str, values: Json, **options: Any
    ) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any] | None]]:
        """Yield the pages of an index: the items, and the key of the last item read; ``None`` on the last page.

        Args:
            index: the name of the index; ``None``: the table itself.
            condition: the key condition, which names attributes as ``#name`` and values as ``:name``.
            values: the values in the expressions.
            options: options of DynamoDB, such as ``FilterExpression`` and ``Limit``.
        """
        named = {} if index is None else {"IndexName": index}
        request = self._request(values, **named, KeyConditionExpression=condition, **options)
        for page in _pages(self.client.query, request):
            last = page.get("LastEvaluatedKey")
            yield [decode(item) for item in page["Items"]], decode(last) if last else None

    def scan(self, values: Json = NO_VALUES, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield all items of the table or of an index. ``options`` are options of DynamoDB, such as ``IndexName``."""
        for page in _pages(self.client.scan, self._request(values, **options)):
            yield from map(decode, page["Items"])

    # ------------------------------------------------------------------ requests

    def _key(self, key: Key) -> Json:
        return encode(self.key_attributes(key))

    def _put(self, item: Json, condition: str, values: Json = NO_VALUES) -> dict[str, Any]:
        return self._conditional(condition, values, Item=encode(item))

    def _update(self, update: Update) -> dict[str, Any]:
        values = {**update.assigned, **update.values, **({"one": 1} if update.count else {})}
        return self._conditional(
            update.condition, values, Key=self._key(update.key), UpdateExpression=update.expression
        )

    def _conditional(self, condition: str, values: Json, **parts: Any) -> dict[str, Any]:
        returned = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return self._request(values, ConditionExpression=condition, **parts, **returned)

    def _request(self, values: Json = NO_VALUES, **parts: Any) -> dict[str, Any]:
        """Return a request to the table, with the names and values that its expressions use.

        Expressions use placeholders for all names, so a name may be a reserved word of DynamoDB.
        """
        expressions = [text for name, text in parts.items() if name.endswith("Expression")]
        names = {f"#{name}": name for text in expressions for name in re.findall(r"#(\w+)", text)}
        request = {"TableName": self.name, **parts}
        if names:
            request["ExpressionAttributeNames"] = names
        if values:
            request["ExpressionAttributeValues"] = encode({f":{name}": value for name, value in values.items()})
        return request


def split_for_transactions(items: Sequence[Json]) -> Iterator[list[Json]]:
    """Yield items in batches. Each batch fits into one transaction."""
    return in_batches(items, _wire_size, max_count=TRANSACTION_ITEMS, max_size=TRANSACTION_BYTES)


def _wire_size(item: Json) -> int:
    # Characters outside ASCII are escaped on the wire. The 2,000 bytes are for the names and the short values.
    return 2000 + sum(len(json.dumps(value)) for value in item.values() if isinstance(value, str))


def _wait_to_read() -> None:
    """Wait before the keys that DynamoDB left out are read again.

    Raises:
        ResponseError: no time remains.
    """
    if remaining(default=math.inf) <= 0:
        message = "DynamoDB left items out until no time remained"
        code = "ProvisionedThroughputExceededException"
        raise ResponseError({"Error": {"Code": code, "Message": message}}, "BatchGetItem")
    writes.pause()


def _pages(call: Call, request: Json) -> Iterator[Json]:
    start: Json = {}
    while True:
        page: Json = call(**request, **start)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
