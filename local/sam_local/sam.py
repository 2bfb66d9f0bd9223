"""SAM CLI as a process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.errors import LocalError
from local.setup import ROOT, VENV, WHEELHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SAM = ".tools/sam/bin/sam"
BUILD = {"PYTHON": str(VENV / "bin" / "python"), "WHEELHOUSE": str(WHEELHOUSE), "SAM_CLI_TELEMETRY": "0"}
"""The layer is built with this Python, out of this folder of wheels, so that it needs no network."""
PATIENCE = 5.0
"""Seconds that SAM CLI has for its end."""


@contextmanager
def sam(arguments: Sequence[str], account: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run SAM CLI, and show what it prints. It ends with the ``with`` block, and its containers with it.

    ``account`` takes the place of whatever AWS account this shell is set up for.
    """
    print(f"$ {shlex.join(['sam', *arguments])}", flush=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # SAM CLI keeps a lock there while it builds its image. An interrupted one would stop all others for 5 minutes.
    with tempfile.TemporaryDirectory(prefix="sam-") as temporary:
        environment = {**kept, **account, **BUILD, "TMPDIR": temporary}
        process = subprocess.Popen([SAM, *arguments], cwd=ROOT, env=environment, start_new_session=True)
        try:
            yield process
        finally:
            end(process)


def build(account: Mapping[str, str]) -> None:
    """Run `sam build`.

    Raises:
        LocalError: it failed.
    """
    with sam(["build"], account) as process:
        if process.wait():
            raise LocalError("sam build failed; what it said is above")


def end(process: subprocess.Popen[bytes]) -> None:
    """End SAM CLI: on SIGINT it removes its containers (not always on SIGTERM), but may wait for a timer then."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    process.kill()
    process.wait()
