"""`make docs`: builds the documentation site into `.local/site`. A broken link ends it with an error."""

import subprocess
import sys

from local.setup import ROOT, SetupError, find_python, tool_environment

SITE = ROOT / ".local" / "site"


def main() -> int:
    """Install the site generator if it is missing, then build the site. Return the exit code."""
    try:
        environment = tool_environment("docs", find_python())
    except SetupError as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    build = [str(environment / "bin" / "zensical"), "build", "--clean", "--strict"]
    code = subprocess.run(build, cwd=ROOT, check=False).returncode
    if code == 0:
        print(f"The site is in {SITE.relative_to(ROOT)}. Open {SITE / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
