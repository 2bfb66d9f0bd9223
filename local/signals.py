"""How a command ends: by itself, by SIGINT or SIGTERM, or because it cannot go on."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from local.disk import full, is_full
from local.errors import LocalError
from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


class SignalledError(BaseException):
    """The command was told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interruptible(command: Callable[[], int]) -> int:
    """Run a command so that signals unwind it, its ``with`` blocks too, even where it was started with them ignored.

    Returns the exit code: the command's own, 1 after a LocalError or when the disk is full, which is printed, and
    128 + the signal's number.
    """
    for number in ENDING:
        signal.signal(number, unwind)
    try:
        return command()
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if not is_full(error):
            raise
        print(f"\n{full(ROOT)}", file=sys.stderr)
        return 1
    except SignalledError as signalled:
        return 128 + signalled.number


def unwind(number: int, _frame: FrameType | None) -> None:
    """Leave what the main thread does. A second signal does not disturb the cleaning up."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise SignalledError(number)
