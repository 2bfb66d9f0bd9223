"""Install the tools that check the OpenAPI document, the schedules and the console in the tests, from npm and PyPI."""

import shutil
import sys
from pathlib import Path

from local import npm
from local.setup import ROOT, TOOLS, SetupError, say, tool_environment

NPM = TOOLS / "npm"
LOCKED = ROOT / "requirements" / "npm"
"""The folder with the versions and hashes of the npm packages."""
CONSOLE = ROOT / "console"
"""The source of the console, with the versions and hashes of its own npm packages."""
OPENAPI_CLIENT = TOOLS / "openapi-client"
"""The environment that generates a client from the OpenAPI document."""


def main() -> int:
    """Install what is missing. Without npm, the tests of its tools are skipped. Return the exit code."""
    try:
        tool_environment(OPENAPI_CLIENT.name, Path(sys.executable))
    except SetupError as error:
        print(f"judges: {error}", file=sys.stderr)
        return 1
    program = shutil.which("npm")
    if program is None:
        say(f"judges: {npm.MISSING}, so some tests will be skipped")
        return 0
    return npm.install(program, LOCKED, NPM, "judges") or npm.install(program, CONSOLE, CONSOLE, "judges")


if __name__ == "__main__":
    sys.exit(main())
