"""Run processes that end with their parent, even if the parent is killed.

The standard input of a child is a pipe that its parent keeps open. When the parent ends, even by SIGKILL, the pipe
closes, and the child ends its whole process group. `python -m local.attached MODULE ...` runs any module in this way.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.setup import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@contextmanager
def attached(
    command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path, pass_fds: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command that calls :func:`end_with_parent` for the ``with`` block, and write its output to ``log``.

    The command has a process group of its own. The end of the block kills the group, because no command here has data
    to save. The command gets our file descriptors ``pass_fds``, under the same numbers.
    """
    with log.open("wb") as printed:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(
                ProcessLookupError, PermissionError
            ):  # macOS raises the latter for a group that ended
                os.killpg(process.pid, signal.SIGKILL)


def end_with_parent(*, remove: str | None = None) -> None:
    """End this process group when the parent ends, after removing the folder ``remove``."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        if remove is not None:
            shutil.rmtree(remove, ignore_errors=True)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    end_with_parent()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
