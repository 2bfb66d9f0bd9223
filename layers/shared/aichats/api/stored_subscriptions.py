"""The subscriptions that paths name, and the parts that their operations share."""

from http import HTTPStatus
from typing import Any

from aichats.api.callers import Scope
from aichats.api.operation import ApiCall
from aichats.api.problems import RejectedError
from aichats.errors import UnreadableError
from aichats.subscriptions.row import SubscriptionRow

READ_SUBSCRIPTIONS: tuple[Scope, ...] = ("subscriptions:read",)
WRITE_SUBSCRIPTIONS: tuple[Scope, ...] = ("subscriptions:write",)


def existing_subscription(call: ApiCall[Any, Any]) -> SubscriptionRow:
    """Return the subscription that the path names.

    Raises:
        RejectedError: it doesn't exist, or can't be read.
    """
    name = call.path["name"]
    try:
        row = call.app.subscriptions.get(name)
    except UnreadableError as error:
        detail = f"{error}. Replace it with PUT, or delete it"
        raise RejectedError(HTTPStatus.INTERNAL_SERVER_ERROR, "subscription-unreadable", detail) from error
    if row is None:
        raise unknown_subscription(name)
    return row


def unknown_subscription(name: str) -> RejectedError:
    """Return the error for a subscription that does not exist."""
    return RejectedError(HTTPStatus.NOT_FOUND, "not-found", f"subscription {name} doesn't exist")
