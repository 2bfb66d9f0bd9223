"""Conditional writes to DynamoDB as data, and the errors that DynamoDB returns for them."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from aichats.aws.attributes import decode
from aichats.aws.errors import ResponseError, code_of
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.json_types import Json

CONDITION_FAILED = "ConditionalCheckFailed"
TEMPORARY = {"TransactionConflictException", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Codes of a failed write, and of the writes of a canceled transaction, that a retry can change."""
INVALID = {"ValidationException", "ValidationError"}
"""Codes of a failed write, and of the writes of a canceled transaction, that DynamoDB always rejects."""
WRITE_TRIES = 5
"""The maximum number of times that a write is tried. Several clients may change one automation at the same time."""
PAUSE_SECONDS = (0.05, 0.15)
"""The bounds of a pause. A transaction takes tens of milliseconds, and Whop waits five seconds for a webhook."""

type Call = Callable[..., Any]
type Key = str | tuple[str, str]
"""The key of an item: the value of its partition key, or the values of its partition key and its sort key."""


class ConditionFailedError(AichatsError):
    """DynamoDB rejected a conditional write.

    Attributes:
        current_item: the item as it is now; empty if there is none.
    """

    def __init__(self, current_item: dict[str, Any]) -> None:
        super().__init__("the item does not meet the condition of the write")
        self.current_item = current_item


@frozen
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

    key: Key
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


@frozen
class ExtraWrites:
    """Unconditional writes in the transaction of a conditional write.

    Attributes:
        put: items to write.
        delete: keys of items to delete.
    """

    put: Sequence[Json] = ()
    delete: Sequence[Key] = ()


def retry_write(call: Call, request: Json) -> Json:
    """Make a write. While another transaction is in the way, or a transaction is throttled, retry after a pause."""
    response: Json
    for _ in range(WRITE_TRIES - 1):
        try:
            response = call(**request)
        except ResponseError as error:
            codes = {code_of(error), *(reason["Code"] for reason in reasons_of(error))}
            if codes.isdisjoint(TEMPORARY) or CONDITION_FAILED in codes:
                raise
            pause()
        else:
            return response
    response = call(**request)
    return response


def is_invalid(error: Exception) -> bool:
    """Return whether DynamoDB rejected a write that it will never accept, for example because a number is too large."""
    return isinstance(error, ResponseError) and not INVALID.isdisjoint(
        {code_of(error), *(reason["Code"] for reason in reasons_of(error))}
    )


def succeeds(write: Callable[[], object]) -> bool:
    """Make a conditional write. Return whether its condition was met."""
    try:
        write()
    except ConditionFailedError:
        return False
    return True


def pause() -> None:
    """Wait until the other transaction has ended. The time is random, so that two callers don't collide again."""
    time.sleep(random.SystemRandom().uniform(*PAUSE_SECONDS))


def is_own_write(current_item: Json, written: Json | None) -> bool:
    """Return whether an item is as a write leaves it, so an earlier attempt of the write may have succeeded.

    ``written`` are the attributes that the item has after the write; ``None``: the write deletes the item.
    """
    if written is None or not current_item:
        return written is None and not current_item
    return all(current_item.get(name) == value for name, value in written.items())


def rejected_item(error: ResponseError) -> dict[str, Any]:
    """Return the item that did not meet the condition of a write; empty if there is none.

    Raises:
        ResponseError: the write failed for another reason.
    """
    response: Json = error.response
    if code_of(error) == "ConditionalCheckFailedException":
        return decode(response.get("Item", {}))
    for reason in reasons_of(error)[:1]:
        if reason["Code"] == CONDITION_FAILED:
            return decode(reason.get("Item", {}))
    raise error


def reasons_of(error: ResponseError) -> Sequence[Json]:
    """Return the reason for each write of a canceled transaction; none for any other error."""
    response: Json = error.response
    reasons: Sequence[Json] = response.get("CancellationReasons", ())
    return reasons
