"""A real browser without a window: Chromium, which `make judges` installs from npm."""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from local.judges import NPM
from tests.support import npm
from tests.support.commands import run_command

SCRIPT = Path(__file__).with_suffix(".mjs")
OWN_LIBRARIES = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
"""The variable that lets the package use its own fonts and libraries, as on Lambda, so that none must be installed."""


class Page(NamedTuple):
    """A page as a person sees it."""

    origin: str
    heading: str
    text: str
    focus: str
    """The text of the element that has the focus, or the whole text."""


class Chromium:
    """The browser, unpacked in a folder. Each visit has a new profile."""

    def __init__(self, node: str, folder: Path) -> None:
        self._command = node, SCRIPT
        self._environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), **OWN_LIBRARIES}

    def visit(self, url: str, *steps: str) -> list[Page]:
        """Open a URL, and perform steps. Return the page before the first step and after each step.

        Each step is a key, such as ``Tab``, or a click on a selector, such as ``click button``. The last step must
        lead to another page.
        """
        done = run_command(*self._command, url, *steps, cwd=NPM, env=self._environment)
        assert done.returncode == 0, done.stderr
        return [Page(**seen) for seen in json.loads(done.stdout)]


@contextmanager
def unpacked_chromium() -> Iterator[Chromium]:
    """Unpack the browser for the ``with`` block. If it is not installed, skip the test."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the Chromium from npm needs Linux on x86_64")
    npm.require(NPM / "node_modules" / "@sparticuz" / "chromium", "install npm, then run `make judges`")
    node = shutil.which("node")
    assert node, "npm comes with node"
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Chromium(node, Path(folder))
