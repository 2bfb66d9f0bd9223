"""The commands of `aichats admin` in this process, with its streams and its variables."""

from collections.abc import Callable
from datetime import datetime

from aichats_cli.main import main
from aichats_cli.system import System, utc_now


def admin(*arguments: str, now: Callable[[], datetime] = utc_now) -> int:
    """Run a command. Return its exit code."""
    return main(["admin", *arguments], System(now=now))
