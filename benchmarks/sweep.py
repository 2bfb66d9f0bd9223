"""Simulate rounds of the sweep over many automations and overdue runs, and print their calls and times.

The exit code is 0 if the mark is met, and 1 if it is missed.
"""

import argparse
import io
import logging
import os
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aichats.automations.definition_models import validated_automation
from aichats.automations.heartbeat import Heartbeat
from aichats.automations.missed import MissedSlots
from aichats.automations.model import Automation
from aichats.automations.reconcile import AutomationService
from aichats.automations.row import item_from_row, next_row
from aichats.automations.run_factory import RunFactory
from aichats.automations.scheduler import Schedules
from aichats.automations.sweep import Sweep
from aichats.automations.sweep_part import MAX_CONCURRENT_CALLS, SweepProgress
from aichats.automations.table import AutomationTable
from aichats.automations.unreadable_rows import UnreadableRows
from aichats.aws.attributes import encode
from aichats.aws.observability import logger, metrics
from aichats.runs.action import Action, to_json
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.rows import new_item
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run, run_id
from aichats.runs.perform import Performer
from aichats.runs.providers.whop import WhopProvider
from aichats.runs.queue import Queue
from aichats.runs.stranded import StrandedRuns
from aichats.whop.settings import WhopSettings
from benchmarks.sweep_cloud import BEGUN, CALL, Cloud, Json

TIME = 120.0
"""Time limit of a round in seconds, which is the mark."""
EVERY = 300.0
"""Seconds between the starts of two rounds."""
MOST_ROUNDS = 10
AUTOMATIONS, RUNS = 20_000, 5_000
STACK = "benchmark"
EXPRESSIONS = ["cron(0 * * * ? *)"] * 12 + ["cron(0 9 * * ? *)"] * 7 + ["rate(5 minutes)"]
"""Expressions of twenty automations in turn: hourly, daily at nine, every five minutes. All have a slot at nine."""
DESCRIPTION = f"""\
Simulate the sweep at six minutes past nine, when every automation has had a slot: of twenty, twelve fire hourly, seven
daily at nine, and one every five minutes. Some runs are overdue too. DynamoDB, Scheduler and SQS are in memory. Each
call takes {CALL * 1000:g} ms of a virtual clock, and {MAX_CONCURRENT_CALLS} workers share concurrent calls. The virtual
clock does not include the time that Python takes, which is shown in another column.

  every slot fired     the rows of the runs exist
  first round          the same, but no row has the state of its schedule yet, so each schedule is read

The mark: the round in which every slot fired takes at most {TIME:g} s and leaves nothing for the next one.
"""


@dataclass(frozen=True)
class Scenario:
    """The state of the stack at the start of the round."""

    name: str
    aligned: bool = True


SCENARIOS = [
    Scenario("every slot fired"),
    Scenario("first round", aligned=False),
]


@dataclass(frozen=True)
class Stack:
    """A stack with its sweep."""

    cloud: Cloud
    sweep: Sweep

    def left(self) -> int:
        """Return the number of automations and runs that are left for the sweep."""
        runs: int = sum(item["due_at"]["S"] < to_text(BEGUN) for item in self.cloud.runs.values())
        slot = to_text(BEGUN.replace(minute=0))
        rows = self.cloud.automations.values()
        automations: int = sum("aligned" not in item or item["checked_until"]["S"] < slot for item in rows)
        return runs + automations


def main(arguments: list[str] | None = None) -> int:
    """Simulate, and print the results. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="sweep", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--automations", type=int, default=AUTOMATIONS, help=f"number of automations (default: {AUTOMATIONS})"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help=f"number of overdue runs (default: {RUNS})")
    options = parser.parse_args(arguments)
    os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "aichats")
    logger.setLevel(logging.CRITICAL)
    print(f"{options.automations} enabled automations, {options.runs} overdue runs, {CALL * 1000:g} ms a call.\n")
    print("| scenario | round | simulated, s | Python, s | left | calls |\n|---|---:|---:|---:|---:|---|")
    results = [go_round(scenario, options.automations, options.runs) for scenario in SCENARIOS]
    is_met = results[0] == (1, True)
    print(f"\n`{SCENARIOS[0].name}`: the mark of {TIME:g} s in one round is {'met' if is_met else 'missed'}.")
    return 0 if is_met else 1


def go_round(scenario: Scenario, automations: int, runs: int) -> tuple[int, bool]:
    """Sweep until nothing is left. Return the number of rounds, and whether each ended in time."""
    stack = make_stack(scenario, automations, runs)
    in_time = True
    for number in range(1, MOST_ROUNDS + 1):
        begun, used = stack.cloud.now, time.process_time()
        stack.cloud.calls.clear()
        metrics.clear_metrics()
        with redirect_stdout(io.StringIO()):
            stack.sweep.run(TIME)
        took, left = stack.cloud.now - begun, stack.left()
        in_time &= took <= TIME
        calls = ", ".join(f"{name} {times}" for name, times in sorted(stack.cloud.calls.items()))
        python = time.process_time() - used
        print(f"| {scenario.name} | {number} | {took:.1f} | {python:.1f} | {left} | {calls} |", flush=True)
        if not left:
            return number, in_time
        stack.cloud.now = begun + EVERY
    return MOST_ROUNDS + 1, in_time


def make_stack(scenario: Scenario, automations: int, runs: int, cloud: Cloud | None = None) -> Stack:
    """Return a stack for the scenario, on new services or the given ones."""
    cloud = cloud or Cloud()
    client: Any = cloud
    schedules = Schedules(client, STACK, "arn:function", "arn:role", "arn:queue", cloud.clock)
    add_automations(cloud, schedules, automations, aligned=scenario.aligned)
    cloud.runs = dict(map(overdue, range(runs)))
    ledger = Ledger(client, "runs", timedelta(seconds=60), cloud.clock)
    nothing: Any = None
    settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
    whop = WhopProvider(settings, nothing, nothing, ledger, nothing)
    dispatcher = Dispatcher(
        ledger, Performer(ledger, {"whop": whop}, Locks(ledger)), Queue(lambda: client, "quick", "slow", "dead")
    )
    store = AutomationTable(client, "automations", cloud.clock)
    firing = RunFactory(lambda _: "2026-07-08-1", 32768)
    missed = MissedSlots(store, ledger, dispatcher, firing, timedelta(minutes=5), cloud.clock)
    keeper = AutomationService(store, schedules, cloud.clock)
    progress = SweepProgress(ledger.items)
    heartbeat = Heartbeat(lambda _: None, dispatcher.stack_pause, progress, cloud.clock)
    checks = (UnreadableRows(store, cloud.call_all).note, heartbeat.measure)
    stranded = StrandedRuns(ledger, dispatcher)
    sweep = Sweep(stranded, store, missed, keeper, progress, cloud.time, cloud.call_all, checks=checks)
    return Stack(cloud, sweep)


def add_automations(cloud: Cloud, schedules: Schedules, number: int, *, aligned: bool) -> None:
    """Add automations that were written a day ago and checked five minutes ago, with their schedules."""
    written = BEGUN - timedelta(days=1)
    cloud.now = (written - BEGUN).total_seconds()
    definitions = [automation(expression) for expression in EXPRESSIONS]
    for index in range(number):
        row = next_row(f"automation-{index:05}", definitions[index % len(definitions)], None, written)
        schedules.ensure(row)
        known = {"aligned": schedules.state(row, written)} if aligned else {}
        checked_until = to_text(BEGUN - timedelta(minutes=10))
        cloud.automations[row.name] = encode(item_from_row(row) | {"checked_until": checked_until} | known)
    cloud.now = 0.0


def automation(expression: str) -> Automation:
    """Return an automation with one target."""
    definition = {
        "trigger": {"type": "schedule", "expression": expression, "timezone": "UTC"},
        "action": {"type": "whop.create_chat", "title": "Week {{ slot.week }}", "message_text": "Summarize it."},
        "targets": ["biz_A"],
    }
    return validated_automation(definition, max_message_bytes=32768)


def overdue(index: int) -> tuple[str, Json]:
    """Return the id and the row of a run that has been due for an hour."""
    action = Action("whop.create_chat", {"message_text": "Summarize it."})
    run = Run(run_id("http", "caller", "POST /chats", str(index), None), "http", action, None, "2026-07-08-1")
    due_at = BEGUN - timedelta(hours=1) + timedelta(milliseconds=index)
    return run.run_id, encode(new_item(run, due_at, due_at, {"action": to_json(action)}))


if __name__ == "__main__":
    sys.exit(main())
