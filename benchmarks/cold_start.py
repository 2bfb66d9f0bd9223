"""Compare the functions with the official SDK, with the standard library's floor and with an empty handler.

Print Markdown tables. The exit code is 0 if all marks are met, 1 if one is missed, and 2 if the measurement failed.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.builds import Package, build
from benchmarks.cpu_share import PERIOD, WHOLE_CPU_MB, share_of
from benchmarks.errors import BenchmarkError
from benchmarks.measured import (
    EMPTY,
    FLOOR,
    HTTP_API,
    LEDGER,
    MEASURED,
    OFFICIAL,
    PERFORM_RUNS,
    RUN_SCHEDULE,
    WEBHOOK,
    WEBHOOK_IDLE,
    Measured,
)
from benchmarks.process import running
from benchmarks.runtime_api import Answer
from benchmarks.table import Measurements, Spread, ratios, table
from benchmarks.upstream import Upstream

COLD, INIT, WARM, MEMORY = "cold start, ms", "init phase, ms", "warm overhead, ms", "peak memory, MiB"
ZIP = "zipped, MB"
WARM_CALLS = 50
LEAST_MB = 128
"""The least memory of a function on Lambda."""
DESCRIPTION = f"""\
Compare the functions of aichats with functions that create a chat in other ways. Mock servers of AWS and Whop on this
machine answer immediately, over TLS. Each function gets its own event, and must have its effect each time.

  {EMPTY:22} Python and the runtime client alone
  {FLOOR:22} http.client and requests to AWS that are signed by hand: the standard library alone
  {OFFICIAL:22} whop_sdk and boto3, as an ordinary `sam build` ships them: without bytecode
  {LEDGER:22} the same, and with boto3 the same calls to DynamoDB as `run_schedule`
  others                 the functions of aichats, as `sam build` creates them

  {COLD:18} from the start of the process to its first answer, under awslambdaric
  {INIT:18} the part of it before the first event is taken
  {WARM:18} median of {WARM_CALLS} calls after the first, without the time of the mock servers
  {MEMORY:18} resident, up to the last call
  {ZIP:18} size of the upload in 10^6 bytes: the function, and the layer if it has one

Ratios are round by round. The variants take turns, so a disturbance affects all. The first run downloads the official
SDK; later ones need no network.

The official SDK and botocore read certificates from a bundle, as they do on AWS. The layer ships a folder of
certificates with hashed names, from which OpenSSL reads one when it needs it. Here the functions of aichats and the
floor read such a folder, which also has the certificate of the mocks. If the layer has no such folder, its functions
read the bundle too.

--memory limits the CPU to the share that Lambda gives for so much memory: MB / {WHOLE_CPU_MB} of a CPU in the
handler. The init phase always has a whole CPU, as on Lambda. A process that has used its share of {PERIOD * 1000:g} ms
is stopped until the next {PERIOD * 1000:g} ms. Without the option, the handler has a whole CPU too, which is Lambda's
at {WHOLE_CPU_MB} MB. The marks are for a whole CPU.
"""


@dataclass(frozen=True)
class Mark:
    """A limit of the median ratio of a variant to another one, or of the median itself.

    Attributes:
        measure: what is compared.
        variant: whose number it is.
        base: the variant that it is compared with; ``None``: the number itself has the limit.
        limit: the highest value that meets the mark.
    """

    measure: str
    variant: str
    base: str | None
    limit: float

    def reached(self, numbers: Measurements) -> float:
        """Return the median, of the ratios if there is a base."""
        own = numbers[self.measure][self.variant]
        return Spread.of(ratios(own, numbers[self.measure][self.base]) if self.base else own).median


MARKS = (
    Mark(COLD, RUN_SCHEDULE, OFFICIAL, 0.16),
    Mark(COLD, RUN_SCHEDULE, FLOOR, 2.5),
    Mark(COLD, PERFORM_RUNS, OFFICIAL, 0.22),
    Mark(COLD, WEBHOOK, OFFICIAL, 0.22),
    Mark(COLD, WEBHOOK_IDLE, OFFICIAL, 0.22),
    Mark(COLD, HTTP_API, OFFICIAL, 0.30),
    Mark(WARM, RUN_SCHEDULE, LEDGER, 2.5),
    Mark(MEMORY, RUN_SCHEDULE, OFFICIAL, 0.60),
    Mark(ZIP, RUN_SCHEDULE, None, 4.0),
)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    options = parse(arguments)
    variants = {name: MEASURED[name] for name in options.variants}
    code = 0
    try:
        progress("sam build")
        packages = build({name: each.function for name, each in variants.items() if each.function})
        for memory in options.memory:
            numbers, calls = measure(packages, variants, options.rounds, memory)
            print(f"\n{machine()}, {options.rounds} rounds, {cpu(memory)}. Ratios are to `{OFFICIAL}`.\n")
            sizes = {ZIP: {name: [packages[name].zipped_mb] for name in variants}}
            code = max(code, report({**numbers, **sizes}, calls, are_marks_for=memory >= WHOLE_CPU_MB))
    except BenchmarkError as error:
        print(f"cold_start: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    return code


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="cold_start", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="how often each is started (default: 15)")
    parser.add_argument(
        "--memory",
        type=int,
        nargs="+",
        default=[WHOLE_CPU_MB],
        metavar="MB",
        help=f"a table for each memory size, such as 512 1024 1769 (default: {WHOLE_CPU_MB}, a whole CPU)",
    )
    parser.add_argument(
        "--variants", nargs="+", default=list(MEASURED), choices=MEASURED, metavar="NAME", help="default: all"
    )
    options = parser.parse_args(arguments)
    # Every ratio is to this variant.
    options.variants = list(dict.fromkeys([OFFICIAL, *options.variants]))
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if min(options.memory) < LEAST_MB:
        parser.error(f"--memory must be {LEAST_MB} or more")
    return options


def measure(
    packages: Mapping[str, Package], variants: Mapping[str, Measured], rounds: int, memory_mb: int
) -> tuple[Measurements, dict[str, Counter[str]]]:
    """Start each variant once in each round. One round before them warms the disk's cache up and does not count.

    Returns:
        The numbers, and the calls of each variant in all its events of a round, by operation.

    Raises:
        BenchmarkError: this is no Linux on x86_64, or a variant failed or did not do what it should.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise BenchmarkError("needs Linux on x86_64: what is measured is built for Lambda's x86_64")
    numbers: dict[str, dict[str, list[float]]] = {
        name: {variant: [] for variant in variants} for name in (COLD, INIT, WARM, MEMORY)
    }
    calls: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, Upstream(Path(folder)) as upstream:
        for done in range(rounds + 1):
            for variant, measured in variants.items():
                progress(f"round {done} of {rounds}: {variant}")
                found, calls[variant] = start(variant, packages[variant], measured, upstream, memory_mb)
                for name, number in found.items():
                    numbers[name][variant].append(number)
    return {name: {variant: each[1:] for variant, each in by.items()} for name, by in numbers.items()}, calls


def start(
    variant: str, package: Package, measured: Measured, upstream: Upstream, memory_mb: int
) -> tuple[dict[str, float], Counter[str]]:
    """Start a variant, call it, end it. Return a number for each measure, and the calls that it made.

    Raises:
        BenchmarkError: it failed, or it did not have its effect in each call.
    """
    before = upstream.calls.copy()
    upstream.answers = measured.answers
    with running(package, upstream, measured.variables, memory_mb) as process:
        first = process.api.invoke(measured.event())
        answers, warm = [first], []
        for _ in range(WARM_CALLS):
            upstream_before = upstream.seconds
            answers.append(answer := process.api.invoke(measured.event()))
            warm.append(answer.answered_at - answer.taken_at - (upstream.seconds - upstream_before))
        memory = process.peak_mib()
        calls = upstream.calls - before
        check(variant, measured, calls, answers)
    cold, init = first.answered_at - process.started_at, first.taken_at - process.started_at
    found = {COLD: cold * 1000, INIT: init * 1000, WARM: statistics.median(warm) * 1000, MEMORY: memory}
    return found, calls


def check(variant: str, measured: Measured, calls: Counter[str], answers: Iterable[Answer]) -> None:
    """Check the effects and the responses of all calls of a variant.

    Raises:
        BenchmarkError: an effect is missing or superfluous, or a response is wrong.
    """
    for operation, times in measured.effect.items():
        if calls[operation] != times * (1 + WARM_CALLS):
            raise BenchmarkError(
                f"{variant}: {calls[operation]} times {operation!r} in {1 + WARM_CALLS} calls: {calls}"
            )
    for answer in answers:
        if not measured.response(json.loads(answer.content)):
            raise BenchmarkError(f"{variant} answered {answer.content.decode()}")


def report(numbers: Measurements, calls: Mapping[str, Counter[str]], *, are_marks_for: bool = True) -> int:
    """Print the tables, and whether the marks are met. Return the exit code.

    Args:
        numbers: the measurements.
        calls: the calls of each variant in all its events of a round, by operation.
        are_marks_for: whether the marks are for these measurements.
    """
    print(table(numbers, base=OFFICIAL))
    if FLOOR in numbers[COLD]:
        print(f"\n| cold start, ratio to `{FLOOR}` | min | median | max |\n|---|---:|---:|---:|")
        for variant, own in numbers[COLD].items():
            print(f"| {variant} | {Spread.of(ratios(own, numbers[COLD][FLOOR])).cells()} |")
    print(f"\n| variant | calls of each of {1 + WARM_CALLS} events |\n|---|---|")
    for variant, counted in calls.items():
        print(f"| {variant} | {per_event(counted)} |")
    return verdicts(numbers) if are_marks_for else 0


def per_event(calls: Counter[str]) -> str:
    """Return the calls of an event. Of calls that not every event makes, return the number in all events."""
    events = 1 + WARM_CALLS
    parts = [
        f"{name} {times} in all" if times < events else f"{name} {times / events:.3g}"
        for name, times in sorted(calls.items())
    ]
    return ", ".join(parts)


def verdicts(numbers: Measurements) -> int:
    """Print each mark whose variants were measured. Return 0 if all are met, otherwise 1."""
    print("\n| mark | limit | median | |\n|---|---:|---:|---|")
    code = 0
    for mark in MARKS:
        measured = numbers[mark.measure]
        if mark.variant not in measured or (mark.base and mark.base not in measured):
            continue
        reached = mark.reached(numbers)
        is_met = reached <= mark.limit
        compared = f" / {mark.base}" if mark.base else ""
        verdict = "met" if is_met else "missed"
        print(f"| {mark.measure}: {mark.variant}{compared} | {mark.limit:g} | {reached:.2f} | {verdict} |")
        code |= not is_met
    return code


def machine() -> str:
    """Return a description of this machine, for readers of the table."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def cpu(memory_mb: int) -> str:
    """Return a description of the CPU that a handler has."""
    share = share_of(memory_mb)
    return "a whole CPU" if share == 1 else f"{memory_mb} MB: {share:.2f} of a CPU in the handler"


def progress(text: str) -> None:
    """Show the progress on a terminal, in one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
