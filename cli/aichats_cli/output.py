"""The output of commands: tables on a terminal, aligned text in a pipe, and JSON, YAML or names on request."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from aichats_cli.tables import LABEL, TITLE, table_lines

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
    "working": "green",
    "delivered": "green",
    "failing": "red",
    "disabled": "yellow",
    "waiting": "yellow",
}
"""The color of a status or a state."""


CODES = {"dim": "2", "bold": "1", "green": "32", "yellow": "33", "red": "31", "cyan": "36"}
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that control a terminal or the direction of a text. The joiners of emoji are none of them."""
NARROWEST = 40
"""The least width of a terminal for which tables are made."""


def is_terminal(stream: TextIO, variables: Mapping[str, str]) -> bool:
    """Return whether a stream is a terminal that can show more than plain lines."""
    return stream.isatty() and variables.get("TERM") != "dumb"


def shows_colors(stream: TextIO, variables: Mapping[str, str]) -> bool:
    """Return whether to print colors: on a terminal, or with FORCE_COLOR, but never with NO_COLOR."""
    return not variables.get("NO_COLOR") and (bool(variables.get("FORCE_COLOR")) or is_terminal(stream, variables))


def styled(text: str, style: str) -> str:
    """Return the text in a style."""
    return f"\033[{CODES[style]}m{text}\033[0m"


class Output:
    """Prints to one stream in the format that was asked for.

    Args:
        form: the format.
        stream: the standard output.
        variables: those of the environment, such as NO_COLOR and COLUMNS.
        notes: the standard error, for what isn't part of the result.
    """

    def __init__(self, form: Format, stream: TextIO, variables: Mapping[str, str], notes: TextIO | None = None) -> None:
        self.format = form
        self._stream, self._notes, self._variables = stream, notes or sys.stderr, variables
        self.is_terminal = is_terminal(stream, variables)
        self.has_colors = shows_colors(stream, variables)

    def items(
        self,
        items: Sequence[Row],
        columns: Mapping[str, Callable[[Row], object]],
        name: str = "name",
        *,
        empty: str = "nothing found",
    ) -> None:
        """Print a list: as it is in JSON or YAML, the field ``name`` of each, or a table.

        Args:
            items: the objects of the API.
            columns: the title of each column, and what it shows of an object.
            name: the field that identifies an object.
            empty: what to print to standard error in place of a table without rows, such as the command that adds one.
        """
        if self.format is Format.name:
            self.lines(str(item[name]) for item in items)
        elif self.format is Format.table and not items:
            print(empty, file=self._notes)
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
            has_all = (self._stream.encoding or "utf-8").lower().startswith("utf")
            self.lines([json.dumps(value, indent=2, ensure_ascii=not has_all)])

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines at once, even into a pipe."""
        for line in lines:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table. On a terminal it fits the width; in a pipe nothing is wrapped."""
        space = self.width if self.is_terminal else None
        self.lines(table_lines(list(map(str.upper, titles)), rows, self._paint_cell, space))

    @property
    def width(self) -> int:
        """The width of the terminal: 80 if it has none."""
        return width_of(self._stream, self._variables)

    def fields(self, fields: Mapping[str, object]) -> None:
        """Print names and values under each other, without those that are empty."""
        shown = {name: text_of(value) for name, value in fields.items() if text_of(value)}
        width = max(map(len, shown), default=0)
        for name, text in shown.items():
            value = "\n".join(f"{'':{width}}  {line}".rstrip() for line in text.split("\n")).lstrip()
            self.lines([f"{self.paint(name.ljust(width), 'dim')}  {self.paint(value, COLORS.get(value))}"])

    def paint(self, text: str, style: str | None) -> str:
        """Return the text in a style if the stream shows colors."""
        return styled(text, style) if style and self.has_colors else text

    def _paint_cell(self, text: str, cell: str) -> str:
        return self.paint(text, {TITLE: "bold", LABEL: "dim"}.get(cell) or COLORS.get(cell))


def printable(text: str) -> str:
    """Return a text without characters that control a terminal, because a server or another person wrote it."""
    return CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def width_of(stream: TextIO, variables: Mapping[str, str]) -> int:
    """Return the width of a terminal: 80 if it has none."""
    columns = variables.get("COLUMNS", "")
    if columns.isdigit():
        return max(int(columns), NARROWEST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, NARROWEST)
    except (OSError, ValueError):
        return 80


def note_lines(text: str, stream: TextIO, variables: Mapping[str, str]) -> str:
    """Return a text for people. On a terminal no word is cut at its edge, but a line with a command can be copied."""
    lines = printable(text).split("\n")
    if is_terminal(stream, variables):
        lines = [part for line in lines for part in _folded(line, width_of(stream, variables))]
    return "\n".join(lines)


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width or "aichats " in line:
        return [line]
    indent = " " * (len(line) - len(line.lstrip(" →")))
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def text_of(value: object) -> str:
    """Return a value as people read it: nothing for ``None``, a list with commas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(text_of, value))
    return printable(str(value))
