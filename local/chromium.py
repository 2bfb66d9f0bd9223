"""A real browser without a window: the Chromium of this machine, or the one that `make judges` installs from npm.

Playwright is only in the environment of developers.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from local.errors import LocalError
from local.judges import NPM

INSTALLED = ("chromium", "chromium-browser", "google-chrome")
"""The names of Chromium on different systems."""
PACKAGE = NPM / "node_modules" / "@sparticuz" / "chromium"
OWN_LIBRARIES = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
"""The variable that lets the package use its own fonts and libraries, as on Lambda, so that none must be installed."""
UNPACK = """
import chromium from "@sparticuz/chromium";
console.log(await chromium.executablePath());
"""
ARGUMENTS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"]
"""There is no sandbox for root and in most containers. Only the names of this machine are resolved."""


class NoBrowserError(LocalError):
    """There is no browser. The message says how to get one."""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run the browser for the ``with`` block.

    Raises:
        NoBrowserError: there is none.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        executable, variables = _executable(Path(folder))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=executable, args=ARGUMENTS, env={**os.environ, **variables}
            )
            yield browser
            browser.close()


def _executable(folder: Path) -> tuple[Path, dict[str, str | float | bool]]:
    """Return the program, and the variables that it needs."""
    for name in INSTALLED:
        if found := shutil.which(name):
            return Path(found), {}
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NoBrowserError("Chromium is not installed, and the one from npm needs Linux on x86_64")
    node = shutil.which("node")
    if node is None or not PACKAGE.exists():
        raise NoBrowserError("Chromium is not installed; install it, or install npm and run `make judges`")
    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), **OWN_LIBRARIES}
    unpack = [node, "--input-type=module", "--eval", UNPACK]
    done = subprocess.run(unpack, cwd=NPM, env=environment, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()), {
        "FONTCONFIG_PATH": str(folder),
        "LD_LIBRARY_PATH": f"{folder}:{folder}/al2023/lib",
    }
