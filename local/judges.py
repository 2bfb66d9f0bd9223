"""Install the tools that check the OpenAPI document and the schedules in the tests, from npm and PyPI."""

import shutil
import subprocess
import sys
from pathlib import Path

from local.setup import ROOT, TOOLS, SetupError, is_current, say, stamp, tool_environment

NPM = TOOLS / "npm"
OPENAPI_CLIENT = TOOLS / "openapi-client"
"""The environment that generates a client from the OpenAPI document."""
FILES = [ROOT / "requirements" / "npm" / name for name in ("package.json", "package-lock.json")]
"""The files with the versions and hashes of the npm packages."""


def main() -> int:
    """Install what is missing. Without npm, the tests of its tools are skipped. Return the exit code."""
    try:
        tool_environment(OPENAPI_CLIENT.name, Path(sys.executable))
    except SetupError as error:
        print(f"judges: {error}", file=sys.stderr)
        return 1
    npm = shutil.which("npm")
    if npm is None:
        say("judges: npm is not installed, so some tests will be skipped (on Debian: apt-get install npm)")
        return 0
    if is_current(NPM, FILES):
        return 0
    say("judges: installing from npm")
    return fetch(npm, NPM)


def fetch(npm: str, folder: Path) -> int:
    """Install the packages of the lock file into a new folder. Return npm's exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in FILES:
        shutil.copy(file, folder)
    code = install_locked(npm, folder)
    if code == 0:
        stamp(folder, FILES)
    return code


def install_locked(npm: str, folder: Path) -> int:
    """Install the packages of the lock file in a folder. No script of a package runs. Return npm's exit code."""
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
