"""A folder of automations: its settings in `aichats.toml`, and a file for each automation."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aichats_cli.code.documents import READERS
from aichats_cli.code.files import AutomationFile, read_file, read_text
from aichats_cli.code.problems import CORRECT, FileError
from aichats_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = "aichats.toml"
MAX_MANAGED_BY = 200
"""The maximum length of ``managed_by`` in characters."""


@dataclass(frozen=True)
class Folder:
    """A folder whose files can all be read.

    Attributes:
        managed_by: the name under which the folder manages automations.
        files: the files by the names of their automations, sorted.
    """

    path: Path
    managed_by: str
    files: dict[str, AutomationFile]

    def body(self, name: str) -> dict[str, Any]:
        """Return an automation as PUT takes it, with the folder's ``managed_by`` unless the file has its own."""
        return without_null_manager({"managed_by": self.managed_by} | self.files[name].fields)

    @property
    def digest(self) -> str:
        """A hash of all automations. It stays the same if only comments or the form of a file change."""
        content = [self.managed_by, {name: self.body(name) for name in self.files}]
        return hashlib.sha256(as_text(content).encode()).hexdigest()


def read_folder(path: Path) -> Folder:
    """Return the content of a folder.

    Raises:
        CommandError: a file can't be read, or two files have the same name. The message has all these errors.
    """
    errors: list[FileError] = []
    files: dict[str, AutomationFile] = {}
    managed_by = read_managed_by(path)
    for name, paths in sorted(_paths(path).items()):
        try:
            files[name] = read_file(paths[0])
        except FileError as error:
            errors.append(error)
        errors += [FileError(other, f"has the same name as {paths[0].name}. Keep one of them") for other in paths[1:]]
    if errors:
        raise CommandError("\n".join(error.message for error in errors), CORRECT)
    return Folder(path, managed_by, files)


def read_managed_by(path: Path) -> str:
    """Return the name under which a folder manages automations.

    Raises:
        CommandError: the settings of the folder are missing or wrong.
    """
    settings = path / SETTINGS
    if not settings.is_file():
        raise CommandError(f"{path} is not a folder of automations: it has no {SETTINGS}", f"aichats init {path}")
    try:
        content = tomllib.loads(read_text(settings))
    except tomllib.TOMLDecodeError as error:
        raise FileError(settings, f"not valid TOML: {error}") from None
    managed_by = content.pop("managed_by", None)
    if content:
        raise FileError(settings, "is not a setting. The only setting is managed_by", next(iter(content)))
    if not isinstance(managed_by, str) or not 1 <= len(managed_by) <= MAX_MANAGED_BY:
        raise FileError(settings, f"must be a text of 1 to {MAX_MANAGED_BY} characters", "managed_by")
    return managed_by


def without_null_manager(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an automation, without ``managed_by`` if it is null, because that is its default."""
    return {name: value for name, value in fields.items() if name != "managed_by" or value is not None}


def as_text(value: object) -> str:
    """Return JSON that is the same for equal values, whatever the order of their fields."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _paths(folder: Path) -> dict[str, list[Path]]:
    """Return the files with automations by name: not the folder's README, and no hidden files."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in _files(folder):
        is_readme = path.stem.lower() == "readme" != path.stem  # An automation may have the name readme.
        if path.suffix.lower() in READERS and not is_readme and not path.name.startswith("."):
            found[path.stem].append(path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise FileError(folder, f"can't read the folder: {error.strerror}") from None
