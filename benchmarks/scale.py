"""Measure how time and memory grow with the number of targets, automations and runs, and print a Markdown table.

The exit code is 0 if the mark is met, 1 if it is missed, and 2 if something was not worked on.
"""

import argparse
import gc
import io
import logging
import math
import sys
import time
import tracemalloc
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, override

from aichats.automations.definition_models import validated_automation
from aichats.automations.model import Automation
from aichats.automations.row import item_from_row, next_row
from aichats.automations.run_factory import RunFactory, slot_of
from aichats.automations.webhook_events import WebhookEvents
from aichats.aws.attributes import encode
from aichats.aws.observability import logger, metrics
from aichats.runs.ledger.filters import RunFilter
from aichats.runs.ledger.history import History
from aichats.runs.ledger.rows import LANES
from aichats.runs.ledger.times import to_text
from benchmarks.cold_start import machine, progress
from benchmarks.errors import BenchmarkError
from benchmarks.sweep import SCENARIOS, TIME, Stack, make_stack, overdue
from benchmarks.sweep_cloud import BEGUN, Cloud, Json

SIZES = (10, 1_000, 100_000)
MOST_LISTENERS = MOST_AUTOMATIONS = 10_000
SLOT_TARGETS = 1_000
"""The most targets of an automation. More targets are several automations."""
PAGE_RUNS = 100
EXPONENT = 1.1
MOST_PASSES, PASSES_SECONDS = 5, 10.0
"""Work is repeated up to five times, unless its passes have taken ten seconds, because other processes disturb it."""
VERSION = "2026-07-08-1"
MAX_MESSAGE_BYTES = 32_768
DESCRIPTION = f"""\
Measure the time and the memory of aichats for growing numbers of targets, automations and runs. The code is the real
one, in one process. The services are in memory: they accept writes without keeping them, and make the items that are
read when they are read.

  fan-out               renders, stores and queues the runs of automations with {SLOT_TARGETS:,} targets each
  event, n automations  matches an event with automations that listen for it, whose filters reject it
  sweep, n automations  compares the schedules of automations with the history, and repairs them
  sweep, n overdue runs sends the runs to the queues again
  GET /runs, one page   reads the newest {PAGE_RUNS} of n runs
  GET /runs, all pages  reads all of n runs, page by page

The time is CPU time without that of the services, except in the sweep of automations. It is the least of up to
{MOST_PASSES} passes. The memory is the most that Python allocated during the work, measured in a pass of its own. The
exponent is the slope between the two largest sizes on logarithmic scales: 1 is linear growth, 0 is none.

The mark: each exponent is at most {EXPONENT}.
"""


class Endless(Cloud):
    """Services with any number of runs or listening automations, which exist only while they are read.

    Attributes:
        seconds: CPU time of the services themselves.
        sent: number of messages that were sent.
        found: number of listening automations that were read.
    """

    def __init__(self, *, runs: int = 0, listeners: int = 0) -> None:
        super().__init__()
        self.seconds = 0.0
        self.sent = self.found = 0
        self._listeners = [f"listener-{index:06}" for index in range(listeners)]
        first, self._template = overdue(0)
        ids = [first[:-6] + _letters(index) for index in range(runs)]
        self._listener = encode(item_from_row(next_row("listener", LISTENER, None, BEGUN)))
        self._open: Mapping[str, Sequence[str]] = {"open.00": ids}
        self._lanes = {lane: ids[number :: len(LANES)] for number, lane in enumerate(LANES)}

    @override
    def transact_write_items(self, **request: Any) -> Json:
        with self._counted():
            return {}

    @override
    def update_item(self, **request: Any) -> Json:
        with self._counted():
            return {}

    @override
    def send_message_batch(self, **request: Any) -> Json:
        with self._counted():
            self.sent += len(request["Entries"])
            return {}

    @override
    def query(self, **request: Any) -> Json:
        with self._counted():
            values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
            match request["IndexName"]:
                case "by_open":
                    return self._page_of_open(values[":open_state"], request)
                case "by_time":
                    return self._page_of_lane(values, request)
                case "by_trigger" if values[":value"].startswith("event:"):
                    return {"Items": [{"name": {"S": f"{name}:payment.failed"}} for name in self._listeners]}
            return {"Items": []}

    @override
    def batch_get_item(self, **request: Any) -> Json:
        with self._counted():
            [(table, query)] = request["RequestItems"].items()
            self.found += sum("name" in key for key in query["Keys"])
            items = [{**(self._listener if "name" in key else self._template), **key} for key in query["Keys"]]
            return {"Responses": {table: items}}

    def _page_of_open(self, key: str, request: Mapping[str, Any]) -> Json:
        ids = self._open.get(key, [])
        begin = int(request.get("ExclusiveStartKey", {}).get("place", {}).get("N", 0))
        end = begin + request["Limit"]
        page: Json = {"Items": [{"run_id": {"S": run_id}} for run_id in ids[begin:end]]}
        return page | ({"LastEvaluatedKey": {"place": {"N": str(end)}}} if end < len(ids) else {})

    def _page_of_lane(self, values: Mapping[str, str], request: Mapping[str, Any]) -> Json:
        """Return the newest runs of a lane before a position. All were created at the same time."""
        ids = self._lanes[values[":lane"]]
        end = bisect_right(ids, values[":until"], key=_position)
        begin = max(0, end - request["Limit"])
        items = [{"made_at": {"S": _position(run_id)}, "run_id": {"S": run_id}} for run_id in reversed(ids[begin:end])]
        return {"Items": items} | ({"LastEvaluatedKey": items[-1]} if begin else {})

    @contextmanager
    def _counted(self) -> Iterator[None]:
        begun = time.thread_time()
        try:
            yield
        finally:
            self.seconds += time.thread_time() - begun


def _letters(number: int) -> str:
    """Return a number as the last six characters of a run's id, in the same order."""
    return "".join("abcdefghijklmnopqrstuvwxyz"[number // 26**place % 26] for place in reversed(range(6)))


def _position(run_id: str) -> str:
    return f"{to_text(BEGUN)} {run_id}"


def definition(targets: Sequence[str], trigger: Json) -> Automation:
    """Return an automation that creates a chat for each target."""
    fields = {
        "trigger": trigger,
        "action": {"type": "whop.create_chat", "title": "{{ target }}", "message_text": "Summarize last week."},
        "targets": targets,
    }
    return validated_automation(fields, max_message_bytes=MAX_MESSAGE_BYTES)


LISTENER = definition(["biz_A"], {"type": "webhook", "events": ["payment.failed"], "filter": "data.amount > `1000`"})
EVENT = {"id": "evt_1", "type": "payment.failed", "timestamp": to_text(BEGUN), "data": {"amount": 100}}


# ------------------------------------------------------------------ the work


@dataclass(frozen=True)
class Work:
    """Work on a number of things.

    Attributes:
        name: its name in the table.
        sizes: the numbers.
        prepare: returns the services and the work for a number. The work returns the number of things it worked on.
    """

    name: str
    sizes: Sequence[int]
    prepare: Callable[[int], tuple[Cloud, Callable[[], int]]]


def fan_out(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare the fan-out of automations with up to 1,000 targets each."""
    cloud = Endless()
    dispatcher = stack_on(cloud).sweep.stranded.dispatcher
    factory = RunFactory(lambda _: VERSION, MAX_MESSAGE_BYTES)
    trigger = {"type": "schedule", "expression": "cron(0 9 * * ? *)", "timezone": "UTC"}
    targets = min(number, SLOT_TARGETS)
    automation = definition([f"biz_{index}" for index in range(targets)], trigger)

    def work() -> int:
        done = 0
        for index in range(number // targets):
            runs = factory.runs_for(f"automation-{index}", automation, slot_of(BEGUN)).runs
            dispatcher.enqueue(runs)
            done += len(runs)
        return done

    return cloud, work


def webhook(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare an event for which automations listen. Their filters reject it."""
    cloud = Endless(listeners=number)
    stack = stack_on(cloud)
    stranded = stack.sweep.stranded
    factory = RunFactory(lambda _: VERSION, MAX_MESSAGE_BYTES)
    events = WebhookEvents(stack.sweep.store, stranded.ledger, stranded.dispatcher, factory)

    def work() -> int:
        events.handle("msg_1", EVENT, BEGUN)
        # An automation that is left to the queue is not matched here.
        return 0 if cloud.sent else cloud.found

    return cloud, work


def automations(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare a sweep over automations, each with a slot since the last sweep."""
    stack = make_stack(SCENARIOS[0], number, 0)

    def work() -> int:
        stack.sweep.run(TIME)
        return number - stack.left()

    return stack.cloud, work


def overdue_runs(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare overdue runs, which the sweep sends again."""
    cloud = Endless(runs=number)
    stranded = stack_on(cloud).sweep.stranded
    return cloud, lambda: stranded.resume()["resumed"]


def one_page(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare the newest page of the history."""
    cloud = Endless(runs=number)
    history = History(stack_on(cloud).sweep.stranded.ledger)

    def work() -> int:
        rows, _ = history.page(BEGUN - DAY, BEGUN, only=RunFilter(), limit=PAGE_RUNS, start=None)
        return number if len(rows) == min(number, PAGE_RUNS) else 0

    return cloud, work


def all_pages(number: int) -> tuple[Cloud, Callable[[], int]]:
    """Prepare all pages of the history."""
    cloud = Endless(runs=number)
    history = History(stack_on(cloud).sweep.stranded.ledger)

    def work() -> int:
        done, start = 0, None
        while True:
            rows, start = history.page(BEGUN - DAY, BEGUN, only=RunFilter(), limit=PAGE_RUNS, start=start)
            done += len(rows)
            if start is None:
                return done

    return cloud, work


DAY = timedelta(days=1)


def stack_on(cloud: Cloud) -> Stack:
    """Return a stack without automations on the services."""
    return make_stack(SCENARIOS[0], 0, 0, cloud)


def up_to(most: int) -> Sequence[int]:
    """Return the sizes up to a limit, with the limit as the largest."""
    return [*(size for size in SIZES if size < most), most]


WORKS = (
    Work("fan-out, n targets", SIZES, fan_out),
    Work("event, n automations", up_to(MOST_LISTENERS), webhook),
    Work("sweep, n automations", up_to(MOST_AUTOMATIONS), automations),
    Work("sweep, n overdue runs", SIZES, overdue_runs),
    Work("GET /runs, one page of n", SIZES, one_page),
    Work("GET /runs, all pages of n", SIZES, all_pages),
)


# ------------------------------------------------------------------ measurement


@dataclass(frozen=True)
class Cost:
    """The cost of work: the number of things, seconds of CPU, and bytes of memory."""

    number: int
    seconds: float
    memory: int


def exponents(costs: Sequence[Cost]) -> tuple[float, float]:
    """Return the growth of time and memory between the two largest sizes: 1 is linear, 0 is none."""
    small, large = costs[-2:]
    growth = math.log(large.number / small.number)
    return math.log(large.seconds / small.seconds) / growth, math.log(large.memory / small.memory) / growth


def measure(work: Work, number: int) -> Cost:
    """Do the work some times for its time, of which the least counts, and once for its memory.

    Raises:
        BenchmarkError: it did not work on all things.
    """
    times = [done_in(work, number)]
    while len(times) < MOST_PASSES and sum(times) < PASSES_SECONDS:
        times.append(done_in(work, number))
    seconds = min(times)
    tracemalloc.start()
    try:
        _, run = work.prepare(number)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Cost(number, seconds, peak - before)


def done_in(work: Work, number: int) -> float:
    """Do the work. Return its CPU time without that of the services.

    Raises:
        BenchmarkError: it did not work on all things.
    """
    cloud, run = work.prepare(number)
    gc.collect()
    begun = time.process_time()
    done = run()
    seconds = time.process_time() - begun
    if done != number:
        raise BenchmarkError(f"{work.name}: {done} of {number} were done")
    return max(seconds - (cloud.seconds if isinstance(cloud, Endless) else 0.0), 1e-6)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print the table. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scale", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=SIZES[-1], metavar="N", help="leave larger sizes out")
    options = parser.parse_args(arguments)
    if options.most < SIZES[1]:
        parser.error(f"--most must be {SIZES[1]} or more, because growth needs two sizes")
    print(f"{machine()}.\n")
    print("| work | n | CPU, ms | CPU for each, ms | memory, MB | growth of time | of memory |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    try:
        is_met = [met_by(work, [size for size in work.sizes if size <= options.most]) for work in WORKS]
    except BenchmarkError as error:
        print(f"scale: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        progress("")
    print(f"\nGrowth of at most {EXPONENT}: the mark is {'met' if all(is_met) else 'missed'}.")
    return 0 if all(is_met) else 1


def met_by(work: Work, sizes: Sequence[int]) -> bool:
    """Measure work for each size, and print its lines. Return whether it meets the mark."""
    costs = []
    for size in sizes:
        progress(f"{work.name}: {size:,}")
        with redirect_stdout(io.StringIO()):
            costs.append(measure(work, size))
            metrics.clear_metrics()
        progress("")
        last = costs[-1]
        growth = exponents(costs) if size == sizes[-1] and len(costs) > 1 else ()
        each = f"{last.seconds * 1000:.1f} | {last.seconds * 1000 / size:.4f} | {last.memory / 1e6:.2f}"
        shown = " | ".join(f"{exponent:.2f}" for exponent in growth) or " | "
        print(f"| {work.name} | {size:,} | {each} | {shown} |", flush=True)
    return max(exponents(costs)) <= EXPONENT


if __name__ == "__main__":
    logger.setLevel(logging.CRITICAL)
    sys.exit(main())
