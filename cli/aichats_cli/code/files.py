"""Reads the file of an automation. The file's name is the automation's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats_cli.code.documents import READERS
from aichats_cli.code.form import check_form
from aichats_cli.code.problems import DocumentError, FieldPath, FileError, dotted

if TYPE_CHECKING:
    from pathlib import Path

    from aichats_cli.code.yaml_values import Document

MAX_BYTES = 1_000_000
"""The maximum size of a file. The API takes definitions of at most 350 KB."""
NAME = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True)
class AutomationFile:
    """The file of an automation.

    Attributes:
        fields: the fields of the automation, as PUT takes them.
        document: the same fields, with their lines.
    """

    path: Path
    fields: dict[str, Any]
    document: Document

    @property
    def name(self) -> str:
        """The name of the automation."""
        return self.path.stem

    def error(self, problem: str, path: FieldPath = ()) -> FileError:
        """Return an error about a field."""
        return file_error(self.path, DocumentError(problem, path), self.document)


def read_automation(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the name of an automation and its fields, as PUT takes them.

    Raises:
        FileError: the file can't be read, or isn't an automation.
    """
    file = read_file(path)
    return file.name, file.fields


def read_file(path: Path) -> AutomationFile:
    """Return the content of the file of an automation.

    Raises:
        FileError: the file can't be read, or isn't an automation.
    """
    name = path.stem
    if not NAME.fullmatch(name):
        problem = f"{name!r} is not the name of an automation. Use lowercase letters, digits and hyphens, at most 64"
        raise FileError(path, problem)
    text = read_text(path)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise FileError(path, f"must end with one of {', '.join(READERS)}")
    document = None
    try:
        document = read(text)
        check_form(document.value)
    except DocumentError as error:
        raise file_error(path, error, document) from None
    except RecursionError:
        raise FileError(path, "is nested too deep") from None
    return AutomationFile(path, document.value, document)


def read_text(path: Path) -> str:
    """Return the text of a file, without the carriage returns of Windows.

    Raises:
        FileError: the file can't be read, is too large or isn't UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileError(path, f"can't read the file: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise FileError(path, f"has more than {MAX_BYTES} bytes")
    try:
        return unix_lines(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(path, "is not UTF-8. Save the file in this encoding", line=line) from None


def unix_lines(text: str) -> str:
    """Return a text without the carriage returns of Windows."""
    return text.replace("\r\n", "\n")


def file_error(path: Path, error: DocumentError, document: Document | None) -> FileError:
    """Return the error of a file. Without a line of its own, it is on the line of the field, or of the nearest one."""
    line, place = error.line, error.path
    while document and line is None:
        line = document.lines.get(place)
        if not place:
            break
        place = place[:-1]
    return FileError(path, error.problem, dotted(error.path), line)
