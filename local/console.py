"""What the commands print: progress, tables, and colours where somebody can see them."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


class Console:
    """Prints for people: with progress and colours on a terminal, in plain lines otherwise or with NO_COLOR."""

    def __init__(self, stream: TextIO = sys.stdout, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        self._has_colours = self._is_terminal and not environment.get("NO_COLOR")

    def line(self, text: str = "") -> None:
        """One line, at once, also into a pipe."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def coloured(self, text: str, code: str) -> str:
        """The text in a colour, where there are any."""
        return f"\033[{code}m{text}\033[0m" if self._has_colours else text

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show that something goes on, and how long it took once it is done."""
        begun = time.monotonic()
        if self._is_terminal:
            print(f"  … {text}", end="", file=self._stream, flush=True)
        try:
            yield
        except BaseException:
            self._finish(self.coloured("✗", RED), text, begun)
            raise
        self._finish(self.coloured("✓", GREEN), text, begun)

    def _finish(self, mark: str, text: str, begun: float) -> None:
        seconds = self.coloured(f"{time.monotonic() - begun:.1f} s", DIM)
        self.line(f"{'\r' if self._is_terminal else ''}  {mark} {text}  {seconds}")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Names and values, one below the other; each value stands alone, to be copied."""
        rows = list(rows)
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.line(f"  {self.coloured(name.ljust(width), DIM)}  {value}")
