"""The local cloud's DynamoDB with a watcher: it counts calls, fails some, or leaves out items."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from aichats.aws.errors import ResponseError
from tests.support.fakes import Json
from tests.support.ledgers import dynamodb


class CountingDynamoDB:
    """DynamoDB that counts.

    Attributes:
        calls: the number of calls by operation.
        sizes: the number of writes in each transaction, in order.
        items: the number of items in all responses.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sizes: list[int] = []
        self.items = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls[name] += 1
            if "TransactItems" in request:
                self.sizes.append(len(request["TransactItems"]))
            answer: Any = getattr(dynamodb(), name)(**request)
            self.items += len(answer.get("Items", []))
            return answer

        return call


class ScriptedDynamoDB(CountingDynamoDB):
    """DynamoDB whose first calls raise the errors of a script."""

    def __init__(self, *script: Exception) -> None:
        super().__init__()
        self.script = list(script)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = super().__getattr__(name)

        def fail(**request: Any) -> Any:
            if self.script:
                self.calls[name] += 1
                raise self.script.pop(0)
            return call(**request)

        return fail


class SparingDynamoDB(CountingDynamoDB):
    """DynamoDB that returns at most ``most`` items of each batch."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def batch_get_item(self, **request: Any) -> Any:
        self.calls["batch_get_item"] += 1
        [(table, batch)] = request["RequestItems"].items()
        keys, rest = batch["Keys"][: self._most], batch["Keys"][self._most :]
        answer: Json = {"Responses": {table: []}}
        if keys:
            answer = dict(dynamodb().batch_get_item(RequestItems={table: batch | {"Keys": keys}}))
        return answer | ({"UnprocessedKeys": {table: batch | {"Keys": rest}}} if rest else {})


def canceled(*codes: str) -> ResponseError:
    """Return the error of a canceled transaction, with the reason for each of its writes."""
    reasons = [{"Code": code} for code in codes]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    return ResponseError(response, "TransactWriteItems")
