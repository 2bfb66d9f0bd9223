"""`aichats auto run`."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.auto.definition import split_targets
from aichats_cli.commands.auto.group import Companies, Name, app, path_to
from aichats_cli.errors import CommandError
from aichats_cli.event_files import read_object
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import RunNow, StartedRuns

EventFile = Annotated[
    Path | None,
    typer.Option("--event", metavar="FILE", help="The event in JSON, if it listens for events; - is standard input."),
]


@command(
    app,
    "run",
    examples=[
        "aichats auto run daily-numbers --wait",
        "aichats auto run daily-numbers --for biz_A",
        "aichats auto run dunning --event event.json --wait",
    ],
)
def run_automation(
    session: Session,
    name: Name,
    *,
    event: EventFile = None,
    companies: Companies = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end of the runs; exit code 1 if one fails.")
    ] = False,
) -> None:
    """Run an automation now, besides its schedule. It runs even if it is paused."""
    body: RunNow = {}
    if event:
        body["event"] = read_object(session, event)
    if companies:
        body["targets"] = split_targets(companies)
    started = start(session, name, body)
    if wait:
        from aichats_cli.runs.views import show_ended

        show_ended(session, started["run_ids"])
    elif session.output.format is Format.json or session.output.format is Format.yaml:
        session.output.data(started)
    else:
        session.output.lines(started["run_ids"])
        number = len(started["run_ids"])
        session.note(f"Started {number} run{'' if number == 1 else 's'}. Follow: aichats runs watch --auto {name}")


def start(session: Session, name: str, body: RunNow) -> StartedRuns:
    """Start the runs of an automation.

    Raises:
        CommandError: the API rejects the request, for example because the automation needs an event.
    """
    from aichats_cli.api import ApiError

    try:
        started: StartedRuns = session.api.post(path_to(name, "run"), body).body
    except ApiError as error:
        if error.status == HTTPStatus.UNPROCESSABLE_ENTITY and "event" not in body and "event" in error.message:
            raise CommandError(
                f"{name} listens for events, so it needs one",
                f"aichats auto run {name} --event FILE. For an example of an event: aichats events types",
            ) from error
        raise
    return started
