"""`aichats plan`: shows what `aichats apply` would change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aichats_cli.code.options import FOLDER, Adopt, Directory, Prune, check_problems, make_plan, show_plan
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

app = new_group("Automations as code.")
CHANGES_PENDING = 3
"""The exit code if the stack differs from the folder."""


@command(
    app,
    "plan",
    examples=["aichats plan automations", "aichats plan automations --prune --out plan.json"],
)
def plan(
    session: Session,
    directory: Directory = FOLDER,
    *,
    prune: Prune = False,
    adopt: Adopt = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plan for apply --plan.")] = None,
) -> None:
    """Show what `aichats apply` would change. The exit code is 3 if there are changes, 0 if there are none."""
    made = make_plan(session, directory, prune=prune, adopt=adopt or [])
    show_plan(session, made)
    check_problems(made)
    if out is not None:
        from aichats_cli.code.plan_file import write_plan

        write_plan(out, made)
    if made.changes:
        raise typer.Exit(CHANGES_PENDING)
