"""Compare run_schedule with the official SDK and an empty handler, and print a Markdown table.

The exit code is 0 if the mark is met, 1 if it is missed, and 2 if the measurement failed.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.builds import Package, build
from benchmarks.errors import BenchmarkError
from benchmarks.process import running
from benchmarks.table import Measurements, Spread, ratios, table
from benchmarks.upstream import Upstream
from local.setup import ROOT

OURS, OFFICIAL, EMPTY = "run_schedule", "official", "empty"
CHATS = {OURS: 1, OFFICIAL: 1, EMPTY: 0}
"""Chats that each variant creates for one event."""
COLD, WARM, MEMORY, ZIP = "cold start, ms", "warm overhead, ms", "peak memory, MiB", "zipped, MiB"
MARK = 0.45
WARM_CALLS = 50
EVENT = ROOT / "events" / "schedule" / "create_chat.json"
DESCRIPTION = f"""\
Compare `run_schedule` with the same function in the official whop_sdk and boto3, as an ordinary `sam build` ships it,
and with an empty handler. Mock servers of Secrets Manager and Whop on this machine answer immediately, over TLS.

  {COLD:18} from the start of the process to its first answer, under awslambdaric
  {WARM:18} median of {WARM_CALLS} calls after the first, without the time of the mock servers
  {MEMORY:18} resident, up to the last call
  {ZIP:18} size of the upload: the function, and the layer if it has one

Ratios are to `{OFFICIAL}`, round by round. The variants take turns, so a disturbance affects all. The first run
downloads the official SDK; later ones need no network. The mark: a cold start of at most {MARK} of the official one's.
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    options = parse(arguments)
    try:
        progress("sam build")
        packages = build()
        numbers = measure(packages, options.rounds)
    except BenchmarkError as error:
        print(f"cold_start: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    print(f"{machine()}, {options.rounds} rounds. Ratios are to `{OFFICIAL}`.\n")
    return report({**numbers, ZIP: {variant: [package.zipped_mib] for variant, package in packages.items()}})


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="cold_start", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often each is started (default: 15)")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def measure(packages: dict[str, Package], rounds: int) -> Measurements:
    """Start each variant once in each round. One round before them warms the disk's cache up and does not count.

    Raises:
        BenchmarkError: this is no Linux on x86_64, or a variant failed or did not do what it should.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise BenchmarkError("needs Linux on x86_64: what is measured is built for Lambda's x86_64")
    numbers: dict[str, dict[str, list[float]]] = {
        name: {variant: [] for variant in packages} for name in (COLD, WARM, MEMORY)
    }
    with tempfile.TemporaryDirectory() as folder, Upstream(Path(folder)) as upstream:
        for done in range(rounds + 1):
            for variant, package in packages.items():
                progress(f"round {done} of {rounds}: {variant}")
                for name, number in start(variant, package, upstream).items():
                    numbers[name][variant].append(number)
    return {name: {variant: each[1:] for variant, each in rounds.items()} for name, rounds in numbers.items()}


def start(variant: str, package: Package, upstream: Upstream) -> dict[str, float]:
    """Start a variant, call it, end it. Returns a number for each measure.

    Raises:
        BenchmarkError: it failed, or it created an unexpected number of chats.
    """
    event = EVENT.read_bytes()
    chats_before = upstream.calls["chat"]
    with running(package, upstream) as process:
        first = process.api.invoke(event)
        warm = []
        for _ in range(WARM_CALLS):
            upstream_before = upstream.seconds
            answer = process.api.invoke(event)
            warm.append(answer.answered_at - answer.taken_at - (upstream.seconds - upstream_before))
        memory = process.peak_mib()
    chats = upstream.calls["chat"] - chats_before
    if chats != CHATS[variant] * (1 + WARM_CALLS):
        raise BenchmarkError(f"{variant} created {chats} chats in {1 + WARM_CALLS} calls")
    cold = first.answered_at - process.started_at
    return {COLD: cold * 1000, WARM: statistics.median(warm) * 1000, MEMORY: memory}


def report(numbers: Measurements) -> int:
    """Print the table, and whether the mark is met. Return the exit code."""
    reached = Spread.of(ratios(numbers[COLD][OURS], numbers[COLD][OFFICIAL])).median
    is_met = reached <= MARK
    print(table(numbers, base=OFFICIAL))
    print(f"\nCold start: {reached:.2f} of the official one's; the mark of {MARK} is {'met' if is_met else 'missed'}.")
    return 0 if is_met else 1


def machine() -> str:
    """Return a description of this machine, for readers of the table."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def progress(text: str) -> None:
    """Show the progress on a terminal, in one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
