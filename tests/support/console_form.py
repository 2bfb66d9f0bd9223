"""The form that creates and edits automations, as a person fills it, and what it stores."""

from typing import Any

from playwright.sync_api import Locator

from tests.support.automations import automation
from tests.support.console_page import ConsolePage
from tests.support.fakes import Json
from tests.support.stack_in_memory import StackInMemory

PATH = "/automations/weekly"
NIGHTLY: Json = {
    "trigger": {"type": "schedule", "expression": "cron(0 3 ? * 2-6 *)", "timezone": "America/New_York"},
    "action": {
        "type": "whop.create_chat",
        "message_text": "What happened?",
        "title": "Nightly",
        "message_source": "suggestion",
        "suggestion_type": "report",
    },
    "targets": ["biz_A", None],
    "labels": {"team": "growth"},
}


def field(console: ConsolePage, name: str) -> Locator:
    """Return the input with this label."""
    return console.page.get_by_role("textbox", name=name, exact=True)


def fill(console: ConsolePage, *, title: str = "Weekly", message: str = "Sum it up.", targets: str = "biz_A") -> None:
    """Type what a new automation needs besides its schedule."""
    field(console, "Title (optional)").fill(title)
    field(console, "Message").fill(message)
    field(console, "Targets: the companies, one a line").fill(targets)


def definition(console: ConsolePage, name: str) -> Any:
    """Return an automation as it was written."""
    with console.server.lock:
        return console.stack.row(name).written


def edited(stack: StackInMemory, **changes: Any) -> None:
    """Let another client change the automation ``weekly``."""
    stack.app.automation_table.put("weekly", automation(NIGHTLY | changes), by="colleague")


def writes(console: ConsolePage, path: str = PATH) -> list[Json]:
    """Return the events of all requests that store an automation."""
    return [
        event
        for event in console.server.events
        if event["rawPath"] == path
        and event["requestContext"]["http"]["method"] == "PUT"
        and "dry_run" not in event.get("rawQueryString", "")
    ]
