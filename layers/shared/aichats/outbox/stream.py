"""The records of DynamoDB's streams, as Lambda receives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aichats.aws.attributes import decode
from aichats.models import Json


@dataclass(frozen=True)
class ItemChange:
    """The change of one item.

    Attributes:
        key: the value of the item's partition key.
        old: the item before the change; empty if it is new.
        new: the item after the change; empty if it was deleted.
    """

    key: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @classmethod
    def of(cls, record: Json) -> "ItemChange":
        """Return the change in a record."""
        change = record["dynamodb"]
        [key] = decode(change["Keys"]).values()
        return cls(key, decode(change.get("OldImage", {})), decode(change.get("NewImage", {})))
