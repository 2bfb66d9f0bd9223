"""The output of commands: tables on a terminal, aligned text in a pipe, and JSON, YAML or names on request."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    type Row = Mapping[str, Any]


class Format(StrEnum):
    """The formats of ``--output``."""

    table = "table"
    json = "json"
    yaml = "yaml"
    name = "name"


COLORS = {
    "succeeded": "green",
    "active": "green",
    "failed": "red",
    "missed": "red",
    "unknown": "red",
    "paused": "yellow",
    "skipped": "yellow",
    "cancelled": "yellow",
    "pending": "cyan",
    "performing": "cyan",
}
"""The color of a status or a state."""


CODES = {"dim": "2", "bold": "1", "green": "32", "yellow": "33", "red": "31", "cyan": "36"}


class Output:
    """Prints to one stream in the format that was asked for."""

    def __init__(self, form: Format, stream: TextIO, variables: Mapping[str, str]) -> None:
        self.format = form
        self._stream = stream
        self.is_terminal = stream.isatty() and variables.get("TERM") != "dumb"
        self.has_colors = self.is_terminal and not variables.get("NO_COLOR")

    def items(self, items: Sequence[Row], columns: Mapping[str, Callable[[Row], object]], name: str = "name") -> None:
        """Print a list: as it is in JSON or YAML, the field ``name`` of each, or a table.

        Args:
            items: the objects of the API.
            columns: the title of each column, and what it shows of an object.
            name: the field that identifies an object.
        """
        if self.format is Format.name:
            self.lines(str(item[name]) for item in items)
        elif self.format is Format.table:
            self.table(list(columns), [[text_of(show(item)) for show in columns.values()] for item in items])
        else:
            self.data(list(items))

    def item(self, item: Row, fields: Mapping[str, object], name: str = "name") -> None:
        """Print one object: as it is in JSON or YAML, its field ``name``, or the ``fields`` under each other."""
        if self.format is Format.name:
            self.lines([str(item[name])])
        elif self.format is Format.table:
            self.fields(fields)
        else:
            self.data(item)

    def data(self, value: object) -> None:
        """Print a value as JSON, or as YAML if that was asked for."""
        if self.format is Format.yaml:
            from ruamel.yaml import YAML

            yaml = YAML()
            yaml.default_flow_style = False
            yaml.dump(value, self._stream)
        else:
            self.lines([json.dumps(value, indent=2, ensure_ascii=False)])

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines at once, even into a pipe."""
        for line in lines:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table. In a pipe its columns are at least two spaces apart and never cut."""
        if self.is_terminal:
            self._rich_table(titles, rows)
            return
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        for row in (list(map(str.upper, titles)), *rows):
            self.lines(["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()])

    def fields(self, fields: Mapping[str, object]) -> None:
        """Print names and values under each other, without those that are empty."""
        shown = {name: text_of(value) for name, value in fields.items() if text_of(value)}
        width = max(map(len, shown), default=0)
        for name, value in shown.items():
            self.lines([f"{self.paint(name.ljust(width), 'dim')}  {self.paint(value, COLORS.get(value))}"])

    def paint(self, text: str, style: str | None) -> str:
        """Return the text in a style if the stream shows colors."""
        if style is None or not self.has_colors:
            return text
        return f"\033[{CODES[style]}m{text}\033[0m"

    def _rich_table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in titles:
            table.add_column(title, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell, style=COLORS.get(cell, "")) for cell in row))
        Console(file=self._stream, no_color=not self.has_colors, highlight=False).print(table)


def text_of(value: object) -> str:
    """Return a value as people read it: nothing for ``None``, a list with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    return str(value)
