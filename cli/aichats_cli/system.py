"""The machine on which a command runs. Tests replace parts of it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    import httpx


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def read_hidden(prompt: str) -> str:
    """Return what a person types, without an echo: nothing after Ctrl-D."""
    from getpass import getpass

    try:
        return getpass(prompt)
    except EOFError:
        return ""


def open_in_browser(url: str) -> bool:
    """Open a page in the browser. Return whether there is a browser."""
    import webbrowser  # 10 ms

    return webbrowser.open(url)


@dataclass(frozen=True)
class System:
    """The variables, the streams, the clock and the network of a machine."""

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    hidden: Callable[[str], str] = read_hidden
    """Asks the person at the terminal for a secret, without an echo."""
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    zone: ZoneInfo | None = None
    """The time zone in which people write and read times; ``None``: that of the operating system."""
    transport: httpx.BaseTransport | None = None
    """Sends the requests; ``None``: over the network."""
    browse: Callable[[str], bool] = open_in_browser
