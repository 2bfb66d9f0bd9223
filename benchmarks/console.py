"""Open the console in a throttled Chromium, and measure what it loads and when it shows something useful.

The exit code is 0 if the mark is met, 1 if it is missed, and 2 if the measurement failed.
"""

import argparse
import io
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields

from playwright.sync_api import Browser, BrowserContext, Error

from benchmarks.cold_start import machine, progress
from benchmarks.errors import BenchmarkError
from local.chromium import NoBrowserError, running_chromium
from local.ports import free_port
from local.setup import ROOT, clean_environment

MARK_MS = 1500
QUIET_MS = 2000
"""The time without a long task after which the page counts as interactive."""
CPU_RATE = 4
DESCRIPTION = f"""\
Serve a stack in memory with the console, and open it in Chromium with a processor that is {CPU_RATE} times slower and
with two kinds of slow 4G. Each round has a new profile, with an empty cache, and then opens the page again:

  bytes       of all answers, as they come over the wire
  requests    their number
  paint       the time to the first contentful paint
  useful      the time to the heading of the page and the first of its data
  complete    the time to all of its data
  interactive the end of the last long task, or the time of the first data if that is later

Medians, in milliseconds and bytes. The server is on the same machine, so both share its processors. The mark: useful
within {MARK_MS} ms on the first visit with the faster network.
"""
WATCH = """
window.measured = { useful: 0, complete: 0, task: 0, loading: 0 };
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) measured.task = each.startTime + each.duration;
}).observe({ type: "longtask", buffered: true });
new MutationObserver(() => {
  const main = document.querySelector("main");
  const loading = main?.querySelector("h1") ? main.querySelectorAll(".loading").length : Infinity;
  if (loading < measured.loading && !measured.useful) measured.useful = performance.now();
  if (loading > 0) measured.complete = 0;
  else if (!measured.complete) measured.complete = performance.now();
  measured.loading = loading === Infinity ? 0 : loading;
}).observe(document, { subtree: true, childList: true });
"""
"""Notes when a part of the page that was loading has its data. The page says so while it has none."""
IS_QUIET = "quiet => measured?.complete && performance.now() > quiet + Math.max(measured.complete, measured.task)"
READ = "() => ({ ...measured, paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0 })"


@dataclass(frozen=True)
class Network:
    """A network, as Chromium imitates it."""

    name: str
    latency_ms: float
    down_bits: float
    up_bits: float

    @property
    def conditions(self) -> dict[str, float | bool]:
        """The parameters of Network.emulateNetworkConditions."""
        rates = {"downloadThroughput": self.down_bits / 8, "uploadThroughput": self.up_bits / 8}
        return {"offline": False, "latency": self.latency_ms, **rates}


NETWORKS = (
    Network("slow 4G (150 ms, 1.6 Mbit/s)", 150, 1.6e6, 0.75e6),
    Network("Chromium's slow 4G (562 ms, 1.4 Mbit/s)", 562.5, 1.44e6, 0.675e6),
)


@dataclass(frozen=True)
class Visit:
    """The costs of a visit. The times are in milliseconds since its beginning."""

    bytes: float
    requests: float
    paint: float
    useful: float
    complete: float
    interactive: float


@dataclass
class Series:
    """The visits with one network: those with an empty cache, and the second ones."""

    network: Network
    first: list[Visit] = field(default_factory=list)
    second: list[Visit] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="console", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds for each network (default: 5)")
    parser.add_argument("--automations", type=int, default=0, metavar="N", help="further automations (default: 0)")
    parser.add_argument("--runs", type=int, default=0, metavar="N", help="further runs (default: 0)")
    parser.add_argument("--path", default="", help="the path below /console (default: the page Now)")
    options = parser.parse_args(arguments)
    many = ["--automations", str(options.automations), "--runs", str(options.runs)]
    try:
        with served(many) as url, running_chromium() as browser:
            series = measure(browser, f"{url}/console{options.path}", options.rounds)
    except (BenchmarkError, NoBrowserError, Error) as error:
        print(f"console: {error}", file=sys.stderr)
        return 2
    finally:
        progress("")
    print(f"{machine()}, {options.rounds} rounds, processor {CPU_RATE} times slower.\n")
    return report(series)


def report(series: Sequence[Series]) -> int:
    """Print the table, and whether the mark is met. Return the exit code."""
    names = [each.name for each in fields(Visit)]
    print(f"| network | visit | {' | '.join(names)} |\n|---|---|{'---:|' * len(names)}")
    for each in series:
        for visit, visits in (("first", each.first), ("second", each.second)):
            numbers = [median(visits, name) for name in names]
            print(f"| {each.network.name} | {visit} | {' | '.join(f'{number:,.0f}' for number in numbers)} |")
    reached = median(series[0].first, "useful")
    is_met = reached <= MARK_MS
    print(f"\nThe first useful content: {reached:.0f} ms; the mark of {MARK_MS} ms is {'met' if is_met else 'missed'}.")
    return 0 if is_met else 1


def median(visits: Sequence[Visit], name: str) -> float:
    """Return the median of a number of visits."""
    return float(statistics.median(getattr(visit, name) for visit in visits))


def measure(browser: Browser, url: str, rounds: int) -> list[Series]:
    """Visit the page twice in each round. The networks take turns, so a disturbance affects all."""
    series = [Series(network) for network in NETWORKS]
    for number in range(rounds):
        for each in series:
            progress(f"round {number + 1} of {rounds}: {each.network.name}")
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_init_script(WATCH)
            each.first.append(visit(context, url, each.network))
            each.second.append(visit(context, url, each.network))
            context.close()
    return series


def visit(context: BrowserContext, url: str, network: Network) -> Visit:
    """Open the page in a new tab."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", network.conditions)
    session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_RATE})
    page.goto(url, wait_until="commit")
    page.wait_for_function(IS_QUIET, arg=QUIET_MS)
    seen = page.evaluate(READ)
    page.close()
    useful = seen["useful"] or seen["complete"]
    return Visit(sum(sizes), len(sizes), seen["paint"], useful, seen["complete"], max(useful, seen["task"]))


@contextmanager
def served(options: Sequence[str]) -> Iterator[str]:
    """Serve a stack in memory for the ``with`` block. Yield its URL.

    Raises:
        BenchmarkError: the server did not start.
    """
    port = free_port()
    command = [sys.executable, "-m", "tests.support.console", "--port", str(port), *options]
    with subprocess.Popen(
        command, cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            output = process.stdout or io.StringIO()
            url = _url_of(output)
            # The server writes its log, and would wait for a reader.
            threading.Thread(target=output.read, daemon=True).start()
            yield url
        finally:
            process.kill()


def _url_of(output: Iterable[str]) -> str:
    """Return the URL that the server prints."""
    printed = []
    for line in output:
        if line.startswith("http://"):
            return line.strip().removesuffix("/console")
        printed.append(line)
    raise BenchmarkError("\n  ".join(["the server did not start", *printed[-8:]]))


if __name__ == "__main__":
    sys.exit(main())
