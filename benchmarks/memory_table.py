"""A DynamoDB table in memory: the ledger's reads and writes by key, with their conditions.

The local AWS's DynamoDB takes milliseconds for a call, and a measurement in virtual time makes tens of thousands.
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from aichats.aws.errors import ResponseError

type Item = dict[str, Any]

TOKEN = re.compile(r"attribute_exists|attribute_not_exists|[#:]?\w+|<=|>=|<>|[=<>()]")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


class MemoryTable:
    """A client for DynamoDB with one table, whose key is ``run_id``. It isn't thread-safe."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def get_item(self, **request: Any) -> Item:
        """Read one item."""
        item = self._items.get(request["Key"]["run_id"]["S"])
        return {"Item": deepcopy(item)} if item else {}

    def batch_get_item(self, **request: Any) -> Item:
        """Read several items."""
        [(table, query)] = request["RequestItems"].items()
        items = [self.get_item(Key=key).get("Item") for key in query["Keys"]]
        return {"Responses": {table: [item for item in items if item]}}

    def put_item(self, **request: Any) -> Item:
        """Write one item."""
        key = request["Item"]["run_id"]["S"]
        self._check(key, request, "PutItem")
        self._items[key] = deepcopy(request["Item"])
        return {}

    def update_item(self, **request: Any) -> Item:
        """Change one item."""
        key = request["Key"]["run_id"]["S"]
        self._check(key, request, "UpdateItem")
        old = self._items.get(key, {})
        self._items[key] = _updated({**old, **request["Key"]}, request)
        return {"Attributes": deepcopy(old)} if request.get("ReturnValues") == "ALL_OLD" else {}

    def transact_write_items(self, **request: Any) -> Item:
        """Write several items, all or none."""
        calls = [next(iter(write.items())) for write in request["TransactItems"]]
        reasons = [self._reason(kind, write) for kind, write in calls]
        if any(reason["Code"] != "None" for reason in reasons):
            error: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ResponseError(error, "TransactWriteItems")
        for kind, write in calls:
            (self.put_item if kind == "Put" else self.update_item)(**write)
        return {}

    def _reason(self, kind: str, write: Item) -> Item:
        key = (write["Item"] if kind == "Put" else write["Key"])["run_id"]["S"]
        if _holds(write, self._items.get(key, {})):
            return {"Code": "None"}
        return {"Code": "ConditionalCheckFailed", "Item": deepcopy(self._items.get(key, {}))}

    def _check(self, key: str, request: Item, operation: str) -> None:
        item = self._items.get(key, {})
        if not _holds(request, item):
            error: Any = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": deepcopy(item)}
            raise ResponseError(error, operation)


def _holds(request: Item, item: Item) -> bool:
    condition = request.get("ConditionExpression")
    return condition is None or _Condition(condition, request, item).holds()


def _updated(item: Item, request: Item) -> Item:
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    parts = re.split(r" ?\b(SET|REMOVE|ADD) ", request["UpdateExpression"])[1:]
    for verb, text in zip(parts[::2], parts[1::2], strict=True):
        for change in text.split(", "):
            name, *value = (part for part in change.split(" ") if part != "=")
            if verb == "REMOVE":
                item.pop(names[name], None)
            elif verb == "ADD":
                number = int(item.get(names[name], {"N": "0"})["N"]) + int(values[value[0]]["N"])
                item[names[name]] = {"N": str(number)}
            else:
                item[names[name]] = deepcopy(values[value[0]])
    return item


class _Condition:
    """A condition on an item, evaluated from left to right."""

    def __init__(self, text: str, request: Item, item: Item) -> None:
        self._tokens = TOKEN.findall(text)
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request.get("ExpressionAttributeValues", {})
        self._item = item

    def holds(self) -> bool:
        """Return whether the item meets the condition."""
        holds = self._all()
        while self._next_is("OR"):
            holds = self._all() or holds
        return holds

    def _all(self) -> bool:
        holds = self._one()
        while self._next_is("AND"):
            holds = self._one() and holds
        return holds

    def _one(self) -> bool:
        if self._next_is("("):
            holds = self.holds()
            self._tokens.pop(0)
            return holds
        word = self._tokens.pop(0)
        if word.startswith("attribute_"):
            _, name, _ = (self._tokens.pop(0) for _ in range(3))
            return (self._names.get(name, name) in self._item) is (word == "attribute_exists")
        left, compare, right = self._value(word), self._tokens.pop(0), self._value(self._tokens.pop(0))
        return left is not None and right is not None and COMPARE[compare](left, right)

    def _next_is(self, token: str) -> bool:
        if self._tokens[:1] == [token]:
            self._tokens.pop(0)
            return True
        return False

    def _value(self, token: str) -> Any:
        stored = self._values.get(token) or self._item.get(self._names.get(token, token))
        return next(iter(stored.values())) if stored else None
