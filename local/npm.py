"""Packages of npm, which are installed in the exact versions of a lock file."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from local.setup import is_current, say, stamp

MISSING = "npm is not installed (on Debian: apt-get install npm)"


def files_of(folder: Path) -> list[Path]:
    """Return the files of a folder that have the versions and hashes of npm packages."""
    return [folder / name for name in ("package.json", "package-lock.json")]


def install(npm: str, source: Path, folder: Path, name: str) -> int:
    """Install packages, unless they are current. No script of a package runs.

    Args:
        npm: the path of npm.
        source: the folder with the lock file.
        folder: the folder that gets ``node_modules``: the source itself or one that has nothing else.
        name: the name for the message.

    Returns:
        npm's exit code.
    """
    modules, locked = folder / "node_modules", files_of(source)
    if is_current(modules, locked):
        return 0
    say(f"{name}: installing from npm")
    if folder != source:
        folder.mkdir(parents=True, exist_ok=True)
        for file in locked:
            shutil.copy(file, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code == 0:
        stamp(modules, locked)
    return code


def pin(npm: str, folder: Path) -> int:
    """Resolve the packages of a folder again, and replace the lock if that succeeds. Return npm's exit code.

    The versions in `package.json` are exact; only their dependencies change.
    """
    manifest, lock = files_of(folder)
    print(f"pinning {lock}", flush=True)
    options = ["--package-lock-only", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    with tempfile.TemporaryDirectory() as temporary:
        # npm writes the folder's name into the lock.
        copy = Path(temporary, folder.name)
        copy.mkdir()
        shutil.copy(manifest, copy)
        code = subprocess.run([npm, "install", *options], check=False, cwd=copy).returncode
        if code == 0:
            shutil.copy(copy / lock.name, lock)
    return code
