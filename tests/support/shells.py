"""Shells on a terminal, into which a test types as a person does."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.waiting import until

CODES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z~]|[=>]|\][^\x07]*\x07|[()][0-9A-B])|[\x07\r]")
"""Codes that move the cursor or change colors."""


@dataclass
class Shell:
    """An interactive shell."""

    terminal: int
    printed: str = ""

    def type(self, text: str) -> None:
        """Type keys."""
        self.printed = ""
        os.write(self.terminal, text.encode())

    def wait_for(self, pattern: str) -> str:
        """Return everything since the last keys, once it has the pattern. The test fails if that doesn't come."""
        try:
            until(lambda: self._read() and re.search(pattern, self.printed))
        except AssertionError as error:
            error.add_note(f"it did not print {pattern}:\n{self.printed}")
            raise
        return self.printed

    def _read(self) -> bool:
        while select.select([self.terminal], [], [], 0)[0]:
            self.printed = CODES.sub("", self.printed + os.read(self.terminal, 65536).decode(errors="replace"))
        return True


@contextmanager
def interactive(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[Shell]:
    """Run a shell on a terminal for the ``with`` block. If it isn't installed, skip the test."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    ours, its = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=its, stdout=its, stderr=its, env=environment, cwd=folder
    )
    os.close(its)
    try:
        yield Shell(ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
