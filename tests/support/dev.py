"""A running `make dev` on free ports."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from local.cloud.emulator import Emulator
from local.dev import READY
from tests.support.commands import IGNORING_SIGINT, Program, running_module
from tests.support.mock_servers import MockServer

ON_FREE_PORTS = ["--port", "0", "--whop-port", "0", "--kodey-port", "0"]


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
