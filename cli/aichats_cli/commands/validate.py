"""`aichats validate`: checks a folder of automations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.code.options import FOLDER, Directory, check_problems
from aichats_cli.errors import CommandError
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.code.folder import Folder
    from aichats_cli.code.plan import Plan

app = new_group("Automations as code.")


@command(app, "validate", examples=["aichats validate automations", "aichats validate automations --offline"])
def validate(
    session: Session,
    directory: Directory = FOLDER,
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Check only what needs no stack.")] = False,
) -> None:
    """Check the files of a folder, and let the stack check what differs from it. Nothing is changed."""
    from aichats_cli.code.folder import read_folder

    folder = read_folder(directory)
    plan = None if offline else checked_by_stack(session, folder)
    warnings = {change.name: change.warnings for change in plan.changes} if plan else {}
    if plan:
        check_problems(plan)
    session.output.items(
        [
            {"name": name, "file": str(file.path), "warnings": warnings.get(name, [])}
            for name, file in folder.files.items()
        ],
        {
            "name": lambda each: each["name"],
            "file": lambda each: each["file"],
            "warnings": lambda each: each["warnings"] or "none",
        },
    )


def checked_by_stack(session: Session, folder: Folder) -> Plan | None:
    """Return the plan of a folder that may write all its automations; ``None`` if the stack can't be reached.

    Raises:
        ApiError: the stack rejects the request, for example because the token is invalid.
    """
    from aichats_cli.api import ApiError
    from aichats_cli.code.plan import Planner

    try:
        return Planner(session.api, folder, session.now(), adopt=["*"]).plan()
    except ApiError:
        raise
    except CommandError as error:
        session.note(f"Checked without a stack: {error.message}")
        return None
