"""The streams of tables of tests, as Lambda sends them to PublishEventsFunction."""

import json
from collections.abc import Mapping
from typing import Any

from tests.support.dynamodb_in_process import stream_records
from tests.support.fakes import Json
from tests.support.ledgers import dynamodb
from tests.support.template import load_template


class WatchedStream:
    """The stream of a table on the DynamoDB of this test process.

    Args:
        table: the name of the table.
        source: the event source in the template, whose filters select the records.
    """

    def __init__(self, table: str, source: str = "Runs") -> None:
        specification: Any = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        dynamodb().describe_table(TableName=table)
        dynamodb().update_table(TableName=table, StreamSpecification=specification)
        events = load_template()["Resources"]["PublishEventsFunction"]["Properties"]["Events"]
        filters = events[source]["Properties"]["FilterCriteria"]["Filters"]
        self._patterns = [json.loads(each["Pattern"]) for each in filters]
        self._table = table
        self._taken = 0

    def take(self) -> list[Json]:
        """Return the new records that a filter selects."""
        records = self.all_records()[self._taken :]
        self._taken += len(records)
        return [record for record in records if any(_matches(pattern, record) for pattern in self._patterns)]

    def all_records(self) -> list[Json]:
        """Return all records, whether or not a filter selects them."""
        return stream_records(self._table)


def _matches(pattern: Any, value: Any) -> bool:
    """Return whether a value matches a pattern of EventBridge, as far as the template uses them."""
    if isinstance(pattern, dict):
        return all(
            _matches(part, value.get(name) if isinstance(value, Mapping) else None) for name, part in pattern.items()
        )
    return any(_meets(condition, value) for condition in pattern)


def _meets(condition: Any, value: Any) -> bool:
    match condition:
        case {"exists": bool(exists)}:
            return exists is (value is not None)
        case {"prefix": str(prefix)}:
            return isinstance(value, str) and value.startswith(prefix)
        case _:
            return bool(condition == value)
