"""`.ci/run`: the tools that the checks need."""

import shutil
import subprocess
from pathlib import Path

import pytest

from local.setup import ROOT
from tests.support.commands import run_command

TOOLS = ("python3", "make", "git", "curl", "openssl", "ps")


def ci_run(folder: Path, tools: set[str]) -> subprocess.CompletedProcess[str]:
    """Run `.ci/run` with these tools alone on PATH. The fake tools print their name and arguments."""
    for needed in ("bash", "dirname"):
        path = shutil.which(needed)
        assert path is not None
        (folder / needed).symlink_to(path)
    for tool in tools:
        (folder / tool).write_text(f'#!/bin/sh\necho {tool} "$@"\n')
        (folder / tool).chmod(0o755)
    return run_command(ROOT / ".ci" / "run", env={"PATH": str(folder)})


@pytest.mark.parametrize("missing", TOOLS)
def test_a_missing_tool_is_named_before_the_checks_begin(missing: str, tmp_path: Path) -> None:
    done = ci_run(tmp_path, {*TOOLS} - {missing})
    assert done.returncode == 1
    assert (done.stdout, done.stderr) == ("", f".ci/run: {missing} is missing. Install it, then try again\n")


def test_the_checks_run_with_these_tools(tmp_path: Path) -> None:
    done = ci_run(tmp_path, {*TOOLS})
    assert (done.returncode, done.stdout) == (0, "make check\n")
