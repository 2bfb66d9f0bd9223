"""The items in the stack's tables, and deliveries that are due earlier than planned."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from aichats.aws.attributes import decode
from aichats.runs.ledger.times import to_text
from local.system import System

SOON = timedelta(seconds=1)
"""A wait that ends later ends at once."""
OVERDUE = timedelta(minutes=2)
"""The sweep sends messages for deliveries that were due some time ago."""
WAITS = {"deliveries#": "due_at", "subscriptions": "open_until"}
"""The attribute with the time of a wait, by the beginning of the item's partition key."""


def run_items(system: System) -> list[dict[str, Any]]:
    """Return the attributes of all runs."""
    return list(_scan(system, "RunsTable", "attribute_exists(attempts)"))


def hasten(system: System) -> None:
    """Let deliveries and subscriptions that wait be due at once, because the real waits take up to 24 hours."""
    now = datetime.now(UTC)
    for item in _scan(system, "EventsTable", "attribute_exists(due_at) OR attribute_exists(open_until)"):
        attribute = next(name for begin, name in WAITS.items() if item["pk"].startswith(begin))
        if item.get(attribute, "") > to_text(now + SOON):
            _set(system, item, attribute, to_text(now - OVERDUE))


def _set(system: System, item: dict[str, Any], attribute: str, value: str) -> None:
    """Set a time, unless it has changed."""
    with suppress(ClientError):
        system.emulator.clients.dynamodb.update_item(
            TableName=system.stack.outputs["EventsTable"],
            Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}},
            UpdateExpression="SET #time = :new",
            ConditionExpression="#time = :old",
            ExpressionAttributeNames={"#time": attribute},
            ExpressionAttributeValues={":new": {"S": value}, ":old": {"S": item[attribute]}},
        )


def _scan(system: System, output: str, condition: str) -> Iterator[dict[str, Any]]:
    pages = system.emulator.clients.dynamodb.get_paginator("scan").paginate(
        TableName=system.stack.outputs[output], FilterExpression=condition
    )
    return (decode(item) for page in pages for item in page["Items"])
