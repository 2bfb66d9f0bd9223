"""`aichats export`: writes the automations of a stack to their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aichats_cli.code.options import FOLDER, Directory
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

if TYPE_CHECKING:
    from aichats_cli.code.export import FileChange

app = new_group("Automations as code.")
PAST = {"create": "created", "change": "changed", "delete": "deleted"}


@command(app, "export", examples=["aichats export automations", "aichats export automations --all"])
def export(
    session: Session,
    directory: Directory = FOLDER,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Write the automations too that the folder doesn't manage.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete the files of automations that don't exist.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete files without a question.")] = False,
) -> None:
    """Write the automations of a stack to files. Only files that differ change, and their comments stay."""
    from aichats_cli.code.export import change_file, file_changes
    from aichats_cli.code.folder import read_folder
    from aichats_cli.code.remote import list_written

    folder = read_folder(directory)
    changes = list(file_changes(folder, list_written(session.api), everything=everything, prune=prune))
    deleted = [change.path.name for change in changes if change.action == "delete"]
    if deleted and not dry_run:
        session.confirm(f"Delete {', '.join(deleted)}?", yes=yes)
    for change in changes:
        if not dry_run:
            change_file(change)
    show(session, changes)


def show(session: Session, changes: list[FileChange]) -> None:
    """Print the files that were changed, or would be."""
    files = [{"name": change.name, "file": str(change.path), "action": change.action} for change in changes]
    session.output.items(
        files,
        {
            "name": lambda each: each["name"],
            "file": lambda each: each["file"],
            "change": lambda each: PAST[each["action"]],
        },
        empty="no changes: the files are equal to the stack",
    )
