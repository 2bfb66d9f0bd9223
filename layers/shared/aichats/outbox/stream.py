"""The records of DynamoDB's streams, as Lambda receives them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aichats.aws.attributes import decode
from aichats.frozen import frozen
from aichats.json_types import Json


@frozen
class ItemChange:
    """The change of one item.

    Attributes:
        key: the value of the item's partition key.
        old: the item before the change; empty if it is new.
        new: the item after the change; empty if it was deleted.
        sequence: the number of the change in its stream. It is always the same for a change.
        changed_at: the time of the change, in whole seconds; ``None`` if the record does not contain it.
    """

    key: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    sequence: str = ""
    changed_at: datetime | None = None

    @classmethod
    def of(cls, record: Json) -> "ItemChange":
        """Return the change in a record."""
        change = record["dynamodb"]
        [key] = decode(change["Keys"]).values()
        seconds = change.get("ApproximateCreationDateTime")
        changed_at = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
        old, new = decode(change.get("OldImage", {})), decode(change.get("NewImage", {}))
        return cls(key, old, new, change.get("SequenceNumber", ""), changed_at)
