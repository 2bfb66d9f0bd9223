"""Programs that `make judges` installs: those from npm in `.tools/npm`, the others in environments of Python."""

from pathlib import Path

import pytest

from local.judges import NPM


def command(name: str) -> Path:
    """Return the path of a program from npm. If it is not installed, skip the test."""
    path = NPM / "node_modules" / ".bin" / name
    require(path, "install npm, then run `make judges`")
    return path


def require(path: Path, how: str = "run `make judges`") -> None:
    """Skip the test if the path doesn't exist, and say how to install it."""
    if not path.exists():
        pytest.skip(f"{path.name} is not installed; {how}")
