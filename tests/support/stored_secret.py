"""A secret of a stack in memory, stored as `make secret` does."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from local import secret
from local.deployed import StackSecret


class StoredSecret:
    """A stored secret with its value."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = f"aichats/dev/{name}"
        self.value: dict[str, Any] = {}
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(StackSecret, "find", lambda *names: {("aichats-dev", name): self}[names])

    def read(self) -> dict[str, Any]:
        return self.value

    def change(self, make: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        self.value = make(self.value)
        return self.value

    def fill(self, typed: str, *options: str, verify: bool = False) -> int:
        """Type this at the prompt. Return the exit code. Without ``verify``, no provider is asked."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        name = self.name.rpartition("/")[2]
        return secret.main(["--stack", "aichats-dev", "--name", name, *options, *([] if verify else ["--no-verify"])])
