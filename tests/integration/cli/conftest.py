"""Fixtures of the tests of the command `aichats`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.automation_folder import AutomationFolder
from tests.support.cli import Cli
from tests.support.laptop import Laptop, running_laptop
from tests.support.stack_in_memory import StackInMemory


@pytest.fixture
def cli() -> Cli:
    """Return the command, on an empty stack in memory."""
    return Cli(StackInMemory())


@pytest.fixture
def laptop() -> Iterator[Laptop]:
    """Return the command, on a local stack that is empty."""
    with running_laptop() as laptop:
        yield laptop


@pytest.fixture
def folder(tmp_path: Path) -> AutomationFolder:
    """Return an empty folder of automations."""
    return AutomationFolder(tmp_path / "automations")
