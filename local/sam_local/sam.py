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
"""Settings to build the layer with this Python from this folder of wheels, without a network."""
PATIENCE = 5.0
"""Seconds that SAM CLI gets to end."""


@contextmanager
def sam(arguments: Sequence[str], account: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run SAM CLI with its output visible. The end of the ``with`` block ends it and its containers.

    The variables ``account`` replace those of the shell's own AWS account.
    """
    print(f"$ {shlex.join(['sam', *arguments])}", flush=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    # SAM CLI locks this folder while it builds its image. An interrupted build would stop later ones for 5 minutes.
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
        LocalError: the build failed.
    """
    with sam(["build"], account) as process:
        if process.wait():
            raise LocalError("sam build failed. See its output above")


def end(process: subprocess.Popen[bytes]) -> None:
    """End SAM CLI with SIGINT, so that it removes its containers, and kill it if that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    process.kill()
    process.wait()
