"""Subscriptions for tests: definitions, and tables in the local cloud's DynamoDB."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aichats.aws.table import DynamoDB, Table
from aichats.runs.ledger.times import utc_now
from aichats.subscriptions.model import Subscription
from aichats.subscriptions.table import SubscriptionTable
from tests.support.fakes import Json
from tests.support.ledgers import dynamodb, make_table

URL = "https://receiver.example/events"


def subscribing(*events: str, **fields: Any) -> Json:
    """Return the definition of a subscription."""
    return {"url": URL, "events": list(events or ["run.failed"]), **fields}


def subscription(*events: str, **fields: Any) -> Subscription:
    return Subscription.model_validate(subscribing(*events, **fields))


def events_table(client: DynamoDB | None = None) -> Table:
    """Return a new table of events. A test may pass a client that wraps DynamoDB."""
    return Table(client or dynamodb(), make_table("EventsTable"), "pk", "sk")


def make_subscriptions(clock: Callable[[], datetime] = utc_now, client: DynamoDB | None = None) -> SubscriptionTable:
    """Return a new table of subscriptions."""
    return SubscriptionTable(events_table(client), clock)
