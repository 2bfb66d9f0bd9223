"""The end of a command that fails: what a person reads, and the exit code."""

from __future__ import annotations

import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Self, TextIO

import typer

from aichats_cli.errors import CommandError
from aichats_cli.output import note_lines, printable, shows_colors, styled

if TYPE_CHECKING:
    from types import TracebackType

    from aichats_cli.system import System

INTERRUPTED, CLOSED_PIPE = 130, 141
"""The exit codes after Ctrl-C, and after the reader of the output ended: those of programs that the signal ends."""


class Ending:
    """Ends a command. An error of the ``with`` block is printed, and becomes the exit code ``code``.

    Args:
        system: the machine on which the command runs.
        debug: print the traceback of an error that the command didn't expect.
    """

    def __init__(self, system: System, *, debug: bool) -> None:
        self._system, self._debug = system, debug
        self.code = 0

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Return True if the error was printed. Others, such as a kill in a test, are raised on."""
        match error:
            case None:
                return False
            case typer.Exit():
                self.code = error.exit_code
            case SystemExit():
                self.code = error.code if isinstance(error.code, int) else int(error.code is not None)
            case KeyboardInterrupt() | typer.Abort():
                self.code = INTERRUPTED
                if self._system.stderr.isatty():
                    print(file=self._system.stderr)  # The prompt of the shell begins a line.
            case BrokenPipeError():
                self.code = CLOSED_PIPE
                silence(self._system.stdout)
            case Exception():
                self._fail(error)
            case _:
                return False
        return True

    def _fail(self, error: Exception) -> None:
        if self._debug and not isinstance(error, CommandError | typer.TyperException):
            traceback.print_exception(error, file=self._system.stderr)
        message, hint, self.code = described(error)
        colors = shows_colors(self._system.stderr, self._system.variables)
        error_word, arrow = (styled("Error:", "red"), styled("→", "cyan")) if colors else ("Error:", "→")
        lines = note_lines(f"Error: {message}", self._system.stderr, self._system.variables)
        print(lines.replace("Error:", error_word, 1), file=self._system.stderr)
        if hint:
            print(f"  {arrow} {printable(hint)}", file=self._system.stderr)


def described(error: Exception) -> tuple[str, str | None, int]:
    """Return what happened, what to type next, and the exit code."""
    match error:
        case CommandError():
            return error.message, error.hint, error.code
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            return sentence(error.format_message()), f"{context.command_path} --help" if context else None, 2
        case UnicodeDecodeError():
            return "the input isn't UTF-8 text", None, 1
        case OSError() if error.strerror:
            return " ".join(map(str, filter(None, [error.filename and f"{error.filename}:", error.strerror]))), None, 1
    hint = "to see where, add --debug to the command. Report it with that text, if you can"
    return f"unexpected {type(error).__name__}: {error}", hint, 1


def sentence(message: str) -> str:
    """Return a message of Typer as the messages of this command begin and end: without a capital and a full stop."""
    return re.sub(r"'([^' ]+)'", r"\1", message[:1].lower() + message[1:]).rstrip(".")


def silence(stream: TextIO) -> None:
    """Let Python write the rest of the standard output to nowhere when it ends."""
    if stream is sys.stdout:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
