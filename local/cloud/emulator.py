"""The emulator: a process that starts and ends together with the functions that it runs."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx

from local.attached import attached
from local.cloud.clients import Clients
from local.disk import prefix, prune
from local.errors import LocalError
from local.plain_http import plain_client
from local.ports import listen
from local.setup import ROOT
from local.tools import tool

if TYPE_CHECKING:
    import subprocess

ACCOUNT = "000000000000"
REGION: Final = "eu-west-1"
FOLDER = ROOT / ".local" / "cloud"
START_LIMIT = 30.0
"""Seconds after which a start counts as failed. A start takes 0.3 s on an idle machine."""


class Emulator:
    """An empty AWS account on this machine, for the ``with`` block.

    It listens on ``port`` of 127.0.0.1. Port 0 means any free port; ``port`` has its number once the emulator runs.

    Raises:
        LocalError: on entry, if the port is in use or the emulator didn't start.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self._running = ExitStack()

    @property
    def endpoint_url(self) -> str:
        """URL of all services."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that connect an AWS client (boto3, SAM CLI) to this account."""
        return {
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    @cached_property
    def clients(self) -> Clients:
        """Clients for this account."""
        return Clients(self.environment())

    def __enter__(self) -> Self:
        """Start the emulator, and wait until it answers."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        # This process keeps the port from here on. So only the process that inherits the socket can answer there.
        with listen("127.0.0.1", self.port) as listener, ExitStack() as starting:
            self.port = listener.getsockname()[1]
            prune(FOLDER, "emulator")
            temporary = tempfile.TemporaryDirectory(prefix=prefix("emulator"), dir=FOLDER, ignore_cleanup_errors=True)
            folder = Path(starting.enter_context(temporary))
            launcher = [tool("cloud", "python"), "-m", "local.cloud.launcher"]
            command = [*launcher, tool("runtime", "python"), str(listener.fileno())]
            environment = self.environment() | settings(self.port, folder)
            log = folder / "log"
            emulator = attached(command, environment=environment, log=log, pass_fds=[listener.fileno()])
            process = starting.enter_context(emulator)
            wait_until_ready(self.port, process, log)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """End the emulator and its functions, and remove its files."""
        self._running.close()


def settings(port: int, folder: Path) -> dict[str, str]:
    """Return the emulator's own settings. It sees these and the account's variables, and no others."""
    return {
        "AUTH": "true",
        "DOCKER_HOST": "unix:///nonexistent",  # otherwise it may end containers that it mistakes for its own
        "GATEWAY_PORT": str(port),
        "HOME": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "PATH": os.defpath,
        "SFTP_ENABLED": "0",
        "TMPDIR": str(folder),
    }


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the emulator answers.

    Raises:
        LocalError: it ended, or takes longer than :data:`START_LIMIT`; the message has the end of its log.
    """
    deadline = time.monotonic() + START_LIMIT
    while not is_ready(port):
        printed = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        if process.poll() is not None:
            raise LocalError(f"the local AWS ended during its start:\n{printed}")
        if time.monotonic() > deadline:
            raise LocalError(f"the local AWS did not answer within {START_LIMIT:.0f} s:\n{printed}")
        time.sleep(0.02)


def is_ready(port: int) -> bool:
    """Return whether the emulator on this port answers."""
    try:
        with plain_client(timeout=1) as http:
            return http.get(f"http://127.0.0.1:{port}/_ministack/health").is_success
    except httpx.TransportError:
        return False
