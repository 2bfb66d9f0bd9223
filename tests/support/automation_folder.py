"""A folder of automations for tests of `aichats plan` and its neighbors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aichats_cli.code.documents import READERS
from tests.support.cli import Cli
from tests.support.fakes import Json

MANAGED_BY = "github.com/example/crm"


def markdown(message: str = "How was the week?", expression: str = "rate(1 hour)", **fields: Any) -> str:
    """Return a Markdown file. Further fields are written as JSON, which is YAML too."""
    front = {"trigger": {"type": "schedule", "expression": expression}, "targets": ["biz_A"], **fields}
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in front.items())
    return f"---\n{lines}---\n\n{message}\n"


@dataclass
class AutomationFolder:
    """A folder with an `aichats.toml`."""

    path: Path
    managed_by: str = MANAGED_BY

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.write("aichats.toml", f"managed_by = {json.dumps(self.managed_by)}\n")

    def __str__(self) -> str:
        return str(self.path)

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        file = self.path / name
        file.write_bytes(text.encode())
        return file

    def read(self, name: str) -> str:
        """Return the text of a file, with its line ends."""
        return (self.path / name).read_bytes().decode()

    def delete(self, name: str) -> None:
        """Delete the file of an automation."""
        self.file(name).unlink()

    def file(self, name: str) -> Path:
        """Return the file of an automation."""
        return next(file for file in self.path.iterdir() if file.stem == name and file.suffix in READERS)

    @property
    def names(self) -> list[str]:
        """The names of all files of automations."""
        return sorted(file.stem for file in self.path.iterdir() if file.suffix in READERS)


def stored(cli: Cli) -> dict[str, Json]:
    """Return the automations of the stack as they were sent."""
    return {row.name: row.written for row in cli.stack.app.automation_table.list()}


def etags(cli: Cli) -> dict[str, str]:
    """Return the versions of the automations of the stack."""
    return {row.name: row.etag for row in cli.stack.app.automation_table.list()}
