"""A running `make dev` on free ports, and the `aichats admin connect` that it shows."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from local.cloud.emulator import Emulator
from local.dev import READY
from local.ports import free_port
from tests.support.commands import IGNORING_SIGINT, Program, running_module
from tests.support.mock_servers import MockServer

ON_FREE_PORTS = ["--port", "0", "--whop-port", "0", "--kodey-port", "0", "--receiver-port", "0"]


@contextmanager
def running_dev(*options: str) -> Iterator[Program]:
    """Run `make dev` for the ``with`` block, which begins when it is ready."""
    with running_module("local.dev", *ON_FREE_PORTS, *options, launcher=IGNORING_SIGINT) as running:
        running.wait_for(re.escape(READY))
        yield running


def emulator_of(dev: Program) -> Emulator:
    """Return the local AWS."""
    return Emulator(port=int(dev.value("AWS").rpartition(":")[2]))


def whop_of(dev: Program) -> MockServer:
    """Return the mock of Whop."""
    return MockServer(dev.value("mock of Whop").removesuffix("/api/v1"), "/api/v1")


@contextmanager
def running_login(dev: Program, *options: str) -> Iterator[tuple[Program, str]]:
    """Run the login that it shows, on a free port, for the ``with`` block. Yield it, and the URL to open."""
    variables, words = login_command(dev)
    launcher, port = ["env", "BROWSER=", *variables], str(free_port())
    with running_module("aichats_cli.__main__", *words, "--port", port, *options, launcher=launcher) as login:
        yield login, login.wait_for(r"^  http://.*/oauth/authorize").strip()


def login_command(dev: Program) -> tuple[list[str], list[str]]:
    """Return the variables for the commands that it shows, and what follows `aichats` in the one that logs in."""
    (words,) = [words for words in shown_commands(dev) if words[:2] == ["admin", "connect"]]
    return shown_variables(dev), words


def shown_variables(dev: Program) -> list[str]:
    """Return the variables for the command `aichats` that it shows, because it has another port, as ``NAME=value``."""
    (exported,) = re.findall(r"^  export (AICHATS_URL=.*)  # for the command aichats$", dev.printed, re.MULTILINE)
    return shlex.split(exported)


def shown_commands(dev: Program) -> list[list[str]]:
    """Return what follows `aichats` in each command that it shows."""
    return [shlex.split(line) for line in re.findall(r"^  aichats (.*)$", dev.printed, re.MULTILINE)]
