"""`aichats notify list`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from aichats_cli.commands.notify.group import app, path_to, place_of
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import SubscriptionView

MOST_WAITING = 100
"""The deliveries of a receiver are counted up to this number, which takes one request."""


@command(app, "list", examples=["aichats notify list", "aichats notify list -o json"])
def list_receivers(session: Session) -> None:
    """List the receivers of events, whether they work, and how many events wait for them."""
    found: list[SubscriptionView] = session.api.get("/subscriptions")["data"]
    waiting = {each["name"]: waiting_for(session, each) for each in found}
    session.output.items(
        found,
        {
            "name": lambda each: each["name"],
            "to": place_of,
            "events": lambda each: each["events"],
            "state": state_of,
            "waiting": lambda each: waiting[each["name"]],
            "last success": lambda each: session.when(each["last_success_at"]),
            "failing since": lambda each: session.when(each["failing_since"]),
            "error": lambda each: each["last_error"],
        },
        empty="no receivers. Add one: aichats notify add slack alerts",
    )


def state_of(each: Mapping[str, Any]) -> str:
    """Return whether a receiver works."""
    if not each.get("enabled", True):
        return "disabled"
    if each["failing_since"]:
        return "failing"
    return "working" if each["last_success_at"] else "unused"


def waiting_for(session: Session, each: SubscriptionView) -> str:
    """Return the number of events that wait for a receiver. Only for one that fails, events wait."""
    if not each["failing_since"] or session.output.format is not Format.table:
        return ""
    listed = session.api.pages(path_to(each["name"], "deliveries"), status="waiting")
    number = len(list(islice(listed, MOST_WAITING)))
    return f"{number}+" if number == MOST_WAITING else str(number)
