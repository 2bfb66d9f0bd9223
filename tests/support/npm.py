"""Programs from npm, which `make judges` installs into `.tools/npm`."""

from pathlib import Path

import pytest

from local.judges import NPM


def command(name: str) -> Path:
    """Return the path of a program from npm. If it is not installed, skip the test."""
    path = NPM / "node_modules" / ".bin" / name
    require(path)
    return path


def require(path: Path) -> None:
    """Skip the test if the path doesn't exist."""
    if not path.exists():
        pytest.skip("the judges are not installed; run `make judges`, which needs npm")
