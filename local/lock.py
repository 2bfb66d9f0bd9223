"""Pin the newest allowed versions in the requirements files: with hashes, without the address of an index."""

import shutil
import subprocess
import sys

from local import npm
from local.judges import CONSOLE, LOCKED
from local.setup import LAYER_REQUIREMENTS, ROOT, uv

RESOLVE = ["--quiet", "--upgrade", "--universal", "--python-version", "3.13"]
# Dependabot reads the options in the header, and compiles with the same ones.
COMMAND = "make lock (uv pip compile --universal --python-version 3.13)"
WRITE = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", COMMAND]


def main() -> int:
    """Write every lock again. The layer comes first, then `local.in`, because the others follow their pins.

    Return the exit code: npm's own, or 1 without npm, which writes nothing.
    """
    program = shutil.which("npm")
    if program is None:
        print(f"lock: {npm.MISSING}, so nothing was pinned", file=sys.stderr)
        return 1
    pin(str(ROOT / "pyproject.toml"), str(LAYER_REQUIREMENTS))
    sources = sorted([*ROOT.glob("requirements/*.in"), *ROOT.glob("benchmarks/**/*.in")])
    for source in sorted(sources, key=lambda path: path.name != "local.in"):
        pin(str(source), str(source.with_suffix(".txt")))
    return npm.pin(program, LOCKED) or npm.pin(program, CONSOLE)


def pin(source: str, target: str) -> None:
    """Resolve ``source`` and write ``target``."""
    print(f"pinning {target}", flush=True)
    subprocess.run([uv(), "pip", "compile", *RESOLVE, *WRITE, source, "--output-file", target], check=True, cwd=ROOT)


if __name__ == "__main__":
    sys.exit(main())
