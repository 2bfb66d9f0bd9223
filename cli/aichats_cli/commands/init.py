"""`aichats init`: begins a folder of automations."""

from __future__ import annotations

from aichats_cli.code.options import FOLDER, Directory
from aichats_cli.groups import new_group
from aichats_cli.session import Session, command

app = new_group("Automations as code.")


@command(app, "init", examples=["aichats init", "aichats init crm/automations"])
def init(session: Session, directory: Directory = FOLDER) -> None:
    """Begin a folder of automations, with two samples. Existing files stay as they are."""
    from aichats_cli.code.new_folder import begin_folder

    files = [{"name": str(path), "created": is_new} for path, is_new in begin_folder(directory).items()]
    session.output.items(
        files,
        {"file": lambda each: each["name"], "status": lambda each: "created" if each["created"] else "exists already"},
    )
    session.note(f"Write the ID of your company into the samples. Then type: aichats plan {directory}")
