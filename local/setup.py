"""Set up what the other commands need: environments, the layer's wheels, SAM CLI and the local cloud.

`setup.py` sets up everything. `setup.py demo` sets up only what the local system needs, about a third of it.

Runs on any Python from 3.11 on, with the standard library alone, because it runs before anything is installed. It skips
every part that was already made from the same requirements, so the second run needs no network.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = TOOLS / "uv"
WHEELHOUSE = TOOLS / "wheelhouse"
LAYER_REQUIREMENTS = ROOT / "layers" / "shared" / "requirements.txt"

ENVIRONMENTS = {
    "local": VENV,
    "dev": VENV,
    "sam": TOOLS / "sam",
    "cloud": TOOLS / "cloud",
    "runtime": TOOLS / "runtime",
    "whop-sdk-0": TOOLS / "whop-sdk-0",
    "whop-sdk-2": TOOLS / "whop-sdk-2",
}
"""Folder of each environment, by its file in ``requirements/``. They are separate because their pins conflict.

``dev`` contains all of ``local``, so one folder serves both.
"""
DEMO = ("local", "cloud", "runtime", "wheelhouse")
"""The parts that `make demo`, `make dev` and the commands for a deployed stack need."""
EVERYTHING = ("dev", "sam", "cloud", "runtime", "whop-sdk-0", "whop-sdk-2", "wheelhouse")

LAMBDA_WHEELS = [
    "--platform",
    "manylinux2014_x86_64",
    "--only-binary=:all:",
    "--python-version",
    "3.13",
    "--implementation",
    "cp",
]


class SetupError(Exception):
    """An error that stops set-up. The message says what to do."""


def main(arguments: list[str]) -> int:
    """Set up ``demo`` or, without an argument, everything. Return the exit code."""
    started = time.monotonic()
    try:
        with locked():
            parts = pending(DEMO if arguments == ["demo"] else EVERYTHING)
            if not parts:
                return 0
            say(f"setting up: {', '.join(parts)}")
            make_uv()
            make(parts, find_python())
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        print(f"setup: the disk that contains {ROOT} is full. Free about 1 GB, then try again", file=sys.stderr)
        return 1
    say(f"ready in {time.monotonic() - started:.0f} s")
    return 0


@contextmanager
def locked() -> Iterator[None]:
    """Wait until no other process sets up this folder, and keep others waiting for the ``with`` block."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting until another command has set up this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pending(parts: tuple[str, ...]) -> list[str]:
    """Return the parts that are missing or were made from other requirements."""
    return [part for part in parts if not is_made(part)]


def is_made(part: str) -> bool:
    """Return whether a part is complete and current."""
    if part == "wheelhouse":
        return is_current(WHEELHOUSE, [LAYER_REQUIREMENTS])
    sources = ["local", "dev"] if part == "local" else [part]
    return any(is_usable(ENVIRONMENTS[part], source) for source in sources)


def make(parts: list[str], python: Path) -> None:
    """Make the parts: the environment of the commands first, because it fetches the wheels, then the others at once."""
    for part in ("local", "dev"):
        if part in parts:
            make_environment(part, python)
    with ThreadPoolExecutor() as pool:
        others = [part for part in parts if part not in ("local", "dev", "wheelhouse")]
        jobs = [pool.submit(make_environment, part, python) for part in others]
        if "wheelhouse" in parts:
            jobs.append(pool.submit(make_wheelhouse))
        for job in jobs:
            job.result()


def make_uv() -> None:
    """Install uv, the program that makes the environments, with this Python's pip or else with one of its own.

    Raises:
        SetupError: uv can't be installed.
    """
    if is_current(UV, requirements("uv")):
        return
    shutil.rmtree(UV, ignore_errors=True)
    install: list[str | Path] = [
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        requirements("uv")[0],
    ]
    if execute(sys.executable, *install, "--target", UV).returncode:
        # There is no pip, or it is configured not to install here. To make an environment takes 5 s longer.
        venv: list[str | Path] = ["-m", "venv", "--clear", UV]
        run(sys.executable, *venv, why="make an environment (on Debian: apt-get install python3-venv)")
        run(UV / "bin" / "python", *install, why="install uv")
    stamp(UV, requirements("uv"))


def find_python() -> Path:
    """Return a Python 3.13 that runs: from PATH, from pyenv, or else one that uv installs.

    A ``python3.13`` on PATH may be a pyenv shim that fails, so this function runs each candidate.

    Raises:
        SetupError: there is none, and uv can't install one.
    """
    on_path = shutil.which("python3.13")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python3.13"), reverse=True)
    for candidate in candidates:
        if version_of(candidate) == "3.13":
            return candidate
    say("no Python 3.13 found: installing one with uv")
    run(uv(), "python", "install", "3.13", why="install Python 3.13 (install it yourself, then try again)")
    found = subprocess.run(
        [uv(), "python", "find", "3.13"], capture_output=True, text=True, check=True, env=clean_environment()
    )
    return Path(found.stdout.strip())


def version_of(python: Path) -> str:
    """Return the interpreter's own ``major.minor``, or an empty string if it doesn't run."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def tool_environment(name: str, python: Path) -> Path:
    """Return the folder of the environment ``name``, which only one command needs. Make it unless it is current."""
    place = TOOLS / name
    with locked():
        if not is_usable(place, name):
            make_environment(name, python)
    return place


def make_environment(name: str, python: Path) -> None:
    """Make the environment ``name`` with exactly the packages that its requirements file pins."""
    place, files = ENVIRONMENTS.get(name, TOOLS / name), requirements(name)
    begun = time.monotonic()
    run(uv(), "venv", "-q", "--clear", "--python", python, place, why=f"make {place.name}")
    interpreter = place / "bin" / "python"
    run(
        uv(), "pip", "sync", "-q", "--python", interpreter, "--require-hashes", files[0], why=f"install {files[0].name}"
    )
    if place == VENV:
        options = ["-q", "--no-index", "--no-deps", "--no-build-isolation"]
        projects: list[str | Path] = ["-e", ROOT, "-e", ROOT / "cli"]
        run(uv(), "pip", "install", "--python", interpreter, *options, *projects, why="install the project itself")
    stamp(place, files)
    say(f"  {place.relative_to(ROOT)}: {time.monotonic() - begun:.0f} s")


def make_wheelhouse() -> None:
    """Download the layer's wheels, for Lambda and for this machine, so that later builds need no network."""
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    fetch: list[str | Path] = [
        VENV / "bin" / "python",
        "-m",
        "pip",
        "download",
        "-q",
        "--require-hashes",
        "-d",
        WHEELHOUSE,
        "-r",
        LAYER_REQUIREMENTS,
    ]
    run(*fetch, *LAMBDA_WHEELS, why="download the layer's wheels for Lambda")
    run(*fetch, "--only-binary=:all:", why="download the layer's wheels for this machine")
    stamp(WHEELHOUSE, [LAYER_REQUIREMENTS])


def requirements(name: str) -> list[Path]:
    """Return the files that an environment is made from, that with the packages first."""
    own = [ROOT / "cli" / "pyproject.toml"] if ENVIRONMENTS.get(name) == VENV else []
    return [ROOT / "requirements" / f"{name}.txt", *own]


def is_current(place: Path, files: list[Path]) -> bool:
    """Return whether ``place`` was completed in this folder, from exactly these files."""
    mark = place / ".made-from"
    return mark.is_file() and mark.read_text() == fingerprint(place, files)


def is_usable(place: Path, name: str) -> bool:
    """Return whether ``place`` is current for the environment ``name``, and its Python is still installed."""
    return is_current(place, requirements(name)) and (place / "bin" / "python").exists()


def stamp(place: Path, files: list[Path]) -> None:
    """Mark ``place`` as complete. Call this last, so that an interrupted set-up starts again."""
    (place / ".made-from").write_text(fingerprint(place, files))


def fingerprint(place: Path, files: list[Path]) -> str:
    """Return a hash of the files and of the environment's path, because a moved environment doesn't work."""
    parts = [str(place).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def uv() -> Path:
    """Return the path of uv."""
    return UV / "bin" / "uv"


def clean_environment() -> dict[str, str]:
    """Return this process's variables without those of a virtual environment, which uv and pip would follow."""
    return {
        name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
    }


def run(*command: str | Path, why: str) -> None:
    """Run a command.

    Raises:
        SetupError: the exit code isn't 0; the message contains the last lines of the output.
    """
    result = execute(*command)
    if result.returncode:
        printed = (result.stderr + result.stdout).strip().splitlines()
        raise SetupError("\n  ".join([f"can't {why}", *printed[-12:]]))


def execute(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command and return its result."""
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=clean_environment()
    )


def say(line: str) -> None:
    """Print a line immediately, even into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
