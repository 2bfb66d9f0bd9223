"""Tables of text: columns that fit a terminal without cutting a word, or that are never cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    type Paint = Callable[[str, str], str]
    """Returns a text with its style: the text of a cell, and what it is printed as."""

GAP = 2
"""Spaces between two columns."""
NARROW = 24
"""Text is not wrapped into less than this."""
TITLE, LABEL = "\0title", "\0label"
"""In place of a cell's text: the text to paint is the title of a column, or of a folded cell."""
NUMBER = re.compile(r"-?[\d,]+(\.\d+)?( ?%)?")


class Layout(NamedTuple):
    """The columns of a table that are side by side, and their widths. The others are folded: below each row."""

    shown: list[int]
    widths: list[int]


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

    The widest columns of text are made narrower first. If that isn't enough, the widest columns are folded, but never
    the first.
    """
    natural = [max(map(width_of, column), default=0) for column in columns]
    shown = list(range(len(columns)))
    if space is None:
        return Layout(shown, natural)
    least = [min(width, max(longest_word(column), NARROW)) for width, column in zip(natural, columns, strict=True)]
    while len(shown) > 1 and sum(least[index] for index in shown) + GAP * (len(shown) - 1) > space:
        shown.remove(max(shown[1:], key=natural.__getitem__))
    widths = narrowed(
        [natural[index] for index in shown], [least[index] for index in shown], space - GAP * (len(shown) - 1)
    )
    return Layout(shown, widths)


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
    right = [all(NUMBER.fullmatch(cell) for cell in columns[index][1:] if cell) for index in layout.shown]
    folded = [index for index in range(len(titles)) if index not in layout.shown]
    yield from row_lines([titles[index] for index in layout.shown], layout, right, lambda text, _: paint(text, TITLE))
    for row in rows:
        yield from row_lines([row[index] for index in layout.shown], layout, right, paint)
        cells = {titles[index].lower(): row[index] for index in folded if row[index]}
        yield from folded_lines(cells, paint, space or 0)


def row_lines(cells: Sequence[str], layout: Layout, right: Sequence[bool], paint: Paint) -> Iterator[str]:
    """Yield the lines of one row."""
    parts = [wrapped(cell, width) for cell, width in zip(cells, layout.widths, strict=True)]
    for number in range(max(map(len, parts))):
        texts = [
            padded(lines[number] if number < len(lines) else "", width, right=at_right)
            for lines, width, at_right in zip(parts, layout.widths, right, strict=True)
        ]
        texts[-1] = texts[-1].rstrip()
        painted = [paint(text, cell) if text.strip() else text for text, cell in zip(texts, cells, strict=True)]
        yield (" " * GAP).join(painted).rstrip()


def folded_lines(cells: Mapping[str, str], paint: Paint, space: int) -> Iterator[str]:
    """Yield cells with their titles, as many in a line as fit."""
    line, used = "", 0
    for title, cell in cells.items():
        first, *others = wrapped(cell, max(space - len(title) - GAP - 1, NARROW))
        width = len(title) + 1 + width_of(first)
        if line and used + GAP + width > space:
            yield line
            line, used = "", 0
        line += f"{' ' * GAP}{paint(title, LABEL)} {paint(first, cell)}"
        used += GAP + width
        for other in others:
            yield line
            line = f"{' ' * (GAP + len(title) + 1)}{paint(other, cell)}"
            used = space
    if line:
        yield line
