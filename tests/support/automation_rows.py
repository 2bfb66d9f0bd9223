"""The rows of the table of automations, and their attributes in DynamoDB."""

from collections.abc import Callable

import pytest

from aichats.automations.conditions import StaleError
from aichats.automations.row import AutomationRow
from aichats.automations.table import AutomationTable
from tests.support.fakes import Json
from tests.support.ledgers import dynamodb

NAME = "weekly"


def read(store: AutomationTable, name: str = NAME) -> AutomationRow:
    row = store.read(name)
    assert row is not None
    return row


def item(store: AutomationTable, name: str = NAME) -> Json:
    """Return the row's attributes in DynamoDB."""
    found = dynamodb().get_item(TableName=store.table, Key={"name": {"S": name}}, ConsistentRead=True)
    return dict(found.get("Item", {}))


def conflict_of(act: Callable[[], object]) -> str:
    with pytest.raises(StaleError) as caught:
        act()
    return str(caught.value)
