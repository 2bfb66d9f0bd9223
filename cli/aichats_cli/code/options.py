"""The options that the commands for folders share, and the plan that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.code.problems import CORRECT
from aichats_cli.errors import CommandError
from aichats_cli.output import Format, Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.code.plan import Plan
    from aichats_cli.session import Session

FOLDER = Path("automations")
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of automations.")]
Prune = Annotated[bool, typer.Option("--prune", help="Delete automations of the folder that have no file.")]
Adopt = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Take over an automation that the folder doesn't manage yet, such as shop-*."),
]


def make_plan(session: Session, directory: Path, *, prune: bool, adopt: Sequence[str]) -> Plan:
    """Return the plan of a folder. It changes nothing.

    Raises:
        CommandError: a file can't be read, or the API can't be asked.
    """
    from aichats_cli.code.folder import read_folder
    from aichats_cli.code.plan import Planner

    folder = read_folder(directory)
    return Planner(session.api, folder, session.now(), adopt, prune=prune).plan()


def show_plan(session: Session, plan: Plan, *, for_people: bool = False) -> None:
    """Print a plan in the format that was asked for.

    Args:
        session: the session of the command.
        plan: the plan.
        for_people: print it as people read it. If another format was asked for, print it to standard error.
    """
    from aichats_cli.code.plan_file import plan_data
    from aichats_cli.code.show import plan_lines

    output = session.output
    if for_people and output.format is not Format.table:
        output = Output(Format.table, session.system.stderr, session.system.variables)
    if output.format is Format.table:
        output.lines(plan_lines(plan, output, session.when))
    elif output.format is Format.name:
        output.lines(change.name for change in plan.changes)
    else:
        output.data(plan_data(plan))


def check_problems(plan: Plan) -> None:
    """Raise an error if the plan has problems.

    Raises:
        CommandError: it can't be applied.
    """
    if plan.problems:
        raise CommandError("\n".join(plan.problems), CORRECT)
