"""The options by which the commands of runs select runs."""

from __future__ import annotations

from typing import Annotated

import typer

from aichats_cli.complete import automation_names
from aichats_cli.wait import ENDED

STATUSES = ("pending", "performing", *sorted(ENDED))
"""All statuses of runs."""
REPLAYABLE = frozenset({"failed", "missed", "skipped", "unknown"})
"""The statuses of runs that can be replayed."""
CANCELLABLE = frozenset({"pending", "performing", "unknown"})
"""The statuses of runs that can be cancelled."""


def statuses_like(incomplete: str) -> list[str]:
    """Return the statuses that begin with ``incomplete``."""
    return [status for status in STATUSES if status.startswith(incomplete)]


OneRun = Annotated[str, typer.Argument(metavar="RUN", help="The ID of a run.")]
RunIds = Annotated[
    list[str] | None, typer.Argument(metavar="RUN", help="IDs of runs, or - to read them from standard input.")
]
OfAutomation = Annotated[
    str | None,
    typer.Option("--auto", metavar="NAME", help="Only runs of this automation.", autocompletion=automation_names),
]
ForTarget = Annotated[
    str | None, typer.Option("--for", metavar="BIZ_ID", help="Only runs for this company, chat or agent.")
]
WithLabel = Annotated[
    str | None, typer.Option("--label", metavar="KEY=VALUE", help="Only runs with this label, such as team=growth.")
]
OfTrigger = Annotated[
    str | None, typer.Option("--trigger", metavar="KIND", help="Only runs of a schedule, webhook or http.")
]
WithStatus = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="Only runs with this status, or several with commas between.",
        autocompletion=statuses_like,
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="The start, such as yesterday, 7d, 'mon 9:00' or a date.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="The end, such as today, or '2h ago'; by default now.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
