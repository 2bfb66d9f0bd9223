"""The automations that paths name, and the parts that their operations share."""

from http import HTTPStatus
from typing import Any

from aichats.api.callers import Scope
from aichats.api.operation import ApiCall
from aichats.api.problems import RejectedError
from aichats.automations.definition_models import NAME
from aichats.automations.row import AutomationRow
from aichats.errors import UnreadableError

READ: tuple[Scope, ...] = ("automations:read",)
WRITE: tuple[Scope, ...] = ("automations:write",)
WRITE_AND_ACT: tuple[Scope, ...] = ("automations:write", "chats:write")
"""The scopes for operations that can start an automation's action."""
NAMED = {"name": NAME}
WITH_ETAG = {"ETag": "The version, for `If-Match`"}
"""The headers of an answer with an automation."""


def existing_automation(call: ApiCall[Any, Any]) -> AutomationRow:
    """Return the automation that the path names.

    Raises:
        RejectedError: it doesn't exist, doesn't belong to the caller, or can't be read.
    """
    try:
        row = call.app.automation_table.get(call.path["name"])
    except UnreadableError as error:
        if call.limit.companies is not None:
            raise unknown_automation(call.path["name"]) from error
        detail = f"{error}. Replace it with PUT, or delete it"
        raise RejectedError(HTTPStatus.INTERNAL_SERVER_ERROR, "automation-unreadable", detail) from error
    if row is None or not call.limit.has_automation(row):
        raise unknown_automation(call.path["name"])
    return row


def unknown_automation(name: str) -> RejectedError:
    """Return the error for an automation that does not exist for the caller."""
    return RejectedError(HTTPStatus.NOT_FOUND, "not-found", f"automation {name} doesn't exist")
