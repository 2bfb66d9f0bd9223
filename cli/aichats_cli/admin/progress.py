"""Progress of work that takes a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aichats_cli.session import Session


@contextmanager
def passing(session: Session, text: str) -> Iterator[None]:
    """Show a text on a terminal while the ``with`` block runs, and nothing in a pipe."""
    stream = session.system.stderr
    is_terminal = stream.isatty() and session.system.variables.get("TERM") != "dumb"
    if is_terminal:
        print(f"\r{text}\033[K", end="", file=stream, flush=True)
    try:
        yield
    finally:
        if is_terminal:
            print("\r\033[K", end="", file=stream, flush=True)
