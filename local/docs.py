"""`make docs`: builds the documentation site into `.local/site`. A broken link ends it with an error."""

import subprocess
import sys

from local.setup import ROOT, TOOLS, find_python, is_current, requirements, run, stamp, uv

ENVIRONMENT = TOOLS / "docs"
SITE = ROOT / ".local" / "site"


def main() -> int:
    """Install the site generator if it is missing, then build the site. Return the exit code."""
    install()
    build = [str(ENVIRONMENT / "bin" / "zensical"), "build", "--clean", "--strict"]
    code = subprocess.run(build, cwd=ROOT, check=False).returncode
    if code == 0:
        print(f"The site is in {SITE.relative_to(ROOT)}. Open {SITE / 'index.html'}")
    return code


def install() -> None:
    """Install the site generator, which only this command needs, into an environment of its own."""
    files = requirements("docs")
    if is_current(ENVIRONMENT, files):
        return
    python = ENVIRONMENT / "bin" / "python"
    run(uv(), "venv", "-q", "--clear", "--python", find_python(), ENVIRONMENT, why="create .tools/docs")
    run(
        uv(), "pip", "sync", "-q", "--python", python, "--require-hashes", files[0], why="install requirements/docs.txt"
    )
    stamp(ENVIRONMENT, files)


if __name__ == "__main__":
    sys.exit(main())
