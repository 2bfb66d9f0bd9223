"""`aichats auto`: automations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import AutomationView

app = new_group("List and change automations.")


@command(app, "list", examples=["aichats auto list", "aichats auto list --label team=growth -o name"])
def list_automations(
    session: Session,
    *,
    label: Annotated[str | None, typer.Option(help="Only automations with this label, such as team=growth.")] = None,
) -> None:
    """List automations with their state, their next time and their last run."""
    found: list[AutomationView] = list(session.api.pages("/automations", label=label))
    session.output.items(
        found,
        {
            "name": lambda each: each["name"],
            "state": lambda each: each["state"],
            "next": lambda each: session.when(each["next_at"]),
            "last run": lambda each: (each["last_run"] or {}).get("status"),
        },
    )
