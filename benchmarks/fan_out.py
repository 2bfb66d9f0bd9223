"""Measure a fan-out with `perform_runs` and bare httpx, all at once and one after another, and print tables.

The exit code is 0 if the marks are met, 1 if one is missed, and 2 if the measurement failed.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import httpx

from aichats.runs.model import Run
from benchmarks.batches import BARE, BARE_IN_TURN, BATCH, OURS, OURS_IN_TURN, Way, fan_out, make_runs, ways
from benchmarks.cold_start import machine, progress
from benchmarks.errors import BenchmarkError
from benchmarks.latency import COUNTS, SUCCEEDED
from benchmarks.table import Measurements, Spread, ratios, table
from local.errors import LocalError
from local.system import stand_in

THROUGHPUT = "runs a second"
FASTER = 9.0
CALLS = 3.0
PERFORMING = "UpdateItem"
LEDGER_AND_QUEUE = ("TransactWriteItems", "SendMessageBatch", PERFORMING)
DESCRIPTION = f"""\
Measure a fan-out in batches of {BATCH}, as SQS delivers them. Each run creates a chat for a company: two calls to
Whop, the create with the mark in its title and the change to the clean title.

  {OURS:31} its handler: claim, create, record, change, finish; a thread for each run
  {OURS_IN_TURN:31} the same handler with one message after the other: all calls in turn
  {BARE:31} the two calls to Whop and nothing else, in as many threads
  {BARE_IN_TURN:31} the two calls to Whop and nothing else, in turn

The four take turns, batch by batch, so a disturbance affects all. Ratios are of single batches.

Whop takes 50 ms for a call, DynamoDB and SQS take 5 ms. `benchmarks.latency`, a process of its own, is their mock. The
local AWS's DynamoDB answers within 2 ms, which is faster than the real one. botocore, httpx and all of our code are the
real ones, with the whole processor, over loopback without TLS.

One call after another is the same handler with one message at a time, so the ratio shows the gain of concurrency. The
comparison with bare httpx, which has no ledger, shows the cost of the ledger.

DynamoDB and SQS calls are counted for all of a run's life: the write of its row and the send of its message (in
batches: its share), claim, record and finish. SQS's own delivery of a message is not counted.

The marks: `{OURS}` at least {FASTER:g} times as fast as one call after another, at most {CALLS:g} such calls to
perform a run.
"""


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    options = parse(arguments)
    try:
        with stand_in("benchmarks.latency", 0) as url:
            numbers, calls = measure(url, options.targets)
    except (BenchmarkError, LocalError, httpx.HTTPError) as error:
        print(f"fan_out: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    print(f"{machine()}, {options.targets} targets in batches of {BATCH}. Ratios are to `{OURS_IN_TURN}`.\n")
    return report(numbers, calls)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="fan_out", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--targets", type=int, default=1000, metavar="N", help="number of targets (default: 1000)")
    options = parser.parse_args(arguments)
    if options.targets < BATCH or options.targets % BATCH:
        parser.error(f"--targets must be a multiple of {BATCH}")
    return options


def measure(url: str, targets: int) -> tuple[Measurements, dict[str, float]]:
    """Perform all targets in each way. An uncounted first batch opens the connections.

    Returns:
        Runs a second for each batch, by way; number of calls for one run, by name.

    Raises:
        BenchmarkError: a run did not succeed.
    """
    with ways(url) as by_name:
        perform_all(by_name, make_runs(0, BATCH), make_runs(BATCH, BATCH))
        before = counts(url)
        numbers = perform_all(by_name, make_runs(2 * BATCH, targets), make_runs(2 * BATCH + targets, targets))
        calls = counts(url) - before
    ours = 2 * targets
    if calls[SUCCEEDED] != ours or calls["POST /ai_chats"] != targets * len(by_name):
        raise BenchmarkError(f"not every run succeeded: {dict(calls)}")
    return {THROUGHPUT: numbers}, {name: calls[name] / ours for name in LEDGER_AND_QUEUE}


def perform_all(by_name: Mapping[str, Way], runs: Sequence[Run], others: Sequence[Run]) -> dict[str, list[float]]:
    """Fan out, then perform batch by batch, in turns. ``others`` are the runs to perform one after another."""
    for group in (runs, others):
        fan_out(group)
    numbers: dict[str, list[float]] = {name: [] for name in by_name}
    for start in range(0, len(runs), BATCH):
        progress(f"target {start} of {len(runs)}")
        for name, perform in by_name.items():
            batch = (others if name == OURS_IN_TURN else runs)[start : start + BATCH]
            begun = time.perf_counter()
            perform(batch)
            numbers[name].append(BATCH / (time.perf_counter() - begun))
    return numbers


def counts(url: str) -> Counter[str]:
    """Return the number of calls so far, by name."""
    return Counter(httpx.get(url + COUNTS, timeout=10, trust_env=False).json())


def report(numbers: Measurements, calls: Mapping[str, float]) -> int:
    """Print the tables, and whether the marks are met. Return the exit code."""
    rounds = numbers[THROUGHPUT]
    faster = Spread.of(ratios(rounds[OURS], rounds[OURS_IN_TURN])).median
    total = sum(calls.values())
    is_met = {True: "met", False: "missed"}
    print(table(numbers, base=OURS_IN_TURN))
    print("\n| DynamoDB and SQS calls | for one run |\n|---|---:|")
    print("\n".join(f"| {name} | {times:.2f} |" for name, times in [*calls.items(), ("together", total)]))
    for other in (BARE, BARE_IN_TURN):
        spread = Spread.of(ratios(rounds[OURS], rounds[other]))
        print(f"\n`{OURS}` to `{other}` (min, median, max): {spread.cells().replace(' |', ',')}.")
    print(f"\n{faster:.2f} times as fast as one after another; the mark of {FASTER:g} is {is_met[faster >= FASTER]}.")
    performing = calls[PERFORMING]
    print(f"{total:.2f} DynamoDB and SQS calls for a run, {total - performing:.2f} of them to start it.")
    print(f"{performing:.2f} calls to perform it; the mark of {CALLS:g} is {is_met[performing <= CALLS]}.")
    return 0 if faster >= FASTER and performing <= CALLS else 1


if __name__ == "__main__":
    sys.exit(main())
