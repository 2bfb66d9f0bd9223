"""Lets everything go wrong at once, and counts: did each trigger take effect just once?

Ends with 0 if there is no duplicate and no loss, with 1 if there is one or too much is unknown, with 2 if nothing could
be counted.
"""

import argparse
import io
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from aichats.aws.table import decode
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
"""Seconds after which a run that is still open counts as lost."""
SWEEP_EVERY = 20.0
"""Seconds; the template sweeps every 5 minutes."""
LOOK_EVERY = 2.0
MOST_FAULTS = 0.9
DESCRIPTION = f"""\
Runs the whole stack on the local cloud, starts runs through its own doors (POST /runs, the POST for a single one,
events of schedules), lets everything go wrong, and counts what the provider's stand-in holds against the runs in the
ledger. With Whop each run has a company of its own, which is to get one muted chat. With Kodey a run is to create a
chat with an agent of its own and get an answer there (for half of these all chats are one user's), or to send a message
to a chat of its own that holds the same words already.

What goes wrong:
  - the given share of all calls to the provider meets one of
    {", ".join(name for name in FAULTS if "kill" not in name)}, delays,
    or its function is killed (SIGKILL) before or after the call
  - functions are killed before or after calls to DynamoDB, SQS and Secrets Manager
  - each message, and each event of a schedule, is delivered up to three times
  - further pages of a list meet only faults after which a GET is repeated
  - lists are shuffled, and show what was made only {LIST_LAG:g} s later

The functions' time limits are shorter than in template.yaml, and so is the settle time ({SETTLE_SECONDS} s), which has
to be longer than the provider may still act on a lost call ({LATE:g} s) and than lists lag.

It prints, a line each:
  runs        triggers that were to take effect once each
  duplicates  chats, and messages in them, beyond the first of a run
  lost        runs that are not in the ledger, still open, failed without a reason or although there is a chat or a
              message, or whose chat, message or answer is not what they say
  unknown     runs of which nobody can say whether they took effect: a person has to look, and an alarm goes off;
              at most {MOST_UNKNOWN:.1%} may be
  attempts    of all runs together
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print the count. Returns the exit code."""
    options = parse(arguments)
    console = Console(sys.stderr if sys.stderr.isatty() else io.StringIO())
    return interruptible(lambda: report(run(options, console)))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--provider", choices=["whop", "kodey"], default="whop", help="whose chats (default: %(default)s)"
    )
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="how many runs (default: %(default)s)")
    parser.add_argument(
        "--faults",
        type=float,
        default=0.3,
        metavar="SHARE",
        help="of all calls to the provider (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is random (default: %(default)s)")
    parser.add_argument(
        "--idempotency",
        choices=["honoured", "ignored"],
        default="honoured",
        help="what Whop does with idempotency keys, of which Kodey has none (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    if options.runs < 1 or not 0 <= options.faults <= MOST_FAULTS:
        parser.error(f"--runs must be 1 or more, --faults between 0 and {MOST_FAULTS}")
    return options


def run(options: argparse.Namespace, console: Console) -> Count:
    """Start the runs, wait until none is open, and count."""
    scenario: Scenario = KodeyScenario() if options.provider == "kodey" else WhopScenario(options.idempotency)
    with chaotic_system(scenario, console, runs=options.runs, share=options.faults, seed=options.seed) as (
        system,
        chaos,
    ):
        wanted = scenario.wanted(system, options.runs, options.seed)
        with console.step(f"start {options.runs} runs"):
            Triggers(system, random.Random(options.seed)).start(wanted)
        with console.step("wait until all have ended"):
            drain(system, chaos)
        # What comes late is to be counted.
        time.sleep(SETTLE_SECONDS)
        return count(scenario.made(wanted, chats_of(scenario.url(system))), rows(system))


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
    """All runs of the ledger."""
    pages = system.emulator.clients.dynamodb.get_paginator("scan").paginate(
        TableName=system.stack.outputs["RunsTable"], FilterExpression="attribute_exists(attempts)"
    )
    return [row_from(decode(item)) for page in pages for item in page["Items"]]


def report(counted: Count) -> int:
    """Print the count; what is wrong goes to stderr. Returns the exit code."""
    for target, reason in counted.lost.items():
        print(f"lost: {target}: {reason}", file=sys.stderr)
    for line in counted.lines():
        print(line)
    return 0 if counted.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
