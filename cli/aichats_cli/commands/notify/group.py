"""The groups of commands, and what their commands share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.complete import subscription_names
from aichats_cli.errors import UsageError
from aichats_cli.event_words import event_patterns
from aichats_cli.groups import new_group

if TYPE_CHECKING:
    from collections.abc import Mapping

app = new_group("Send the events of aichats to Slack, a webhook or an event bus.")
adding = new_group("Send events to a Slack channel, a webhook or an event bus.")
app.add_typer(adding, name="add")

PROBLEMS = "run.failed,run.unknown,run.missed"

Name = Annotated[str, typer.Argument(metavar="NAME", help="The receiver.", autocompletion=subscription_names)]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="A name for the receiver.")]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--types",
        metavar="TYPES",
        help=f"Events, or groups such as 'run.*', or '*'; several with commas. Default: {PROBLEMS}.",
        autocompletion=event_patterns,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def path_to(name: str, action: str = "") -> str:
    """Return the path of a subscription in the API, or of an action on it, such as ``test``.

    Raises:
        UsageError: no subscription can have this name.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
        raise UsageError(
            f"no receiver can have the name {name!r}. Use lowercase letters, digits and hyphens, at most 64"
        )
    return f"/subscriptions/{name}" + (f"/{action}" if action else "")


def place_of(each: Mapping[str, Any]) -> str:
    """Return where events go, without what may be secret: the path of a Slack URL, and the query of any URL."""
    if each.get("format") == "slack":
        return "Slack"
    url = str(each["url"])
    address, mark, _ = url.partition("?")
    return f"{address}?…" if mark else url
