"""`aichats apply`: makes a stack equal to a folder of automations."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.code.options import FOLDER, Adopt, Directory, Prune, check_problems, make_plan, show_plan
from aichats_cli.errors import UsageError
from aichats_cli.groups import new_group
from aichats_cli.output import Format
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.code.apply import Applied
    from aichats_cli.code.plan import Plan

app = new_group("Automations as code.")


@command(
    app,
    "apply",
    examples=[
        "aichats apply automations",
        "aichats apply automations --prune --yes",
        "aichats apply automations --plan plan.json --yes",
    ],
)
def apply(
    session: Session,
    directory: Directory = FOLDER,
    *,
    prune: Prune = False,
    adopt: Adopt = None,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="Apply only this plan of plan --out.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply the plan without a question.")] = False,
) -> None:
    """Show the plan, and apply exactly this plan after you confirm it."""
    from aichats_cli.code.apply import apply_plan
    from aichats_cli.code.show import summary

    made = pinned(session, directory, plan) if plan else make_plan(session, directory, prune=prune, adopt=adopt or [])
    if plan and (prune or adopt):
        raise UsageError("the plan in the file has its own --prune and --adopt", "remove them from the command")
    show_plan(session, made, for_people=True)
    check_problems(made)
    if made.changes:
        session.confirm(f"Apply this to {made.url} ({summary(made)})?", yes=yes)
    done: list[Applied] = []

    def report(applied: Applied) -> None:
        done.append(applied)
        session.note(str(applied))

    words = [str(directory), *(["--prune"] if made.prune else [])]
    words += [word for name in made.adopt for word in ("--adopt", name)]
    again = [str(directory), "--plan", str(plan)] if plan else words
    apply_plan(session.api, made, report, look=typed("plan", words), again=typed("apply", again))
    if session.output.format is not Format.table:
        session.output.items([asdict(applied) for applied in done], {})


def pinned(session: Session, directory: Path, file: Path) -> Plan:
    """Return the part of the plan in a file that isn't done yet.

    Raises:
        CommandError: the folder or the stack was changed after the plan was made.
    """
    from aichats_cli.code.plan_file import check_pinned, check_stack, read_plan

    plan = read_plan(file)
    check_stack(plan, session.profile.url)
    return check_pinned(plan, make_plan(session, directory, prune=plan.prune, adopt=plan.adopt))


def typed(name: str, words: Sequence[str]) -> str:
    """Return a command as people type it."""
    return shlex.join(["aichats", name, *words])
