"""Writes the automations of a stack to the files of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aichats_cli.code.folder import Folder, as_text
from aichats_cli.code.problems import FileError
from aichats_cli.code.rendering import render
from aichats_cli.code.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aichats_cli.code.remote import WrittenAutomation


@dataclass(frozen=True)
class FileChange:
    """A file that differs from the stack.

    Attributes:
        fields: the fields that the file gets; ``None``: the file is deleted.
    """

    name: str
    path: Path
    action: Literal["create", "change", "delete"]
    fields: dict[str, Any] | None


def file_changes(
    folder: Folder, stored: dict[str, WrittenAutomation], *, everything: bool, prune: bool
) -> Iterator[FileChange]:
    """Yield the files that must change so that a plan is empty.

    Args:
        folder: the folder.
        stored: the automations of the stack.
        everything: write the automations too that the folder doesn't manage.
        prune: delete the files whose automations don't exist.
    """
    for name, automation in stored.items():
        is_own = automation.managed_by == folder.managed_by
        file = folder.files.get(name)
        if not (is_own or everything) or (file and as_text(folder.body(name)) == as_text(automation.fields)):
            continue
        states = file is not None and "managed_by" in file.fields
        fields = fields_of(automation, with_manager=states or not is_own)
        path = file.path if file else folder.path / f"{name}.md"
        yield FileChange(name, path, "change" if file else "create", fields)
    if prune:
        for name, file in folder.files.items():
            if name not in stored:
                yield FileChange(name, file.path, "delete", None)


def fields_of(automation: WrittenAutomation, *, with_manager: bool) -> dict[str, Any]:
    """Return the fields of a file. ``managed_by`` is stated only if the folder doesn't manage the automation."""
    fields = {name: value for name, value in automation.fields.items() if name != "managed_by"}
    return fields | ({"managed_by": automation.managed_by} if with_manager else {})


def change_file(change: FileChange) -> None:
    """Write or delete a file.

    Raises:
        FileError: it can't be written, or its content couldn't be read again.
    """
    if change.fields is None:
        try:
            change.path.unlink(missing_ok=True)
        except OSError as error:
            raise FileError(change.path, f"can't delete the file: {error.strerror}") from None
        return
    write_text(change.path, render(change.path, change.fields))
