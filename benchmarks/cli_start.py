"""Install the command `aichats` into an empty environment, and measure its size and how long it takes to start.

The exit code is 0 if the mark is met, 1 if it is missed, and 2 if the measurement failed.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.cold_start import machine, progress
from benchmarks.errors import BenchmarkError
from benchmarks.table import Spread, table
from local.setup import ROOT, TOOLS, clean_environment, uv

PYTHON, HELP, LIST = "python -c pass", "aichats --help", "aichats auto list"
MARK_MS = 150
MIB = 1 << 20
AUTOMATION = {
    "name": "daily-numbers",
    "state": "active",
    "paused": None,
    "trigger": {"type": "schedule", "expression": "cron(30 8 ? * MON-FRI *)", "timezone": "Europe/Berlin"},
    "action": {"type": "whop.create_chat", "message_text": "Sum up yesterday."},
    "targets": ["biz_A", "biz_B"],
    "labels": {"team": "growth"},
    "next_at": "2026-12-01T07:30:00Z",
    "last_run": {"slot": None, "at": "2026-11-30T07:30:04Z", "status": "succeeded"},
}
BODY = json.dumps({"data": [AUTOMATION] * 20, "next_cursor": None}).encode()
DESCRIPTION = f"""\
Install `./cli` into an empty environment, as `pip install ./cli` and `uvx --from ./cli` do, and measure:

  the size and the number of installed packages, and how long both take
  the time from the start of a process to its end, for `{HELP}`, and for `{LIST}` against a server on this machine
  the same for `{PYTHON}`, and for `sam` and `aws`, if they are installed

Ratios are to `{PYTHON}`, round by round. The variants take turns, so a disturbance affects all. It needs the network,
or the packages in the cache of uv. The mark: {MARK_MS} ms for the fastest
start of `{HELP}`, because other processes use the machine too.
"""


class Automations(BaseHTTPRequestHandler):
    """Answers each GET with twenty automations."""

    def do_GET(self) -> None:  # the name is prescribed
        """Answer."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, measure, and print the results. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="cli_start", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often each is started (default: 15)")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder, automations_server() as url:
            place = Path(folder)
            print(f"{machine()}, {options.rounds} rounds.\n\n{installed(place)}\n")
            numbers = measure(variants(place), environment(place, url), options.rounds)
    except BenchmarkError as error:
        print(f"cli_start: {error}", file=sys.stderr)
        return 2
    finally:
        progress("")
    return report(numbers)


def report(numbers: Mapping[str, Sequence[float]]) -> int:
    """Print the table, and whether the mark is met. Return the exit code."""
    reached = Spread.of(numbers[HELP]).minimum
    is_met = reached <= MARK_MS
    print(table({"start to end, ms": numbers}, base=PYTHON))
    print(f"\n{HELP}: {reached:.0f} ms at best; the mark of {MARK_MS} ms is {'met' if is_met else 'missed'}.")
    return 0 if is_met else 1


@contextmanager
def automations_server() -> Iterator[str]:
    """Run a server for the ``with`` block. Yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Automations) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def installed(place: Path) -> str:
    """Install the command into an environment in ``place``, in both ways. Return the results as text.

    Raises:
        BenchmarkError: it can't be installed.
    """
    environment_folder = place / "pip"
    timed(sys.executable, "-m", "venv", environment_folder)
    python = environment_folder / "bin" / "python"
    by_pip = timed(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", ROOT / "cli")
    by_uvx = timed(uv(), "tool", "run", "--from", ROOT / "cli", "aichats", "--help")
    packages = next(environment_folder.glob("lib/python*/site-packages"))
    names = [each.name for each in packages.glob("*.dist-info") if not each.name.startswith("pip-")]
    size = size_of(packages) - size_of(packages / "pip")  # Each environment has pip.
    return (
        f"`pip install ./cli` took {by_pip:.1f} s, `uvx --from ./cli aichats --help` {by_uvx:.1f} s."
        f" {len(names)} packages, {size / MIB:.1f} MiB with bytecode."
    )


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def timed(*command: str | Path) -> float:
    """Run a command. Return the seconds that it took.

    Raises:
        BenchmarkError: it failed.
    """
    progress(f"{Path(command[0]).name} …")
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    if done.returncode:
        raise BenchmarkError("\n  ".join([f"{command[0]} failed", *done.stderr.splitlines()[-8:]]))
    return time.perf_counter() - begun


def variants(place: Path) -> dict[str, list[str | Path]]:
    """Return the commands to measure, by their names."""
    folder = place / "pip" / "bin"
    commands: dict[str, list[str | Path]] = {
        PYTHON: [folder / "python", "-c", "pass"],
        HELP: [folder / "aichats", "--help"],
        LIST: [folder / "aichats", "auto", "list"],
    }
    for name, path in (("sam", shutil.which("sam") or TOOLS / "sam" / "bin" / "sam"), ("aws", shutil.which("aws"))):
        if path and runs(path, "--version"):
            commands[f"{name} --version"] = [path, "--version"]
    return commands


def runs(*command: str | Path) -> bool:
    """Return whether a command is installed and works."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def environment(place: Path, url: str) -> dict[str, str]:
    """Return the variables of the measured commands: with bytecode, which the first start writes."""
    own = {"AICHATS_URL": url, "AICHATS_TOKEN": "token", "XDG_CONFIG_HOME": str(place), "SAM_CLI_TELEMETRY": "0"}
    variables = clean_environment() | own
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def measure(
    commands: Mapping[str, Sequence[str | Path]], variables: Mapping[str, str], rounds: int
) -> dict[str, list[float]]:
    """Start each command once in each round. Return the milliseconds. One round before them does not count.

    Raises:
        BenchmarkError: a command failed.
    """
    numbers: dict[str, list[float]] = {name: [] for name in commands}
    for done in range(rounds + 1):
        for name, command in commands.items():
            progress(f"round {done} of {rounds}: {name}")
            begun = time.perf_counter()
            ended = subprocess.run(command, capture_output=True, check=False, env=variables)
            numbers[name].append((time.perf_counter() - begun) * 1000)
            if ended.returncode:
                raise BenchmarkError(f"{name} failed: {ended.stderr.decode(errors='replace')}")
    return {name: each[1:] for name, each in numbers.items()}


if __name__ == "__main__":
    sys.exit(main())
