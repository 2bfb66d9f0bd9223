"""The console by the rules of its tools, and the built files in the repository."""

from pathlib import Path

import pytest

from local.build_console import BUILT, SOURCE, build, write_types
from tests.support.commands import run_command
from tests.support.npm import require


@pytest.fixture(autouse=True)
def tools() -> None:
    """The tools of the console."""
    require(SOURCE / "node_modules" / ".bin" / "tsc", "install npm, then run `make judges`")


def findings(tool: str, *arguments: str) -> str:
    """Return what a tool reports, empty if it finds nothing."""
    done = run_command(SOURCE / "node_modules" / ".bin" / tool, *arguments, cwd=SOURCE)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_biome_finds_nothing() -> None:
    assert findings("biome", "check", "--error-on-warnings") == ""


def test_the_types_fit_the_openapi_document() -> None:
    write_types()

    assert findings("tsc") == ""


def test_the_built_files_are_those_of_the_source(tmp_path: Path) -> None:
    build(tmp_path)

    assert contents(tmp_path) == contents(BUILT), "run `make console`"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}
