"""A secret of a stack in memory, stored as `aichats admin secret set` does."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from aichats_cli.admin.aws import ACCOUNT
from aichats_cli.admin.deployed import DeployedStack
from tests.support.admin import admin


class StoredSecret:
    """A stored secret with its value."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = f"aichats/dev/{name}"
        self.value: dict[str, Any] = {}
        self.aws = ACCOUNT
        self._monkeypatch = monkeypatch
        known = {("aichats-dev", name): self}
        monkeypatch.setattr(DeployedStack, "secret", lambda stack, short: known[stack.name, short])

    def read(self) -> dict[str, Any]:
        return self.value

    def change(self, make: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        self.value = make(self.value)
        return self.value

    def fill(self, typed: str, *options: str, verify: bool = False) -> int:
        """Type this at the prompt. Return the exit code. Without ``verify``, no provider is asked."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        name = self.name.rpartition("/")[2]
        return admin("secret", "set", name, "--stack", "aichats-dev", *options, *([] if verify else ["--no-verify"]))
