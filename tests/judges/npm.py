"""Judges that come from npm: `make judges` fetches them into `.tools/npm`."""

from pathlib import Path

import pytest

from local.judges import NPM


def command(name: str) -> Path:
    """A program of theirs. The test is skipped if it is not there."""
    path = NPM / "node_modules" / ".bin" / name
    require(path)
    return path


def require(path: Path) -> None:
    """Skip the test unless the path is there."""
    if not path.exists():
        pytest.skip("the judges from npm are not installed: run `make judges`, which needs npm")
