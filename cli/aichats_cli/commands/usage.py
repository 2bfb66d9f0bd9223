"""`aichats usage`: how many runs, replies and tokens."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aichats_cli.complete import automation_names
from aichats_cli.groups import new_group
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.models import UsageReport

app = new_group("Show the usage.")
NO_NAME = "-"
"""The name of the row of runs without an automation or a target."""
COUNTS = ("total", "succeeded", "failed", "unknown", "missed", "skipped", "cancelled")


class UsageGroup(StrEnum):
    """The kinds of rows of the usage."""

    automation = "automation"
    target = "target"
    day = "day"


@command(
    app,
    "usage",
    examples=["aichats usage", "aichats usage --since 7d --by day", "aichats usage --by target -o json"],
)
def show_usage(
    session: Session,
    *,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="The first day; by default 30 days.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="The last day; by default today.")] = None,
    by: Annotated[UsageGroup, typer.Option(help="What to group by.")] = UsageGroup.automation,
    automation: Annotated[
        str | None,
        typer.Option("--auto", metavar="NAME", help="Only this automation.", autocompletion=automation_names),
    ] = None,
) -> None:
    """Show runs, replies and tokens by day, automation or target. Days are in UTC."""
    report: UsageReport = session.api.get(
        "/usage", since=day_of(session, since), until=day_of(session, until), by=by.value, automation=automation
    )
    if session.output.format is Format.table:
        print_table(session, report, by)
        session.note(f"From {report['since']} to {report['until']}, days in UTC. Open runs don't count.")
    elif session.output.format is Format.name:
        # Runs without an automation or a target have no name, and the next command would take "-" as its input.
        session.output.lines(name for each in report["data"] if (name := group_name(each, by)) != NO_NAME)
    else:
        session.output.data(report)


def day_of(session: Session, text: str | None) -> str | None:
    """Return the day in UTC that a text means, such as `7d`: ``None`` if nothing was typed.

    The days of the report are days in UTC. In other zones, today may be a day that has not begun in UTC.
    """
    from aichats_cli.dates import read_past

    return None if text is None else f"{read_past(text, session.now(UTC)):%Y-%m-%d}"


def group_name(group: Any, by: UsageGroup) -> str:
    """Return the name of a row: the automation, the target or the day."""
    return group[by.value] or NO_NAME


def print_table(session: Session, report: UsageReport, by: UsageGroup) -> None:
    """Print a row for each group, and the totals. A terminal gets only the columns that have a number."""
    total = cells("total", report["total"])
    rows = [cells(group_name(each, by), each) for each in report["data"]]
    titles = [by.value, *COUNTS, "replies", "tokens"]
    shown = [
        place
        for place, title in enumerate(titles)
        if total[place] != "0" or title in {"total", "succeeded", "failed"} or not session.output.is_terminal
    ]
    session.output.table(
        [titles[place] for place in shown], [[row[place] for place in shown] for row in [*rows, total]]
    )


def cells(name: str, usage: Any) -> list[str]:
    """Return a row of the table."""
    return [name, *(f"{usage['runs'][count]:,}" for count in COUNTS), f"{usage['replies']:,}", usage["tokens"]]
