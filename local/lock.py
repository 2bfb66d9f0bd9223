"""Pin the newest allowed versions in the requirements files: with hashes, without the address of an index."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.judges import FILES
from local.setup import LAYER_REQUIREMENTS, ROOT, uv

RESOLVE = ["--quiet", "--upgrade", "--universal", "--python-version", "3.13"]
# Dependabot reads the options in the header, and compiles with the same ones.
COMMAND = "make lock (uv pip compile --universal --python-version 3.13)"
WRITE = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", COMMAND]


def main() -> int:
    """Write every lock again. The layer comes first, then `local.in`, because the others follow their pins.

    Return the exit code: npm's own, or 1 without npm, which writes nothing.
    """
    npm = shutil.which("npm")
    if npm is None:
        print("lock: npm is not installed, so nothing was pinned (on Debian: apt-get install npm)", file=sys.stderr)
        return 1
    pin(str(ROOT / "pyproject.toml"), str(LAYER_REQUIREMENTS))
    sources = sorted([*ROOT.glob("requirements/*.in"), *ROOT.glob("benchmarks/**/*.in")])
    for source in sorted(sources, key=lambda path: path.name != "local.in"):
        pin(str(source), str(source.with_suffix(".txt")))
    return pin_npm(npm)


def pin(source: str, target: str) -> None:
    """Resolve ``source`` and write ``target``."""
    print(f"pinning {target}", flush=True)
    subprocess.run([uv(), "pip", "compile", *RESOLVE, *WRITE, source, "--output-file", target], check=True, cwd=ROOT)


def pin_npm(npm: str) -> int:
    """Resolve the npm packages again, and replace the lock if that succeeds. Return npm's exit code.

    The versions in `package.json` are exact; only their dependencies change.
    """
    manifest, lock = FILES
    print(f"pinning {lock}", flush=True)
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    with tempfile.TemporaryDirectory() as temporary:
        # npm writes the folder's name into the lock.
        folder = Path(temporary, manifest.parent.name)
        folder.mkdir()
        shutil.copy(manifest, folder)
        code = subprocess.run([npm, "install", *options], check=False, cwd=folder).returncode
        if code == 0:
            shutil.copy(folder / lock.name, lock)
    return code


if __name__ == "__main__":
    sys.exit(main())
