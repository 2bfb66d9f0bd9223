"""Inject all kinds of faults at once, and count whether each trigger has its effect exactly once.

The exit code is 0 without a duplicate or loss, 1 if there is one or too many runs are unknown, and 2 if the count
failed.
"""

import argparse
import io
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from aichats.aws.attributes import decode
from aichats.runs.ledger.rows import Row, row_from
from benchmarks.chaotic.count import MOST_UNKNOWN, Count, count
from benchmarks.chaotic.faults import FAULTS, Chaos
from benchmarks.chaotic.kodey import KodeyScenario
from benchmarks.chaotic.scenario import LATE, LIST_LAG, SETTLE_SECONDS, Scenario
from benchmarks.chaotic.system import chaotic_system
from benchmarks.chaotic.triggers import Triggers
from benchmarks.chaotic.whop import WhopScenario
from local.cloud.functions import FunctionFailedError
from local.console import Console
from local.signals import interruptible
from local.system import System, chats_of

LIMIT = 900.0
"""Seconds after which an open run counts as lost."""
SWEEP_EVERY = 20.0
"""Seconds; the template sweeps every 5 minutes."""
LOOK_EVERY = 2.0
MOST_FAULTS = 0.9
DESCRIPTION = f"""\
Run the whole stack on the local AWS, start runs through its public triggers (POST /runs, the POST for a single run,
events of schedules), inject faults, and compare the chats of the mock server with the runs in the ledger. With Whop,
each run creates one muted chat for a company of its own. With Kodey, a run creates a chat with an agent of its own and
gets an answer there (in half of these, all chats belong to one user), or sends a message to a chat of its own that
already has the same words.

The faults:
  - the given share of all calls to the provider gets one of
    {", ".join(name for name in FAULTS if "kill" not in name)}, delays,
    or its function is killed (SIGKILL) before or after the call
  - functions are killed before or after calls to DynamoDB, SQS and Secrets Manager
  - each message, and each event of a schedule, is delivered up to three times
  - further pages of a list get only faults after which a GET is repeated
  - lists are shuffled, and show new items only {LIST_LAG:g} s later

The functions' time limits are shorter than in template.yaml. So is the settle time ({SETTLE_SECONDS} s), which must be
longer than the time in which the provider may still perform a lost call ({LATE:g} s) and than the lag of lists.

It prints a line for each:
  runs        triggers, each of which must have its effect once
  duplicates  chats, and messages in them, in addition to the first of a run
  lost        runs that are not in the ledger, are still open, failed without a reason or despite a chat or message, or
              whose chat, message or answer differs from their record
  unknown     runs that may have been performed or not: a person must check them, and an alarm goes off; at most
              {MOST_UNKNOWN:.1%} are allowed
  attempts    of all runs together
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chaos, and print the count. Return the exit code."""
    options = parse(arguments)
    console = Console(sys.stderr if sys.stderr.isatty() else io.StringIO())
    return interruptible(lambda: report(run(options, console)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--provider", choices=["whop", "kodey"], default="whop", help="the provider (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="number of runs (default: %(default)s)")
    parser.add_argument(
        "--faults",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="share of faulty calls to the provider (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of all random draws (default: %(default)s)"
    )
    parser.add_argument(
        "--idempotency",
        choices=["honoured", "ignored"],
        default="honoured",
        help="how Whop treats idempotency keys; Kodey has none (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.runs < 1 or not 0 <= options.faults <= MOST_FAULTS:
        parser.error(f"--runs must be 1 or more, --faults between 0 and {MOST_FAULTS}")
    return options


def run(options: argparse.Namespace, console: Console) -> Count:
    """Start the runs, wait until none is open, and return the count."""
    scenario: Scenario = KodeyScenario() if options.provider == "kodey" else WhopScenario(options.idempotency)
    with chaotic_system(scenario, console, runs=options.runs, share=options.faults, seed=options.seed) as (
        system,
        chaos,
    ):
        orders = scenario.orders(system, options.runs, options.seed)
        with console.step(f"start {options.runs} runs"):
            Triggers(system, random.Random(options.seed)).start(orders)
        with console.step("wait until all have ended"):
            drain(system, chaos)
        # Late effects count too.
        time.sleep(SETTLE_SECONDS)
        return count(scenario.results(orders, chats_of(scenario.url(system))), rows(system))


def drain(system: System, chaos: Chaos) -> None:
    """Sweep until every run has ended."""
    started = swept = time.monotonic()
    while time.monotonic() < started + LIMIT:
        still_open = sum(row.is_open for row in rows(system))
        if sys.stderr.isatty():
            print(f"\r  … {still_open} open, {chaos.kills} killed ", end="", file=sys.stderr, flush=True)
        if not still_open:
            break
        if time.monotonic() > swept + SWEEP_EVERY:
            swept = time.monotonic()
            with suppress(FunctionFailedError):
                system.invoke("SweepRunsFunction", {})
        time.sleep(LOOK_EVERY)


def rows(system: System) -> list[Row]:
    """Return all runs of the ledger."""
    pages = system.emulator.clients.dynamodb.get_paginator("scan").paginate(
        TableName=system.stack.outputs["RunsTable"], FilterExpression="attribute_exists(attempts)"
    )
    return [row_from(decode(item)) for page in pages for item in page["Items"]]


def report(counted: Count) -> int:
    """Print the count, and the lost runs to stderr. Return the exit code."""
    for target, reason in counted.lost.items():
        print(f"lost: {target}: {reason}", file=sys.stderr)
    for line in counted.lines():
        print(line)
    return 0 if counted.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
