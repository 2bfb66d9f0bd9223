"""`aichats events list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.commands.events.group import Run, Types, app
from aichats_cli.event_words import checked_types, details_of, subject_of, time_of
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import EventView


@command(
    app,
    "list",
    examples=[
        "aichats events list --since yesterday",
        "aichats events list --type run.failed,run.missed --since 7d",
        "aichats events list --run RUN_ID -o json",
    ],
)
def list_events(
    session: Session,
    *,
    types: Types = None,
    run: Run = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="The time of the first event, at most 30d ago.")] = "24h",
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The time of the last event. Default: now.")] = None,
) -> None:
    """List the events that aichats has sent, oldest first."""
    chosen = ",".join(checked_types(types or [])) or None
    end = session.past(until) if until else session.now().isoformat()
    found: list[EventView] = list(
        session.api.pages("/events", type=chosen, run_id=run, since=session.past(since), until=end)
    )
    session.output.items(
        found,
        {
            "time": lambda each: time_of(session, each),
            "type": lambda each: each["type"],
            "about": subject_of,
            "details": lambda each: details_of(session, each),
            "run": lambda each: each["data"].get("run_id"),
        },
        "id",
        empty="no event in this time. To see events as they come: aichats events listen",
    )
