"""The console by the rules of its tools, and the built files in the repository."""

import subprocess
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


def test_the_compressed_files_have_the_same_content() -> None:
    code = "process.stdout.write(require('node:zlib').brotliDecompressSync(require('node:fs').readFileSync(0)))"
    for file in BUILT.glob("*.br"):
        done = subprocess.run(["node", "--eval", code], input=file.read_bytes(), capture_output=True, check=True)

        assert done.stdout == file.with_suffix("").read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by their names, without the compressed ones, which depend on Node.js."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".br"}
