"""Fixtures of the tests of the command `aichats`."""

import pytest

from tests.support.cli import Cli
from tests.support.stack_in_memory import StackInMemory


@pytest.fixture
def cli() -> Cli:
    """Return the command, on an empty stack in memory."""
    return Cli(StackInMemory())
