"""The group of commands, and what its commands share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.complete import automation_names
from aichats_cli.errors import UsageError
from aichats_cli.groups import new_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import LastRun
    from aichats_cli.session import Session

app = new_group("List, create, run and pause automations.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The automation.", autocompletion=automation_names)]
Names = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="The automations.", autocompletion=automation_names)
]
Companies = Annotated[
    list[str] | None,
    typer.Option("--for", metavar="BIZ_ID", help="The companies: several with commas, or --for repeated."),
]
Zone = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Time zone, such as Europe/Berlin. Default: this machine's.")
]


def path_to(name: str, action: str = "") -> str:
    """Return the path of an automation in the API, or of an action on it, such as ``run``.

    Raises:
        UsageError: no automation can have this name.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise UsageError(
            f"no automation can have the name {name!r}. Use lowercase letters, digits and hyphens, at most 64"
        )
    return f"/automations/{name}" + (f"/{action}" if action else "")


def local_time(session: Session, utc: str, local: str) -> str:
    """Return a next time, with the local time of its schedule if that differs from this machine's."""
    from datetime import datetime

    there, here = datetime.fromisoformat(local), session.when(utc)
    if there.astimezone(session.now().tzinfo).replace(tzinfo=None) == there.replace(tzinfo=None):
        return here
    return f"{here} ({there:%a %H:%M} in its zone)"


def time_of_last_run(automation: Mapping[str, Any]) -> str | None:
    """Return the slot of the last run, or when it came if it has none; ``None`` if the automation never ran."""
    last: LastRun | None = automation["last_run"]
    return last and (last["slot"] or last["at"])
