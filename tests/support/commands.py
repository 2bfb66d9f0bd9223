"""Commands that tests run. None of them can let a test hang, and none outlives the process of the tests."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aichats_cli.signals import ENDING
from local.attached import attached
from tests.support.waiting import PATIENCE, until

IGNORING_SIGINT = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""Launcher that starts a command as a shell without a terminal starts background processes."""


@contextmanager
def restored_signals() -> Iterator[None]:
    """Restore after the ``with`` block what a command changes in this process: what signals and failing ``__del__`` do.

    pytest reports a failing ``__del__``, which a command that ends by a signal hides.
    """
    handlers, hook = {number: signal.getsignal(number) for number in ENDING}, sys.unraisablehook
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run_command(
    *command: str | Path, limit: float = PATIENCE, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and return what it printed. The test fails after ``limit`` seconds."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=limit, check=check, **options)
    except subprocess.TimeoutExpired as error:
        error.add_note(f"stdout: {error.stdout!r}\nstderr: {error.stderr!r}")
        raise


@dataclass(frozen=True)
class Program:
    """A running module of this project, with its output in the file ``log``."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def printed(self) -> str:
        """The whole output so far."""
        return self.log.read_text()

    def wait_for(self, pattern: str, limit: float = PATIENCE) -> str:
        """Return the first line that has the pattern. The test fails if the line doesn't come."""
        try:
            until(lambda: self._find(pattern) or self.process.poll() is not None, limit)
        except AssertionError as error:
            error.add_note(f"it did not print {pattern}:\n{self.printed}")
            raise
        found = self._find(pattern)
        assert found, f"it ended without printing {pattern}:\n{self.printed}"
        return found

    def value(self, name: str) -> str:
        """Return the value beside a name in a table."""
        found = re.search(rf"^  {name} +(\S+)$", self.printed, re.MULTILINE)
        assert found, self.printed
        return found[1]

    def end(self, number: signal.Signals, limit: float = PATIENCE) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(limit)

    def _find(self, pattern: str) -> str:
        whole_lines = self.printed.rpartition("\n")[0].splitlines()
        return next((line for line in whole_lines if re.search(pattern, line)), "")


@contextmanager
def running_module(module: str, *options: str, launcher: Sequence[str] = ()) -> Iterator[Program]:
    """Run ``python -m module`` for the ``with`` block. It ends with the block, or with the process of the tests."""
    command = [*launcher, sys.executable, "-m", "local.attached", module, *options]
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with attached(command, environment=os.environ, log=log) as process:
            yield Program(process, log)
