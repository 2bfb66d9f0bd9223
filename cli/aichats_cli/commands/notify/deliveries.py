"""`aichats notify deliveries` and `redeliver`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.commands.notify.group import Name, app, path_to
from aichats_cli.event_words import checked_types, event_patterns
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aichats_cli.models import DeliveryView, Redeliver, StartedRedelivery


@command(
    app,
    "deliveries",
    examples=["aichats notify deliveries crm", "aichats notify deliveries crm --failed --limit 100"],
)
def list_deliveries(
    session: Session,
    name: Name,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that aichats has given up.")] = False,
    run: Annotated[str | None, typer.Option(metavar="RUN_ID", help="Only events about this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")] = 20,
) -> None:
    """List what was sent to a receiver in the last 30 days, newest event first."""
    status = "failed" if failed else None
    found: list[DeliveryView] = list(
        session.api.pages(path_to(name, "deliveries"), limit=limit, status=status, run_id=run)
    )
    session.output.items(
        found,
        {
            "time": lambda each: session.when(each["event_time"]),
            "type": lambda each: each["type"],
            "status": lambda each: each["status"],
            "attempts": lambda each: each["attempts"],
            "next": lambda each: next_words(session, each),
            "answer": lambda each: each["last_error"] or each["last_status"],
            "run": lambda each: each["run_id"],
        },
        "event_id",
        empty=f"{'no delivery has failed' if failed else f'no event was sent to {name} yet'}. Tests aren't listed",
    )


def next_words(session: Session, each: Mapping[str, Any]) -> str:
    """Return when a delivery is attempted again."""
    return "when it works" if each["waits_for_receiver"] else session.when(each["next_attempt_at"])


@command(
    app,
    "redeliver",
    examples=[
        "aichats notify redeliver crm --since 2d --failed",
        "aichats notify redeliver crm --since 'yesterday 9:00' --types run.failed",
    ],
)
def redeliver(
    session: Session,
    name: Name,
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help="The time of the first event, at most 30d ago.")],
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The time of the last event. Default: now.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that aichats has given up.")] = False,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--types",
            metavar="TYPES",
            help="Only these types of events, or groups such as 'run.*'; several with commas.",
            autocompletion=event_patterns,
        ),
    ] = None,
) -> None:
    """Send events again, each with the same id as before, even those that were delivered."""
    body: Redeliver = {"since": session.past(since), "failed_only": failed}
    if until:
        body["until"] = session.past(until)
    if types:
        body["events"] = checked_types(types)
    started: StartedRedelivery = session.api.post(path_to(name, "redeliver"), body).body
    session.output.item(
        started,
        {"from": session.when(started["since"]), "until": session.when(started["until"])},
        "redelivery",
    )
    session.note(f"aichats sends them from a queue. See the results: aichats notify deliveries {name}")
