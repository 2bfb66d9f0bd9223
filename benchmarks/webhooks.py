"""Deliver signed webhooks, many of them repeated, to the whole stack, and measure the response times and results.

The exit code is 0 if the marks are met, 1 if one is missed, and 2 if the measurement failed.
"""

import argparse
import io
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from statistics import quantiles

import httpx

from benchmarks.chaos import rows
from benchmarks.chaotic.scenario import NO_LIMIT
from benchmarks.cold_start import machine, progress
from benchmarks.errors import BenchmarkError
from local.console import Console
from local.errors import LocalError
from local.signals import interruptible
from local.standins.whop.deliveries import PATH, Delivery, event, signed
from local.system import BEARER, WEBHOOK_SECRET, System, running_system

REPEATS = 0.3
AT_ONCE = 4
MARK = 1.0
PERCENT = 99
FEWEST = 500
LIMIT = 300.0
"""Seconds after which an open run counts as lost."""
AUTOMATION = {
    "trigger": {"type": "webhook", "events": ["payment.failed"]},
    "action": {
        "type": "whop.create_chat",
        "title": "Payment {{ event.data.id }}",
        "message_text": "Why did it fail?",
        "notification_preference": "none",
    },
    "targets": ["{{ event.account_id }}"],
}
DESCRIPTION = f"""\
Run the whole stack on the local AWS with one automation that creates a muted chat whenever a payment fails, and deliver
signed events over HTTP, {AT_ONCE} at a time, in random order. {REPEATS:.0%} of the deliveries are repeats.

The time of a delivery is from its first byte until the response is complete. It includes the starts of processes and
the delay by the runs, which share this machine's cores.

The marks: {PERCENT} of 100 deliveries are answered within {MARK:g} s, each with 202, and there are exactly as many
chats as distinct events.
"""


@dataclass(frozen=True)
class Measured:
    """The result of the deliveries.

    Attributes:
        seconds: time of each delivery.
        answers: number of responses, by status.
        events: number of distinct events.
        companies: number of chats, by company. Each event has a company of its own.
        ended: number of runs, by final status.
    """

    seconds: Sequence[float]
    answers: Counter[int]
    events: int
    companies: Counter[str]
    ended: Counter[str]

    @property
    def is_exact(self) -> bool:
        """True if each delivery was accepted, and each event had its effect exactly once."""
        each_once = self.events == len(self.companies) == self.companies.total()
        return each_once and set(self.answers) == {HTTPStatus.ACCEPTED} and self.ended == {"succeeded": self.events}

    def percentile(self, percent: int) -> float:
        """Return the seconds within which this percentage of the deliveries was answered."""
        return quantiles(self.seconds, n=100)[percent - 1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    options = parse(arguments)
    return interruptible(lambda: run(options.deliveries))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="webhooks", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--deliveries", type=int, default=1000, metavar="N", help="number of deliveries (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.deliveries < FEWEST:
        parser.error(f"--deliveries must be {FEWEST} or more. With fewer, more than one of 100 waits for a process")
    return options


def run(deliveries: int) -> int:
    """Measure, and print the results. Return the exit code."""
    try:
        with running_system(Console(io.StringIO())) as system:
            measured = measure(system, deliveries)
    except (BenchmarkError, LocalError, httpx.HTTPError) as error:
        print(f"webhooks: {error}", file=sys.stderr)
        return 2
    finally:
        progress("")
    print(f"{machine()}, {deliveries} deliveries, {AT_ONCE} at a time, {REPEATS:.0%} of them repeats.\n")
    return report(measured)


def measure(system: System, deliveries: int) -> Measured:
    """Deliver the events, wait until every run has ended, and return the result.

    Raises:
        BenchmarkError: the automation was rejected, or runs don't end.
    """
    httpx.post(f"{system.whop_url}/_control/mode", json={"rate_limit": NO_LIMIT}, trust_env=False).raise_for_status()
    headers = {"Authorization": f"Bearer {BEARER}"}
    with httpx.Client(base_url=system.api_url, timeout=60, trust_env=False) as client:
        written = client.put("/automations/on-failure", json=AUTOMATION, headers=headers)
        if written.status_code != HTTPStatus.CREATED:
            raise BenchmarkError(f"the automation was rejected: {written.text}")
        events = deliveries - round(deliveries * REPEATS)
        progress(f"{deliveries} deliveries")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda each: deliver(client, each), shuffled(events, deliveries)))
    ended = drain(system)
    companies = Counter(chat["company_id"] for chat in system.chats())
    seconds = [seconds for _, seconds in answers]
    return Measured(seconds, Counter(status for status, _ in answers), events, companies, ended)


def shuffled(events: int, deliveries: int) -> list[Delivery]:
    """Return deliveries of ``events`` events, each once and some again, in random order."""
    random = Random(1)
    first = [
        signed(event("payment.failed", account_id=f"biz_{number}", data={"id": f"pay_{number}"}), WEBHOOK_SECRET)
        for number in range(events)
    ]
    made = first + random.choices(first, k=deliveries - events)
    random.shuffle(made)
    return made


def deliver(client: httpx.Client, delivery: Delivery) -> tuple[int, float]:
    """Deliver once. Return the status of the response, and the seconds it took."""
    begun = time.perf_counter()
    answer = client.post(PATH, content=delivery.body, headers=delivery.headers)
    return answer.status_code, time.perf_counter() - begun


def drain(system: System) -> Counter[str]:
    """Wait until every run has ended. Return the number of runs, by final status.

    Raises:
        BenchmarkError: it takes longer than :data:`LIMIT`.
    """
    deadline = time.monotonic() + LIMIT
    while still_open := sum(row.is_open for row in rows(system)):
        progress(f"{still_open} runs open")
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{still_open} runs are still open after {LIMIT:.0f} s")
        time.sleep(1)
    return Counter(row.status for row in rows(system))


def report(measured: Measured) -> int:
    """Print the table, and whether the marks are met. Return the exit code."""
    reached = measured.percentile(PERCENT)
    numbers = [measured.percentile(50), measured.percentile(90), reached, max(measured.seconds)]
    print("| delivery, ms | median | 90th | 99th | max |\n|---|---:|---:|---:|---:|")
    print(f"| answered | {' | '.join(f'{1000 * number:.0f}' for number in numbers)} |\n")
    statuses = ", ".join(f"{status} {times} times" for status, times in sorted(measured.answers.items()))
    ended = ", ".join(f"{times} {status}" for status, times in sorted(measured.ended.items()))
    is_met = {True: "met", False: "missed"}
    print(f"Answers: {statuses}. Runs: {ended}.")
    print(f"{PERCENT} of 100 within {reached:.3f} s; the mark of {MARK:g} s is {is_met[reached <= MARK]}.")
    print(
        f"{measured.companies.total()} chats for {measured.events} distinct events, in {len(measured.companies)} "
        f"companies; the mark of one chat for each is {is_met[measured.is_exact]}."
    )
    return 0 if reached <= MARK and measured.is_exact else 1


if __name__ == "__main__":
    sys.exit(main())
