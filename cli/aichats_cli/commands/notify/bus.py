"""`aichats notify add bus`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.notify.group import PROBLEMS, Types, adding
from aichats_cli.event_words import checked_types
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERYTHING = "*"
SOURCE = "aichats"


@command(
    adding,
    "bus",
    examples=[
        "aichats notify add bus --types 'run.*'",
        "aichats notify add bus --types run.failed,budget.reached --stack aichats-prod -o yaml",
    ],
)
def add_bus(
    session: Session,
    *,
    types: Types = None,
    stack: Annotated[
        str | None, typer.Option(metavar="STACK", help="The stack on AWS. Default: that of the profile.")
    ] = None,
) -> None:
    """Print the pattern of a rule for the stack's event bus in EventBridge. Nothing is changed.

    Your stack already puts every event on its own event bus, which has the name of the stack. To send events from there
    to a queue, a topic or a function, add a rule with this pattern to a stack of your own.
    """
    pattern = pattern_of(checked_types(types or [PROBLEMS]))
    bus = stack or session.profile.stack or "STACK"  # A profile with an address alone doesn't know the name.
    if session.output.format is Format.name:
        session.output.lines([bus])
        return
    session.output.data(pattern)
    session.note(f"Add a rule with this pattern to the event bus {bus}, for example:")
    session.note(
        f"  aws events put-rule --event-bus-name {bus} --name aichats-events --event-pattern '{json.dumps(pattern)}'"
    )
    session.note("Then add targets to the rule. The documentation has templates for Slack and SNS.")


def pattern_of(types: Sequence[str]) -> dict[str, Any]:
    """Return the pattern of a rule that selects types and groups of events."""
    if EVERYTHING in types:
        return {"source": [SOURCE]}
    names: list[Any] = [
        {"prefix": f"{SOURCE}.{name.removesuffix('*')}"} if name.endswith(".*") else f"{SOURCE}.{name}"
        for name in types
    ]
    return {"source": [SOURCE], "detail-type": names}
