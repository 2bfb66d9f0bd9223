"""Pin the newest allowed versions in the requirements files: with hashes, without the address of an index."""

import subprocess
import sys

from local.judges import FILES
from local.setup import LAYER_REQUIREMENTS, ROOT, uv

RESOLVE = ["--quiet", "--upgrade", "--universal", "--python-version", "3.13"]
# Dependabot reads the options in the header, and compiles with the same ones.
COMMAND = "make lock (uv pip compile --universal --python-version 3.13)"
WRITE = ["--generate-hashes", "--no-emit-index-url", "--no-annotate", "--custom-compile-command", COMMAND]


def main() -> int:
    """Write every lock again. The layer comes first, then `local.in`, because the others follow their pins."""
    pin(str(ROOT / "pyproject.toml"), str(LAYER_REQUIREMENTS))
    sources = sorted([*ROOT.glob("requirements/*.in"), *ROOT.glob("benchmarks/**/*.in")])
    for source in sorted(sources, key=lambda path: path.name != "local.in"):
        pin(str(source), str(source.with_suffix(".txt")))
    pin_npm()
    return 0


def pin(source: str, target: str) -> None:
    """Resolve ``source`` and write ``target``."""
    print(f"pinning {target}", flush=True)
    subprocess.run([uv(), "pip", "compile", *RESOLVE, *WRITE, source, "--output-file", target], check=True, cwd=ROOT)


def pin_npm() -> None:
    """Resolve the npm packages again. The versions in `package.json` are exact; only their dependencies change."""
    manifest, lock = FILES
    print(f"pinning {lock}", flush=True)
    lock.unlink(missing_ok=True)
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    subprocess.run(["npm", "install", *options], check=True, cwd=manifest.parent)


if __name__ == "__main__":
    sys.exit(main())
