"""DynamoDB: the conditional writes, transactions and reads of one table."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from aichats.aws.batches import in_batches
from aichats.aws.errors import code_of
from aichats.errors import AichatsError

TRANSACTION_ITEMS = 100
"""The most items that DynamoDB accepts in a transaction."""
TRANSACTION_BYTES = 3_000_000
"""The most bytes that a transaction inserts. DynamoDB's limit is 4 MB for all items."""
BATCH_KEYS = 100
"""The most keys that DynamoDB accepts in one batch read."""
BATCH_READS = 3
"""The number of batch reads for the keys of one batch. After that, the rest is read item by item."""

CONDITION_FAILED = "ConditionalCheckFailed"
TEMPORARY = {"TransactionConflictException", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Codes of a failed write, and of the writes of a canceled transaction, that a retry can change."""
NOT_TOGETHER = {"TransactionCanceledException", "ValidationException"}
"""Codes of a transaction whose writes may still succeed in smaller transactions."""

type Call = Callable[..., Any]
type Json = Mapping[str, Any]


class DynamoDB(Protocol):
    """The part of botocore's client that is used here."""

    @property
    def get_item(self) -> Call:
        """Read an item."""

    @property
    def batch_get_item(self) -> Call:
        """Read up to 100 items."""

    @property
    def put_item(self) -> Call:
        """Write an item."""

    @property
    def update_item(self) -> Call:
        """Change an item."""

    @property
    def delete_item(self) -> Call:
        """Delete an item."""

    @property
    def transact_write_items(self) -> Call:
        """Write up to 100 items: all or none."""

    @property
    def query(self) -> Call:
        """Read a page of an index, for one partition key."""

    @property
    def scan(self) -> Call:
        """Read a page of a table or an index."""


class ConditionFailedError(AichatsError):
    """A conditional write was rejected.

    Attributes:
        current_item: the item as it is now; empty if there is none.
    """

    def __init__(self, current_item: dict[str, Any]) -> None:
        super().__init__("the item does not meet the condition of the write")
        self.current_item = current_item


@dataclass(frozen=True)
class Update:
    """A conditional change of one item.

    Attributes:
        key: the item's key.
        changes: the new values of attributes; ``None`` removes an attribute.
        condition: the condition expression, which names attributes as ``#name`` and values as ``:name``.
        values: the values in the condition. Their names must differ from those of the changes.
        remove: further attributes to remove.
        count: an attribute that grows by one.
    """

    key: str
    changes: Json
    condition: str
    values: Json = field(default_factory=dict)
    remove: Sequence[str] = ()
    count: str | None = None

    @property
    def assigned(self) -> dict[str, Any]:
        """The attributes that get a value."""
        return {name: value for name, value in self.changes.items() if value is not None}

    @property
    def expression(self) -> str:
        """The update expression."""
        removed = [*self.remove, *(name for name, value in self.changes.items() if value is None)]
        clauses = {
            "SET": [f"#{name} = :{name}" for name in self.assigned],
            "REMOVE": [f"#{name}" for name in removed],
            "ADD": [f"#{self.count} :one"] if self.count else [],
        }
        return " ".join(f"{action} {', '.join(parts)}" for action, parts in clauses.items() if parts)


@dataclass(frozen=True)
class ExtraWrites:
    """Writes without a condition, in one transaction with a conditional write.

    Attributes:
        put: items to write.
        delete: keys of items to delete.
    """

    put: Sequence[Json] = ()
    delete: Sequence[str] = ()


NO_EXTRA_WRITES = ExtraWrites()
NO_VALUES: Json = {}


@dataclass(frozen=True)
class Table:
    """One table. Safe to share between threads.

    Every conditional write follows two rules. If another transaction is in the way, it is retried once. And it succeeds
    if the item is already as the write leaves it: botocore repeats a write whose response was lost.

    Attributes:
        name: the table's name.
        key: the name of the partition key. There is no sort key.
    """

    client: DynamoDB
    name: str
    key: str = "run_id"

    @property
    def is_absent(self) -> str:
        """The condition that no item has the key."""
        return f"attribute_not_exists(#{self.key})"

    @property
    def is_present(self) -> str:
        """The condition that an item has the key."""
        return f"attribute_exists(#{self.key})"

    # ------------------------------------------------------------------ writes

    def insert(self, items: Sequence[Json]) -> list[Json | None]:
        """Write each item whose key is new. One item costs half of what it costs in a transaction.

        Returns:
            For each item the one that has its key already; ``None``: it was written.
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
        """Write an item under a condition; without one, the item's key must be new.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was written.
        """
        self._write("Put", self._put(item, condition or self.is_absent, values), extra, item)

    def overwrite(self, items: Sequence[Json]) -> None:
        """Write items without a condition."""
        for batch in split_for_transactions(items):
            puts = [self._request(Item=encode(item)) for item in batch]
            if len(puts) == 1:
                _retry_once(self.client.put_item, puts[0])
            else:
                self._transact([{"Put": put} for put in puts])

    def update(
        self,
        key: str,
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
            The item before the change, if ``return_old``; empty if there was none. If botocore repeated the write, the
            item as it is now.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was changed.
        """
        update = Update(key, changes, condition, values, remove, count)
        request = self._update(update) | ({"ReturnValues": "ALL_OLD"} if return_old else {})
        return self._write("Update", request, extra, update.assigned)

    def update_all(self, updates: Sequence[Update]) -> None:
        """Make changes, 100 in a transaction. An item that does not meet the condition of its change stays as it is.

        If DynamoDB rejects a transaction as a whole, for example because its items are too large, its changes are made
        in two smaller ones.
        """
        for batch in batched(updates, TRANSACTION_ITEMS, strict=False):
            if len(batch) == 1:
                with suppress(ConditionFailedError):
                    self._write("Update", self._update(batch[0]), NO_EXTRA_WRITES, batch[0].assigned)
                continue
            try:
                self._transact([{"Update": self._update(update)} for update in batch])
            except ClientError as error:
                if code_of(error) not in NOT_TOGETHER:
                    raise
                self.update_all(batch[: len(batch) // 2])
                self.update_all(batch[len(batch) // 2 :])

    def delete(self, key: str, condition: str, values: Json = NO_VALUES, extra: ExtraWrites = NO_EXTRA_WRITES) -> None:
        """Delete an item under a condition. An item that is gone already counts as deleted.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was deleted.
        """
        self._write("Delete", self._conditional(condition, values, Key=self._key(key)), extra, None)

    def _write(
        self, kind: Literal["Put", "Update", "Delete"], request: Json, extra: ExtraWrites, written: Json | None
    ) -> dict[str, Any]:
        """Make a conditional write, in one transaction with the extra writes if there are any.

        Args:
            kind: what the write does.
            request: the write.
            extra: the extra writes.
            written: the attributes that the item has after the write; ``None``: it is deleted.

        Returns:
            The attributes in the response, or the item as it is if this write was made before.

        Raises:
            ConditionFailedError: the condition is not met, and nothing was written.
        """
        puts = [{"Put": self._request(Item=encode(item))} for item in extra.put]
        deletes = [{"Delete": self._request(Key=self._key(key))} for key in extra.delete]
        try:
            if puts or deletes:
                writes = {"TransactItems": [{kind: request}, *puts, *deletes]}
                response = _retry_once(self.client.transact_write_items, writes)
            else:
                response = _retry_once(getattr(self.client, f"{kind.lower()}_item"), request)
        except ClientError as error:
            current_item = _current_item(error)
            if _is_own_write(current_item, written):
                return current_item
            raise ConditionFailedError(current_item) from error
        return decode(response.get("Attributes", {}))

    def _transact(self, writes: Sequence[Json]) -> dict[int, Json]:
        """Make each write whose condition is met. Return the current items of the others, by the write's index."""
        current_items: dict[int, Json] = {}
        left = dict(enumerate(writes))
        while left:
            try:
                _retry_once(self.client.transact_write_items, {"TransactItems": list(left.values())})
            except ClientError as error:
                reasons = zip(left, _reasons(error), strict=False)
                failed = {index: reason for index, reason in reasons if reason["Code"] == CONDITION_FAILED}
                if not failed:
                    raise
                current_items |= {index: decode(reason.get("Item", {})) for index, reason in failed.items()}
                left = {index: write for index, write in left.items() if index not in failed}
            else:
                break
        return current_items

    # ------------------------------------------------------------------ reads

    def get(self, key: str) -> dict[str, Any] | None:
        """Return an item as it is now; ``None`` if there is none."""
        response = self.client.get_item(**self._request(Key=self._key(key), ConsistentRead=True))
        return decode(response["Item"]) if "Item" in response else None

    def get_all(self, keys: Sequence[str], *, singly: bool = True, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield items as they are now, in the order of their keys. A key without an item is left out.

        Args:
            keys: the keys, without duplicates. 100 are read at a time.
            singly: whether to read item by item what DynamoDB left out of three responses. The function's role must
                allow ``dynamodb:GetItem``.
            options: DynamoDB's own, such as ``ProjectionExpression``.
        """
        for batch in batched(keys, BATCH_KEYS, strict=False):
            items: dict[str, dict[str, Any]] = {}
            unread = list(batch)
            reads = 0
            while unread and not (singly and reads == BATCH_READS):
                request = {"ConsistentRead": True, **options, "Keys": [self._key(key) for key in unread]}
                response = self.client.batch_get_item(RequestItems={self.name: request})
                items |= {item[self.key]: item for item in map(decode, response["Responses"].get(self.name, []))}
                unprocessed = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                unread = [decode(key)[self.key] for key in unprocessed]
                reads += 1
            items |= {key: item for key in unread if (item := self.get(key)) is not None}
            yield from (items[key] for key in batch if key in items)

    def query(self, index: str, condition: str, values: Json, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield the items of an index that meet a key condition. See :meth:`query_pages` for the arguments."""
        for items, _ in self.query_pages(index, condition, values, **options):
            yield from items

    def query_pages(
        self, index: str, condition: str, values: Json, **options: Any
    ) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any] | None]]:
        """Yield the pages of an index: the items, and the key of the last item that was read; ``None``: the last page.

        Args:
            index: the name of the index.
            condition: the key condition, which names attributes as ``#name`` and values as ``:name``.
            values: the values in the expressions.
            options: DynamoDB's own, such as ``FilterExpression`` and ``Limit``.
        """
        request = self._request(values, IndexName=index, KeyConditionExpression=condition, **options)
        for page in _pages(self.client.query, request):
            last = page.get("LastEvaluatedKey")
            yield [decode(item) for item in page["Items"]], decode(last) if last else None

    def scan(self, values: Json = NO_VALUES, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield all items of the table, or of an index. ``options`` are DynamoDB's own, such as ``IndexName``."""
        for page in _pages(self.client.scan, self._request(values, **options)):
            yield from map(decode, page["Items"])

    # ------------------------------------------------------------------ requests

    def _key(self, key: str) -> Json:
        return encode({self.key: key})

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

        Each attribute is named by a placeholder, so no name can be one of DynamoDB's reserved words.
        """
        expressions = [text for name, text in parts.items() if name.endswith("Expression")]
        names = {f"#{name}": name for text in expressions for name in re.findall(r"#(\w+)", text)}
        request = {"TableName": self.name, **parts}
        if names:
            request["ExpressionAttributeNames"] = names
        if values:
            request["ExpressionAttributeValues"] = encode({f":{name}": value for name, value in values.items()})
        return request


def pause() -> None:
    """Wait until a transaction that is in the way has ended. Two writers that meet wait for different times."""
    time.sleep(random.SystemRandom().uniform(0.05, 0.15))


def split_for_transactions(items: Sequence[Json]) -> Iterator[list[Json]]:
    """Yield items in batches that each fit into one transaction."""
    return in_batches(items, _wire_size, max_count=TRANSACTION_ITEMS, max_size=TRANSACTION_BYTES)


def _wire_size(item: Json) -> int:
    # On the wire, characters outside ASCII are escaped. The allowance is for the names and the short values.
    return 2000 + sum(len(json.dumps(value)) for value in item.values() if isinstance(value, str))


def _pages(call: Call, request: Json) -> Iterator[Json]:
    start: Json = {}
    while True:
        page: Json = call(**request, **start)
        yield page
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _retry_once(call: Call, request: Json) -> Json:
    """Make a call. If another transaction is in the way, or a transaction is throttled, retry once after a pause."""
    try:
        response: Json = call(**request)
    except ClientError as error:
        codes = {code_of(error), *(reason["Code"] for reason in _reasons(error))}
        if codes.isdisjoint(TEMPORARY) or CONDITION_FAILED in codes:
            raise
        pause()
        response = call(**request)
    return response


def _is_own_write(current_item: Json, written: Json | None) -> bool:
    """Return whether an item is as a write leaves it, so that a write that was made before can be repeated."""
    if written is None or not current_item:
        return written is None and not current_item
    return all(current_item.get(name) == value for name, value in written.items())


def _current_item(error: ClientError) -> dict[str, Any]:
    """Return the item that did not meet the condition of a write; empty if there is none.

    Raises:
        ClientError: the write failed for another reason.
    """
    response: Json = error.response
    if code_of(error) == "ConditionalCheckFailedException":
        return decode(response.get("Item", {}))
    for reason in _reasons(error)[:1]:
        if reason["Code"] == CONDITION_FAILED:
            return decode(reason.get("Item", {}))
    raise error


def _reasons(error: ClientError) -> Sequence[Json]:
    """Return the reason for each write of a canceled transaction; none if the error is another one."""
    response: Json = error.response
    reasons: Sequence[Json] = response.get("CancellationReasons", ())
    return reasons


def encode(attributes: Json) -> dict[str, Any]:
    """Return attributes in DynamoDB's wire format: strings, integers, Booleans, and maps and lists of these."""
    return {name: _encode(value) for name, value in attributes.items()}


def decode(item: Json) -> dict[str, Any]:
    """Return attributes from DynamoDB's wire format."""
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
            return {"L": [_encode(element) for element in value]}
        case _:
            raise TypeError(f"a table cannot store a {type(value).__name__}")


def _decode(value: Json) -> Any:
    match value:
        case {"N": number}:
            return int(number)
        case {"M": attributes}:
            return decode(attributes)
        case {"L": elements}:
            return [_decode(element) for element in elements]
        case _:
            [plain] = value.values()
            return plain
