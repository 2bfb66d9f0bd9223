"""Compute what a million runs cost on AWS, from measurements and list prices, and print Markdown tables.

The exit code is 0, or 2 if the measurement failed.
"""

import argparse
import json
import logging
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import replace
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.builds import Package, build
from benchmarks.cold_start import WARM_CALLS, check, machine, progress
from benchmarks.errors import BenchmarkError
from benchmarks.measured import MEASURED, OFFICIAL, PUBLISH, RUN_SCHEDULE, Measured, changes
from benchmarks.prices import DATE, PRICES, REGION, Usage, cost, gb_seconds, total
from benchmarks.process import running
from benchmarks.upstream import CHANGE, CREATE, Json, Upstream
from benchmarks.writes import SMALL, measured, system, units_of_transaction
from local.errors import LocalError

MEMORY_MB = 512
WHOP_MS, AWS_MS = 50.0, 5.0
BATCH = 10
"""The changes that `publish_events` gets at once if there are many runs. It takes up to 100."""
PUBLISH_BATCH = f"{PUBLISH}, {BATCH} changes"
TRANSITIONS = 3
OPERATIONS = 2
DESCRIPTION = f"""\
Compute the cost of a million runs, each of which a schedule starts and which creates one chat with a message of 1 KB.

  aichats                 `run_schedule` performs the run, and `publish_events` publishes its end
  official SDK            a Lambda function with whop_sdk and boto3: no ledger, no check of lost responses
  Step Functions Standard claim, call Whop, record: {TRANSITIONS} state transitions, and two writes to a table
  durable functions       the function with the official SDK: its start and one step are {OPERATIONS} operations

Measured in this run: the durations with the CPU of {MEMORY_MB} MB, the calls, the bytes of logs, and the write units of
DynamoDB on the local AWS. Added to the durations: {WHOP_MS:g} ms for each call to Whop and {AWS_MS:g} ms for each call
to AWS, because the mocks answer at once. Durations are rounded up to milliseconds, with the init phase, which AWS bills
too.

"Warm" means that no run starts a process, because runs follow each other closely. So `publish_events` gets {BATCH}
changes at once, which is an assumption; of its measured duration, each run has its share. "Cold" means that each run
starts a process of each function, because runs are rare. A stack is in between.

Not counted: the free tier, what a stack costs without runs (alarms, secrets, metrics, the sweep), storage and backups,
data transfer, Lambda's own log lines, EventBridge's connection of Step Functions, the data that durable functions
store, and subscriptions.
"""


@dataclass(frozen=True)
class Measurement:
    """The durations, calls and logs of a function for one event.

    The durations include the time of the mocks, which answer at once.

    Attributes:
        init_ms: the init phase.
        first_ms: the first event.
        warm_ms: a later event.
        once: the calls of a process that are made once, by operation.
        each: the calls of each event, by operation.
        log_bytes: the bytes of logs for an event.
    """

    init_ms: float
    first_ms: float
    warm_ms: float
    once: Mapping[str, float]
    each: Mapping[str, float]
    log_bytes: float


@dataclass(frozen=True)
class Inputs:
    """All measurements.

    Attributes:
        functions: the functions by name.
        run_units: the write units of a run on the table of runs and its indexes.
        event_units: the write units of the end of a run on the table of events.
    """

    functions: Mapping[str, Measurement]
    run_units: float
    event_units: float

    @classmethod
    def read(cls, text: str) -> "Inputs":
        """Return the inputs that were stored as JSON."""
        fields = json.loads(text)
        functions = {name: Measurement(**values) for name, values in fields["functions"].items()}
        return cls(functions, fields["run_units"], fields["event_units"])


# ------------------------------------------------------------------ arithmetic


def waits(calls: Mapping[str, float]) -> float:
    """Return the milliseconds that calls to the services take, one after another."""
    to_whop = sum(times for name, times in calls.items() if name in (CREATE, CHANGE))
    return to_whop * WHOP_MS + (sum(calls.values()) - to_whop) * AWS_MS


def invocation(measurement: Measurement, memory_mb: int, *, cold: bool) -> Usage:
    """Return what an invocation uses of Lambda, Secrets Manager and the logs.

    Args:
        measurement: the function.
        memory_mb: its memory.
        cold: whether it starts a process.
    """
    duration = measurement.warm_ms + waits(measurement.each)
    if cold:
        duration = measurement.init_ms + measurement.first_ms + waits(measurement.each) + waits(measurement.once)
    return {
        "request": 1.0,
        "compute": gb_seconds(duration, memory_mb),
        "secret": measurement.once.get("GetSecretValue", 0.0) if cold else 0.0,
        "read": reads(measurement.each) + (reads(measurement.once) if cold else 0.0),
        "log": measurement.log_bytes,
    }


def reads(calls: Mapping[str, float]) -> float:
    """Return the read units of calls, each of which reads one small item. A query of an index takes half a unit."""
    return calls.get("GetItem", 0.0) + calls.get("BatchGetItem", 0.0) + calls.get("Query", 0.0) / 2


def ours(inputs: Inputs, *, cold: bool) -> Usage:
    """Return what a run of aichats uses."""
    run = invocation(inputs.functions[RUN_SCHEDULE], MEMORY_MB, cold=cold)
    name, changes_at_once = (PUBLISH, 1) if cold else (PUBLISH_BATCH, BATCH)
    publish = invocation(inputs.functions[name], MEMORY_MB, cold=cold)
    share = {name: units / changes_at_once for name, units in publish.items()}
    writes = inputs.run_units + inputs.event_units
    return total({"schedule": 1.0, "write": writes, "event": 1.0}, run, share)


def official(inputs: Inputs, *, cold: bool) -> Usage:
    """Return what a run of a function with the official SDK uses."""
    return total({"schedule": 1.0}, invocation(inputs.functions[OFFICIAL], MEMORY_MB, cold=cold))


def step_functions() -> Usage:
    """Return what a run of a state machine uses: a claim, a call to Whop, and a record."""
    return {"schedule": 1.0, "transition": float(TRANSITIONS), "write": 2.0}


def durable(inputs: Inputs, *, cold: bool) -> Usage:
    """Return what a run of a durable function with the official SDK uses."""
    return total(official(inputs, cold=cold), {"operation": float(OPERATIONS)})


# ------------------------------------------------------------------ measurement


def measure(rounds: int) -> Inputs:
    """Measure everything.

    Raises:
        BenchmarkError: a function failed or did not do what it should.
        LocalError: the local AWS did not start.
    """
    batch = replace(
        MEASURED[PUBLISH], event=lambda: changes(BATCH), response=lambda response: response == {"events": BATCH}
    )
    measured_functions = {name: MEASURED[name] for name in (RUN_SCHEDULE, PUBLISH, OFFICIAL)} | {PUBLISH_BATCH: batch}
    progress("sam build")
    packages = build({name: each.function for name, each in measured_functions.items() if each.function})
    transactions: dict[str, list[Json]] = {name: [] for name in measured_functions}
    with tempfile.TemporaryDirectory() as folder, Upstream(Path(folder)) as upstream:
        functions = {
            name: started((name, each), packages[name], upstream, rounds, transactions[name])
            for name, each in measured_functions.items()
        }
    with system() as (app, meter):
        units = sum(measured(app, meter, SMALL, 1, 1, at_once=True).values())
    return Inputs(functions, units, units_of_transaction(transactions[PUBLISH][-1]))


def started(
    named: tuple[str, Measured], package: Package, upstream: Upstream, rounds: int, transactions: list[Json]
) -> Measurement:
    """Start a function some times. Return its median measurement. ``transactions`` gets its transactions."""
    name, function = named

    def note(request: Json) -> Json:
        transactions.append(request)
        return {}

    upstream.answers = {**function.answers, "TransactWriteItems": note}
    found: list[Measurement] = []
    for number in range(rounds):
        progress(f"{name}: {number} of {rounds}")
        before = upstream.calls.copy()
        with running(package, upstream, function.variables, MEMORY_MB) as process:
            times = [process.api.invoke(function.event()) for _ in range(1 + WARM_CALLS)]
            calls, printed = upstream.calls - before, process.printed_bytes()
            check(name, function, calls, times)
        durations = [(each.answered_at - each.taken_at) * 1000 for each in times]
        init = (times[0].taken_at - process.started_at) * 1000
        once, each = split(calls, len(times))
        found.append(
            Measurement(init, durations[0], statistics.median(durations[1:]), once, each, printed / len(times))
        )
    return median_of(found)


def split(calls: Counter[str], events: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the calls that are made once for a process, and those for each event."""
    once = {name: float(times) for name, times in calls.items() if times < events}
    return once, {name: times / events for name, times in calls.items() if times >= events}


def median_of(found: Sequence[Measurement]) -> Measurement:
    """Return the medians of the durations. Everything else is that of the last measurement."""
    medians = {
        name: statistics.median(getattr(each, name) for each in found) for name in ("init_ms", "first_ms", "warm_ms")
    }
    return Measurement(**asdict(found[-1]) | medians)


# ------------------------------------------------------------------ output


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the tables. Return the exit code."""
    options = parse(arguments)
    try:
        inputs = Inputs.read(options.durations.read_text()) if options.durations else measure(options.rounds)
    except (BenchmarkError, LocalError, OSError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    if options.save:
        options.save.write_text(json.dumps(asdict(inputs), indent=2))
    report(inputs)
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="cost", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="starts of each function (default: 5)")
    parser.add_argument("--durations", type=Path, metavar="FILE", help="use the measurements of an earlier run")
    parser.add_argument("--save", type=Path, metavar="FILE", help="store the measurements for --durations")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return options


def report(inputs: Inputs) -> None:
    """Print what was measured, the costs and the prices."""
    print(f"{machine()}. Prices of {REGION}, {DATE}.\n")
    print(f"| measured at {MEMORY_MB} MB | init, ms | first event, ms | later event, ms | log, bytes | calls |")
    print("|---|---:|---:|---:|---:|---|")
    for name, each in inputs.functions.items():
        numbers = f"{each.init_ms:.0f} | {each.first_ms:.0f} | {each.warm_ms:.1f} | {each.log_bytes:.0f}"
        calls = ", ".join(f"{call} {times:g}" for call, times in sorted(each.each.items()))
        print(f"| {name} | {numbers} | {calls} |")
    print(f"\nWrite units of a run: {inputs.run_units:g}, and {inputs.event_units:g} for its event.\n")
    rows: dict[str, Usage] = {"Step Functions Standard": step_functions()}
    for cold in (False, True):
        state = "cold" if cold else "warm"
        rows[f"aichats, {state}"] = ours(inputs, cold=cold)
        rows[f"official SDK, {state}"] = official(inputs, cold=cold)
        rows[f"durable functions, {state}"] = durable(inputs, cold=cold)
    print_costs(dict(sorted(rows.items())))
    print("\n| price | dollars | for | source |\n|---|---:|---|---|")
    for price in PRICES.values():
        print(f"| {price.unit} | {price.dollars:g} | {price.per:,} | <{price.source}> |")


def print_costs(rows: Mapping[str, Usage]) -> None:
    """Print the dollars of each way, in total and by service."""
    services: Mapping[str, Sequence[str]] = {
        "Scheduler": ["schedule"],
        "Lambda": ["request", "compute", "operation"],
        "DynamoDB": ["write", "read"],
        "Step Functions": ["transition"],
        "event bus": ["event"],
        "secrets": ["secret"],
        "logs": ["log"],
    }
    print(f"| a million runs, $ | {' | '.join(services)} | total |\n|---|{'---:|' * (len(services) + 1)}")
    for name, usage in rows.items():
        dollars = cost(usage)
        parts = [sum(dollars.get(part, 0.0) for part in names) for names in services.values()]
        print(f"| {name} | {' | '.join(f'{part:.2f}' for part in parts)} | {sum(parts):.2f} |")


if __name__ == "__main__":
    logging.getLogger("aichats").setLevel(logging.ERROR)
    sys.exit(main())
