"""Output of the commands: progress, tables, and colors on a terminal."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BOLD, DIM, GREEN, YELLOW, RED = "1", "2", "32", "33", "31"


class Console:
    """Output for people: with progress and colors on a terminal, otherwise or with NO_COLOR in plain lines."""

    def __init__(self, stream: TextIO = sys.stdout, environment: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty() and environment.get("TERM") != "dumb"
        self._has_colors = self._is_terminal and not environment.get("NO_COLOR")

    def line(self, text: str = "") -> None:
        """Print one line immediately, even into a pipe."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def colored(self, text: str, code: str) -> str:
        """Return the text in a color if the output shows colors."""
        return f"\033[{code}m{text}\033[0m" if self._has_colors else text

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a step while the ``with`` block runs, and after it how long it took."""
        begun = time.monotonic()
        if self._is_terminal:
            print(f"  … {text}", end="", file=self._stream, flush=True)
        try:
            yield
        except BaseException:
            self._finish(self.colored("✗", RED), text, begun)
            raise
        self._finish(self.colored("✓", GREEN), text, begun)

    def _finish(self, mark: str, text: str, begun: float) -> None:
        seconds = self.colored(f"{time.monotonic() - begun:.1f} s", DIM)
        self.line(f"{'\r' if self._is_terminal else ''}  {mark} {text}  {seconds}")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print a row for each name and value."""
        rows = list(rows)
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self.line(f"  {self.colored(name.ljust(width), DIM)}  {value}")


def show_chat(console: Console, provider: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print the fields of a chat of a provider's mock server."""
    console.line()
    console.line(console.colored(f"Chat in the mock of {provider}:", BOLD))
    console.table(rows)
