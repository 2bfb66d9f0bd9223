"""The end of a command by a signal: what is open is closed, and a short step is completed first."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a command: Ctrl-C, `kill`, and a terminal that closes."""


class SignalledError(BaseException):
    """A signal to end the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def end_on_signals() -> None:
    """Let signals end the command and its ``with`` blocks, even if it was started with signals ignored.

    SIGHUP stays ignored if it was, because `nohup` starts commands in this way, so that they outlive the terminal.
    """
    for number in ENDING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, unwind)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let signals end the ``with`` block. After it they do what they did before, unless one of them ended it.

    Raises:
        SignalledError: a signal ended the block. Further signals are ignored.
    """
    earlier = {number: signal.getsignal(number) for number in ENDING}
    end_on_signals()
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) == unwind:
            for number, handler in earlier.items():
                signal.signal(number, handler)


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
