"""The pages of the documentation, as tests read them: links, headings, tables, and shell blocks with their marks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.setup import ROOT

DOCS = ROOT / "docs"
_BLOCK = re.compile(
    r"(?P<marks>(?:^[ ]*<!--[^\n]*-->\n)*)^(?P<indent>[ ]*)```sh\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"^[ ]*```.*?^[ ]*```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class ShellBlock:
    """A shell block of a page. Its marks are HTML comments above it, which readers don't see.

    Attributes:
        page: path below the repository.
        text: the commands.
        on_aws: the block needs an AWS account or another machine (``<!-- aws -->``).
        in_terminal: the block runs in a terminal of its own until Ctrl-C (``<!-- terminal -->``).
        fired: slots for which schedules fired before, as ``name time`` (``<!-- fired: … -->``). The time may be
            ``yesterday 08:30``.
        given: what the page assumes: commands, or a page whose first block runs (``<!-- given: … -->``).
        types: what the reader types while the block runs (``<!-- types: … -->``).
        waits: the reader repeats the block until it shows what is expected (``<!-- wait -->``).
        shows: pattern of what it prints (``<!-- shows: … -->``).
        exits: its exit code, if that isn't 0 (``<!-- exits: … -->``).
    """

    page: str
    text: str
    on_aws: bool
    in_terminal: bool
    fired: list[str]
    given: list[str]
    types: str
    waits: bool
    shows: str | None
    exits: int


def pages() -> list[Path]:
    """Return all Markdown files of the repository that people read."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def shell_blocks(page: Path) -> list[ShellBlock]:
    """Return the shell blocks of a page, from top to bottom."""
    blocks = []
    for found in _BLOCK.finditer(page.read_text()):
        marks = [mark.strip() for mark in re.findall(r"<!--(.*?)-->", found["marks"])]
        names = ("fired", "given", "types", "shows", "exits")
        fired, given, types, shows, exits = (_values(marks, name) for name in names)
        blocks.append(
            ShellBlock(
                page=str(page.relative_to(ROOT)),
                text=re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
                on_aws="aws" in marks,
                in_terminal="terminal" in marks,
                fired=fired,
                given=given,
                types="".join(f"{line}\n" for line in types),
                waits="wait" in marks,
                shows=shows[0] if shows else None,
                exits=int(exits[0]) if exits else 0,
            )
        )
    return blocks


def _values(marks: list[str], name: str) -> list[str]:
    return [mark.removeprefix(f"{name}:").strip() for mark in marks if mark.startswith(f"{name}:")]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links, without those in code."""
    yield from re.findall(r"\]\(([^)\s]+)\)", _CODE.sub("", page.read_text()))


def pictures(page: Path) -> Iterator[str]:
    """Yield the paths of the pictures of a page, in each theme."""
    yield from re.findall(r'<(?:img|source)\b[^>]*\bsrc(?:set)?="([^"]+)"', page.read_text())


def tables(page: Path) -> list[list[list[str]]]:
    """Return the tables of a page: rows of cells, without headings."""
    found = re.findall(r"^\|.*\|\n\|[ :|-]+\|\n((?:\|.*\|\n?)+)", page.read_text(), re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows.splitlines()] for rows in found]


def first_names(page: str, *, table: int | None = None) -> list[str]:
    """Return the names in backticks in the first column of the tables of a page of the reference.

    A cell may name several. ``table`` selects one table.
    """
    selected = tables(DOCS / page) if table is None else [tables(DOCS / page)[table]]
    return [name for rows in selected for row in rows for name in re.findall(r"`([^`]+)`", row[0])]
