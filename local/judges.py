"""Fetches from npm what judges the OpenAPI document and the schedules in the tests, into `.tools/npm`."""

import shutil
import subprocess
import sys
from pathlib import Path

from local.setup import ROOT, TOOLS, is_current, say, stamp

NPM = TOOLS / "npm"
FILES = [ROOT / "requirements" / "npm" / name for name in ("package.json", "package-lock.json")]
"""What is fetched, with its versions and hashes."""


def main() -> int:
    """Fetch it, unless it is there. Without npm, its tests are skipped. Returns the exit code."""
    npm = shutil.which("npm")
    if npm is None:
        say("judges: there is no npm here, so their tests will be skipped (on Debian: apt-get install npm)")
        return 0
    if is_current(NPM, FILES):
        return 0
    say("judges: fetching from npm")
    return fetch(npm, NPM)


def fetch(npm: str, folder: Path) -> int:
    """Install what the lock file says. Returns npm's exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in FILES:
        shutil.copy(file, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code == 0:
        stamp(folder, FILES)
    return code


if __name__ == "__main__":
    sys.exit(main())
