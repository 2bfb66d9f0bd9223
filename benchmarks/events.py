"""Inject faults wherever events pass, and compare what a subscriber heard with the table of runs.

The exit code is 0 if everything was heard and counted, 1 if not, and 2 if the measurement failed.
"""

import argparse
import io
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.chaotic.beside import MOST_SECONDS, run_beside
from benchmarks.chaotic.calls import call_api, subscribe
from benchmarks.chaotic.heard import GROUPS, Heard, ends, examples, slots, usage_differences
from benchmarks.chaotic.outbox import BusListener, Hurried, OutboxFaults, listen_to_bus, outbox_faults
from benchmarks.chaotic.replies import RepliesScenario
from benchmarks.chaotic.subscriber import FAILURES, Subscriber
from benchmarks.chaotic.system import chaotic_system
from benchmarks.chaotic.table import hasten, run_items
from benchmarks.chaotic.triggers import Triggers
from benchmarks.errors import BenchmarkError
from local.cloud.functions import FunctionFailedError
from local.console import Console
from local.signals import interruptible
from local.system import System

LIMIT = 900.0
"""Seconds after which an event counts as lost."""
SWEEP_EVERY = 5.0
"""Seconds; the template sweeps every 5 minutes."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the tables, which take CPU from the functions."""
QUIET_SECONDS = 4.0
"""Time in which late duplicates arrive, after everything was heard."""
MOST_FAULTS = 0.9
BESIDE_RUNS = 40
PARTS = ("chaos", "receivers")
DESCRIPTION = f"""\
Run the whole stack on the local AWS, and measure whether events get out. There are two parts.

chaos: start runs as `benchmarks.chaos` does, with the given share of faults at Whop. A third of the runs wait for the
reply of the agent. One subscription hears of all events, and so does a rule on the event bus. Meanwhile:
  - publish_events and deliver_events are killed (SIGKILL) before or after calls to AWS
  - the given share of calls to the bus is throttled, fails, is accepted in part, or gets no answer
  - the given share of requests fails at the subscriber: {", ".join(FAILURES)}
  - each message of a queue arrives up to three times
Waits are shorter than in the product: two seconds between two looks for a reply, and until the next sweep for the
next attempt of a delivery and for a receiver that failed.

It prints:
  runs            runs in the table
  ends            ends of runs, replies and overdue replies in the table, each of which must be heard of
  lost            ends that the subscriber did not hear of; next to it, those that the rule on the bus did not get
  invented        ends that the subscriber heard of, but that are not in the table
  duplicates      deliveries in addition to the first one of an event, which have its id
  contradictions  ids with different bodies, and ends with several ids
  unsigned        deliveries whose signature the library `standardwebhooks` rejects
  slots           fan-outs of schedules, each of which must have one event with the right counts
  usage errors    differences between GET /usage and a recount of all rows
  and how often the bus rejected events, the subscriber failed, and each function was killed

receivers: subscribe a receiver that works and twelve that misbehave, start {BESIDE_RUNS} runs, and print the longest
time from an event to its delivery to the receiver that works, which must be at most {MOST_SECONDS:g} s. Each receiver
that misbehaves is printed with the error that its subscription shows.
"""


@dataclass(frozen=True)
class Aftermath:
    """The events that were heard, the usage that was counted, and how they differ from the table of runs."""

    rows: Sequence[Mapping[str, Any]]
    heard: Heard
    on_bus: Heard
    usage: Mapping[str, Mapping[str, Any]]
    unsigned: int
    faults: Mapping[str, int]

    @property
    def errors(self) -> dict[str, Sequence[object]]:
        """Everything that is wrong, by its name in the output."""
        expected = ends(self.rows)
        return {
            "lost": self.heard.missing(expected),
            "lost on the bus": self.on_bus.missing(expected),
            "invented": self.heard.invented(expected),
            "contradictions": [*self.heard.contradictions, *self.on_bus.contradictions],
            "unsigned": ["a delivery has no valid signature"] * self.unsigned,
            "slot errors": self.heard.slot_differences(self.rows),
            "usage errors": usage_differences(self.rows, self.usage),
        }

    def lines(self) -> list[str]:
        """Return a line for each number."""
        numbers = {
            "runs": len(self.rows),
            "ends": len(ends(self.rows)),
            **{name: len(errors) for name, errors in self.errors.items()},
            "duplicates": self.heard.duplicates,
            "slots": len(slots(self.rows)),
            **self.faults,
        }
        return [f"{name}: {number}" for name, number in numbers.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts, and print what they found. Return the exit code."""
    options = parse(arguments)
    console = Console(sys.stderr if sys.stderr.isatty() else io.StringIO())
    return interruptible(lambda: measure(options, console))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.events",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--part", choices=PARTS, help="the only part to run (default: both)")
    parser.add_argument("--runs", type=int, default=1000, metavar="N", help="runs of the chaos (default: %(default)s)")
    parser.add_argument(
        "--faults", type=float, default=0.3, metavar="SHARE", help="share of faulty calls (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all draws (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.runs < 1 or not 0 <= options.faults <= MOST_FAULTS:
        parser.error(f"--runs must be 1 or more, --faults between 0 and {MOST_FAULTS}")
    return options


def measure(options: argparse.Namespace, console: Console) -> int:
    """Run the parts of the options, and print what they found. Return the exit code."""
    errors: list[str] = []
    try:
        if options.part != "receivers":
            aftermath = chaos(options, console)
            print(*aftermath.lines(), sep="\n", flush=True)
            errors += [f"{name}: {each}" for name, all_ in aftermath.errors.items() for each in examples(all_)]
        if options.part != "chaos":
            beside = run_beside(BESIDE_RUNS, console)
            print(*beside.lines(), sep="\n", flush=True)
            errors += beside.errors
    except BenchmarkError as error:
        print(f"benchmarks.events: {error}", file=sys.stderr)
        return 2
    for error_line in errors:
        print(error_line, file=sys.stderr)
    return 1 if errors else 0


def chaos(options: argparse.Namespace, console: Console) -> Aftermath:
    """Start the runs, wait until everything was heard, and return it."""
    scenario, share, seed = RepliesScenario(), options.faults, options.seed
    with ExitStack() as running:
        system, at_whop = running.enter_context(
            chaotic_system(scenario, console, runs=options.runs, share=share, seed=seed, aws_proxy=Hurried)
        )
        subscriber = running.enter_context(Subscriber(share, seed))
        subscriber.secret = subscribe(system, "chaos", subscriber.url)
        bus = BusListener(system, listen_to_bus(system))
        faults = running.enter_context(outbox_faults(system, share=share, seed=seed))
        with console.step(f"start {options.runs} runs"):
            Triggers(system, random.Random(seed)).start(scenario.orders(system, options.runs, seed))

        def look() -> Aftermath:
            counted = counts(faults, subscriber) | {"killed others": at_whop.kills}
            unsigned, usage = subscriber.unsigned, usage_answers(system)
            return Aftermath(run_items(system), subscriber.heard(), bus.heard(), usage, unsigned, counted)

        with console.step("wait until everything was heard and counted"):
            settle(system, look)
        time.sleep(QUIET_SECONDS)
        return look()


def settle(system: System, look: Callable[[], Aftermath]) -> None:
    """Sweep and look until all runs have ended and nothing is wrong, at most for :data:`LIMIT`."""
    started = swept = time.monotonic()
    while (begun := time.monotonic()) < started + LIMIT:
        still_open = sum(is_awaited(row) for row in run_items(system))
        wrong = {name: len(errors) for name, errors in look().errors.items() if errors} if not still_open else {}
        if sys.stderr.isatty():
            print(f"\r  … {still_open} open, {wrong} \033[K", end="", file=sys.stderr, flush=True)
        if not still_open and not wrong:
            return
        hasten(system)
        if time.monotonic() > swept + SWEEP_EVERY:
            with suppress(FunctionFailedError):
                system.invoke("SweepRunsFunction", {})
            swept = time.monotonic()
        # On a busy machine, looks and sweeps without a break would take the time that the functions need.
        time.sleep(max(LOOK_EVERY, time.monotonic() - begun))


def is_awaited(row: Mapping[str, Any]) -> bool:
    """Return whether a run is open, or its reply is still awaited."""
    watched = row.get("await_reply") and row["status"] == "succeeded"
    return "ended" not in row or bool(watched and not {"replied_at", "reply_overdue_at"} & row.keys())


def usage_answers(system: System) -> dict[str, Any]:
    """Return the answers of ``GET /usage`` for yesterday and today, because a run may begin before midnight."""
    today = datetime.now(UTC).date()
    days = f"since={today - timedelta(days=1)}&until={today}"
    return {by: call_api(system, "GET", f"/usage?{days}&by={by}") for by in GROUPS}


def counts(faults: OutboxFaults, subscriber: Subscriber) -> dict[str, int]:
    """Return the numbers of faults."""
    return {
        "bus faults": faults.bus.refused,
        "subscriber requests": subscriber.requests,
        "subscriber failures": subscriber.failed,
        **{f"killed {name}": each.kills for name, each in faults.deaths.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
