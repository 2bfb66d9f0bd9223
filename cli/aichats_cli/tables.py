"""Tables of text: columns that fit a terminal without cutting a word, or that are never cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    type Paint = Callable[[str, str], str]
    """Returns a text with its style: the text of a cell, and what it is printed as."""

GAP = 2
"""Spaces between two columns."""
WHOLE = 20
"""A column of at most this width, such as a time, is never wrapped."""
TITLE = "\0title"
"""In place of a cell's text: the text to paint is a title."""
NUMBER = re.compile(r"-?[\d,]+(\.\d+)?( ?%)?")


class Layout(NamedTuple):
    """The widths of the columns of a table."""

    widths: list[int]
    """The widths of the first columns, which are side by side."""
    folded: int
    """The number of last columns that have lines of their own, below each row."""


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Return a text with spaces after it, or before it, so that it takes ``width`` columns."""
    spaces = " " * (width - width_of(text))
    return spaces + text if right else text + spaces


def fit(columns: Sequence[Sequence[str]], space: int | None) -> Layout:
    """Return how columns fit into ``space``; ``None``: there is no limit.

    The widest columns of words are made narrower first. If the longest words don't fit, the last columns are folded.
    """
    natural = [max(map(width_of, column), default=0) for column in columns]
    if space is None:
        return Layout(natural, 0)
    least = [width if width <= WHOLE else longest_word(column) for width, column in zip(natural, columns, strict=True)]
    count = len(columns)
    while count > 1 and sum(least[:count]) + GAP * (count - 1) > space:
        count -= 1
    return Layout(narrowed(natural[:count], least[:count], space - GAP * (count - 1)), len(columns) - count)


def narrowed(natural: Sequence[int], least: Sequence[int], space: int) -> list[int]:
    """Return widths with a sum of at most ``space``, if the least widths allow it."""
    widths = list(natural)
    while sum(widths) > space:
        candidates = [index for index, width in enumerate(widths) if width > least[index]]
        if not candidates:
            break
        widths[max(candidates, key=widths.__getitem__)] -= 1
    return widths


def longest_word(column: Sequence[str]) -> int:
    """Return the width of the longest word of a column."""
    return max((width_of(word) for cell in column for word in cell.split()), default=0)


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text. A word that is longer than ``width`` is not cut."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and width_of(longer) > width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint, space: int | None) -> Iterator[str]:
    """Yield the lines of a table.

    Args:
        titles: of the columns.
        rows: the texts of each row.
        paint: returns a text that has its width already with the style of the cell's text.
        space: the width of the terminal; ``None``: nothing is wrapped.
    """
    columns = [[title, *cells] for title, cells in zip(titles, zip(*rows, strict=True), strict=True)]
    layout = fit(columns, space)
    right = [all(NUMBER.fullmatch(cell) for cell in column[1:] if cell) for column in columns]
    count = len(layout.widths)
    yield from row_lines(titles[:count], layout, right, lambda text, _: paint(text, TITLE))
    for row in rows:
        yield from row_lines(row[:count], layout, right, paint)
        for title, cell in zip(titles[count:], row[count:], strict=True):
            if cell:
                yield from folded_lines(title, cell, paint, space)


def row_lines(cells: Sequence[str], layout: Layout, right: Sequence[bool], paint: Paint) -> Iterator[str]:
    """Yield the lines of one row."""
    parts = [wrapped(cell, width) for cell, width in zip(cells, layout.widths, strict=True)]
    for number in range(max(map(len, parts))):
        shown = [
            (padded(lines[number] if number < len(lines) else "", width, right=at_right), cell)
            for cell, lines, width, at_right in zip(cells, parts, layout.widths, right[: len(cells)], strict=True)
        ]
        shown[-1] = (shown[-1][0].rstrip(), shown[-1][1])
        yield (" " * GAP).join(paint(text, cell) if text.strip() else text for text, cell in shown).rstrip()


def folded_lines(title: str, cell: str, paint: Paint, space: int | None) -> Iterator[str]:
    """Yield the lines of a column that doesn't fit beside the others."""
    first, *others = wrapped(cell, (space or 80) - len(title) - 4)
    yield f"  {paint(title, TITLE)}  {paint(first, cell)}"
    for line in others:
        yield f"{' ' * (len(title) + 4)}{paint(line, cell)}"
