"""The end of a command: when it is done, by SIGINT, SIGTERM or SIGHUP, or by an error."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.disk import full, is_full
from local.errors import LocalError
from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command: Ctrl-C, `kill`, and a terminal that closes."""


class SignalledError(BaseException):
    """A signal to end the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interruptible(command: Callable[[], int]) -> int:
    """Run a command so that signals end it and its ``with`` blocks, even if it was started with signals ignored.

    SIGHUP stays ignored if it was, because `nohup` starts commands in this way, so that they outlive the terminal.
    Return the exit code: the command's own, 1 after a LocalError or a full disk, which is printed, or 128 + the number
    of the signal. If the reader of the output ends, such as `head`, that counts as SIGPIPE.
    """
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, unwind)
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        # At its exit, Python writes what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
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
    return code


def unwind(number: int, _frame: FrameType | None) -> None:
    """Interrupt the main thread. Further signals are ignored, so that they don't interrupt the cleanup.

    Objects that the signal leaves half built fail in their ``__del__``, and Python would print each such exception.
    """
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    sys.unraisablehook = lambda _: None
    raise SignalledError(number)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore signals during the ``with`` block: for a short step that must end in a known state."""
    earlier = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
