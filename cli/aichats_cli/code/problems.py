"""Errors in the files of a folder. Each names the file, the line and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

type FieldPath = tuple[str | int, ...]
"""The place of a value in a document."""

CORRECT = "correct the files, and type the command again"
"""The hint of errors in files. It is here because no help needs what reads the files."""


class DocumentError(Exception):
    """A document that can't be read, or a field in it that is wrong.

    Args:
        problem: what is wrong, and how to correct it.
        path: the field.
        line: the line, from 1; ``None`` if the document knows the line of the field.
    """

    def __init__(self, problem: str, path: FieldPath = (), line: int | None = None) -> None:
        super().__init__(problem)
        self.problem, self.path, self.line = problem, path, line


class FileError(CommandError):
    """An error in a file.

    Args:
        path: the file.
        problem: what is wrong, and how to correct it.
        field: the field, such as ``trigger.expression``.
        line: the line, from 1.
    """

    def __init__(self, path: Path, problem: str, field: str = "", line: int | None = None) -> None:
        place = f"{path}, line {line}" if line else str(path)
        super().__init__(": ".join(filter(None, [place, field, problem])))
        self.path, self.problem, self.field, self.line = path, problem, field, line


def dotted(path: FieldPath) -> str:
    """Return the name of a field as the API's errors have it, such as ``targets.0``."""
    return ".".join(map(str, path))
