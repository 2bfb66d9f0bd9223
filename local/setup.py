"""Sets up what the other commands need: environments, the layer's wheels, SAM CLI and the local cloud.

Runs on any Python from 3.11 on, with the standard library alone, because it is what runs before anything is installed.
What is there already, and was made from the same requirements, is left as it is; so the second run needs no network.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
UV = TOOLS / "uv"
WHEELHOUSE = TOOLS / "wheelhouse"
LAYER_REQUIREMENTS = ROOT / "layers" / "shared" / "requirements.txt"

ENVIRONMENTS = {
    "dev": VENV,
    "sam": TOOLS / "sam",
    "cloud": TOOLS / "cloud",
    "runtime": TOOLS / "runtime",
    "whop-sdk-0": TOOLS / "whop-sdk-0",
    "whop-sdk-2": TOOLS / "whop-sdk-2",
}
"""Environment by the name of its file in ``requirements/``. They are apart where their pins contradict each other."""

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
    """Set-up cannot go on; the message says what to do."""


def main() -> int:
    """Bring everything up to date, and say what was done. Returns the exit code."""
    started = time.monotonic()
    try:
        work = pending()
        if not work:
            return 0
        say(f"setting up: {', '.join(work)}")
        make_uv()
        python = find_python()
        make_environment("dev", python)
        others = [name for name in ENVIRONMENTS if name != "dev"]
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(make_environment, name, python) for name in others]
            jobs.append(pool.submit(make_wheelhouse))
            for job in jobs:
                job.result()
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        print(f"setup: the disk of {ROOT} is full. Free about 1 GB, then run it again", file=sys.stderr)
        return 1
    say(f"ready in {time.monotonic() - started:.0f} s")
    return 0


def pending() -> list[str]:
    """Names of what is missing or was made from other requirements."""
    names = [name for name, place in ENVIRONMENTS.items() if not is_current(place, requirements(name))]
    if not is_current(WHEELHOUSE, [LAYER_REQUIREMENTS]):
        names.append("wheelhouse")
    return names


def make_uv() -> None:
    """Install uv, which makes the environments, into an environment of its own."""
    if is_current(UV, requirements("uv")):
        return
    run(
        sys.executable, "-m", "venv", "--clear", UV, why="make an environment (on Debian: apt-get install python3-venv)"
    )
    run(
        UV / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--require-hashes",
        "-r",
        requirements("uv")[0],
        why="install uv",
    )
    stamp(UV, requirements("uv"))


def find_python() -> Path:
    """A Python 3.13 that answers: on PATH, under pyenv, else one that uv brings.

    A ``python3.13`` on PATH may be a pyenv shim that refuses to run, so each candidate is asked.
    """
    on_path = shutil.which("python3.13")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(Path.home().glob(".pyenv/versions/3.13*/bin/python3.13"), reverse=True)
    for candidate in candidates:
        if asked_version(candidate) == "3.13":
            return candidate
    say("no Python 3.13 here: asking uv for one")
    run(uv(), "python", "install", "3.13", why="find or install Python 3.13 (install it by hand, then run this again)")
    found = subprocess.run(
        [uv(), "python", "find", "3.13"], capture_output=True, text=True, check=True, env=clean_environment()
    )
    return Path(found.stdout.strip())


def asked_version(python: Path) -> str:
    """``major.minor`` as the interpreter itself says, or an empty string if it does not answer."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def make_environment(name: str, python: Path) -> None:
    """Make the environment ``name`` hold exactly what its requirements file pins."""
    place, files = ENVIRONMENTS[name], requirements(name)
    if is_current(place, files):
        return
    begun = time.monotonic()
    run(uv(), "venv", "-q", "--clear", "--python", python, place, why=f"make {place.name}")
    interpreter = place / "bin" / "python"
    run(
        uv(), "pip", "sync", "-q", "--python", interpreter, "--require-hashes", files[0], why=f"install {files[0].name}"
    )
    if name == "dev":
        no_index = ["--no-index", "--no-deps", "--no-build-isolation"]
        run(
            uv(),
            "pip",
            "install",
            "-q",
            "--python",
            interpreter,
            *no_index,
            "-e",
            ROOT,
            why="install the project itself",
        )
    stamp(place, files)
    say(f"  {place.relative_to(ROOT)}: {time.monotonic() - begun:.0f} s")


def make_wheelhouse() -> None:
    """Fetch the layer's wheels, for Lambda and for this machine, so that later builds need no network."""
    if is_current(WHEELHOUSE, [LAYER_REQUIREMENTS]):
        return
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
    run(*fetch, *LAMBDA_WHEELS, why="fetch the layer's wheels for Lambda")
    run(*fetch, "--only-binary=:all:", why="fetch the layer's wheels for this machine")
    stamp(WHEELHOUSE, [LAYER_REQUIREMENTS])


def requirements(name: str) -> list[Path]:
    """The files an environment is made from."""
    return [ROOT / "requirements" / f"{name}.txt"]


def is_current(place: Path, files: list[Path]) -> bool:
    """Whether ``place`` was finished, here, from just these files."""
    mark = place / ".made-from"
    return mark.is_file() and mark.read_text() == fingerprint(place, files)


def stamp(place: Path, files: list[Path]) -> None:
    """Note that ``place`` is finished; written last, so that a broken set-up is made again."""
    (place / ".made-from").write_text(fingerprint(place, files))


def fingerprint(place: Path, files: list[Path]) -> str:
    """Hash of the files and of where the environment stands: a moved environment does not work."""
    parts = [str(place).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def uv() -> Path:
    """Where uv was installed."""
    return UV / "bin" / "uv"


def clean_environment() -> dict[str, str]:
    """The environment less an activated virtual environment, which uv and pip would follow."""
    return {
        name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
    }


def run(*command: str | Path, why: str) -> None:
    """Run a command; when it fails, show the end of what it printed.

    Raises:
        SetupError: it ended with another code than 0.
    """
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env=clean_environment()
    )
    if result.returncode:
        printed = (result.stderr + result.stdout).strip().splitlines()
        raise SetupError("\n  ".join([f"could not {why}", *printed[-12:]]))


def say(line: str) -> None:
    """Print progress at once, also into a pipe."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
