"""The group of commands, and what its commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.errors import CommandError
from aichats_cli.event_words import event_patterns
from aichats_cli.groups import new_group

if TYPE_CHECKING:
    from aichats_cli.session import Session

app = new_group("Send Whop's events to test automations, and follow the events of aichats.")

Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="TYPES",
        help="Only these, such as run.failed or 'run.*': several with commas, or --type repeated.",
        autocompletion=event_patterns,
    ),
]
Run = Annotated[str | None, typer.Option("--run", metavar="RUN_ID", help="Only events about this run.")]


def whop_event_types(context: typer.Context, incomplete: str) -> list[str]:
    """Return the types of Whop's events that begin with ``incomplete``."""
    from aichats_cli.api import Api
    from aichats_cli.complete import SECONDS, system_of
    from aichats_cli.profiles import choose

    system = system_of(context)
    profile = choose(context.params.get("profile"), system.variables)
    listed = Api(profile, system, seconds=SECONDS, attempts=1).get("/events/types")["data"]
    return [each["type"] for each in listed if each["type"].startswith(incomplete)]


def stack_words(session: Session) -> str:
    """Return the profile and the address of its stack."""
    return f"{session.profile.name} ({session.profile.url})"


def unknown_type(session: Session, type_: str) -> CommandError:
    """Return the error for a type of Whop's events that has no example."""
    from difflib import get_close_matches

    known = [each["type"] for each in session.api.get("/events/types")["data"]]
    nearest = get_close_matches(type_, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else "list the types: aichats events types"
    return CommandError(f"there is no example of an event {type_}", hint)
