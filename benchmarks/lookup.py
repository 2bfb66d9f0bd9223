"""Measure in virtual time the cost of looking up runs with an unknown outcome, and the delay of other runs.

The exit code is 0 if the marks are met, and 1 if one is missed.
"""

import argparse
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

import httpx

from aichats.aws.observability import logger, metrics
from aichats.frozen import frozen
from aichats.http import retry
from aichats.runs.action import Action
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger.ledger import Ledger
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, run_id
from aichats.runs.perform import Performer
from aichats.runs.providers.marks import preparation
from aichats.runs.providers.whop import WhopProvider
from aichats.runs.queue import Queue
from aichats.whop.client import WhopClient
from aichats.whop.credentials import ALL_COMPANIES, Credential
from aichats.whop.settings import WhopSettings
from benchmarks.memory_table import MemoryTable
from benchmarks.virtual import VirtualTime

HOUR, QUICK_SECONDS, PAGE, TIMES = 3600.0, 30.0, 100, 3
WHOP_SECONDS, AWS_SECONDS, BEAT = 0.2, 0.01, 0.5
INVOCATIONS, BATCH, LIFETIME = 2, 10, timedelta(seconds=65)
CALLS_PER_MINUTE = 600
SPACING, QUICK_EVERY, QUICK = 1 / 8, 10.0, 30
LIMIT = 24 * HOUR
DESCRIPTION = f"""\
Create a chat for each of many companies at Whop, where all responses get lost. Half of the chats were created, the
other half were not. The account already has many chats. Meanwhile {QUICK} other runs start.

Time is virtual: a call to Whop takes {WHOP_SECONDS:g} s, one to AWS {AWS_SECONDS:g} s. Whop takes
{CALLS_PER_MINUTE} calls of a kind a minute. At most {INVOCATIONS} invocations run, each with up to {BATCH} messages.
Dispatcher, performer, ledger and client are the real ones. DynamoDB, SQS and Whop are in memory.

The marks: all runs end as succeeded within {HOUR / 60:g} minutes, each company has one chat, the number of
list calls is at most {TIMES} times the number of pages, and other runs start within {QUICK_SECONDS:g} s.
"""


class Whop(httpx.BaseTransport):
    """A mock of Whop in memory, in virtual time. Its list starts with the newest chat."""

    def __init__(self, time: VirtualTime, chats: int) -> None:
        self._time = time
        self.titles = [f"Week {number}" for number in range(chats)]
        self.made_for: Counter[str] = Counter()
        self.created_at: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        self._window: Counter[tuple[str, int]] = Counter()

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._time.sleep(WHOP_SECONDS)
        self.calls[request.method] += 1
        window = request.method, int(self._time.seconds // 60)
        self._window[window] += 1
        if self._window[window] > CALLS_PER_MINUTE:
            left = 60 - int(self._time.seconds % 60)
            return httpx.Response(429, json={"error": {"message": f"Try again in {left} seconds."}})
        return {"GET": self._list, "POST": self._create, "PATCH": self._change}[request.method](request)

    def _list(self, request: httpx.Request) -> httpx.Response:
        end = int(request.url.params.get("after", len(self.titles)))
        start = max(0, end - PAGE)
        data = [_chat(number, self.titles[number]) for number in range(end - 1, start - 1, -1)]
        return httpx.Response(
            200, json={"data": data, "page_info": {"end_cursor": str(start), "has_next_page": start > 0}}
        )

    def _create(self, request: httpx.Request) -> httpx.Response:
        fields = json.loads(request.content)
        company = fields["current_company_id"]
        is_first = company not in self.created_at
        self.created_at.setdefault(company, self._time.seconds)
        if is_first and company.startswith("biz_lost") and int(company[8:]) % 2:
            raise httpx.ReadTimeout("not performed")
        self.titles.append(fields["title"])
        self.made_for[company] += 1
        if is_first and company.startswith("biz_lost"):
            raise httpx.ReadTimeout("the response got lost")
        return httpx.Response(200, json=_chat(len(self.titles) - 1, fields["title"]))

    def _change(self, request: httpx.Request) -> httpx.Response:
        number = int(request.url.path.rpartition("_")[2])
        self.titles[number] = json.loads(request.content)["title"]
        return httpx.Response(200, json=_chat(number, self.titles[number]))


def _chat(number: int, title: str) -> Mapping[str, Any]:
    return {
        "id": f"aich_{number}",
        "title": title,
        "notification_preference": "all",
        "message_count": 1,
        "blended_token_usage": "0",
        "created_at": "2026-11-20T12:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
        "last_message_at": None,
        "user": {"id": "user_1"},
    }


@frozen
class OneClient(WhopProvider):
    """Whop with one client and no secret."""

    only_client: WhopClient = field(kw_only=True)

    @override
    def client(self, company_id: str | None = None, api_version: str = "") -> WhopClient:
        return self.only_client

    @override
    def client_with(self, credential: Credential, api_version: str = "") -> WhopClient:
        return self.only_client

    @override
    def credential(self, row: Row) -> str:
        return ALL_COMPANIES


@dataclass(frozen=True)
class Slow:
    """A client for DynamoDB whose calls take virtual time."""

    time: VirtualTime
    client: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.time.sleep(AWS_SECONDS)
            return getattr(self.client, name)(**request)

        return call


class Messages:
    """The run queue in virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._due: list[tuple[datetime, str]] = []

    def send_message_batch(self, **request: Any) -> Mapping[str, Any]:
        """Send messages, like the method of SQS's client."""
        self._time.sleep(AWS_SECONDS)
        for entry in request["Entries"]:
            self.put(json.loads(entry["MessageBody"])["run_id"], entry.get("DelaySeconds", 0))
        return {}

    def put(self, run: str, delay: float) -> None:
        """Add a message that is due after ``delay`` seconds."""
        self._due.append((self._time() + timedelta(seconds=delay), run))

    def receive(self) -> list[str]:
        """Return up to ten due messages, oldest first, and remove them."""
        taken = sorted(message for message in self._due if message[0] <= self._time())[:BATCH]
        for message in taken:
            self._due.remove(message)
        return [run for _, run in taken]


class Stack:
    """A stack with workers on its queue."""

    def __init__(self, chats: int) -> None:
        self.time = VirtualTime()
        self.whop = Whop(self.time, chats)
        self.messages = Messages(self.time)
        settle = timedelta(seconds=60)
        table: Any = MemoryTable()
        prepare = preparation("runs", mark_titles=True)
        self.ledger = Ledger(Slow(self.time, table), "runs", settle, self.time, prepare)
        client = WhopClient("a-key", "https://whop.invalid/api/v1", timeout=20, transport=self.whop)
        settings = WhopSettings(whop_base_url="https://whop.invalid/api/v1", whop_api_version="2026-07-08-1")
        nothing: Any = None
        whop = OneClient(settings, nothing, nothing, self.ledger, nothing, only_client=client)
        queue = Queue(lambda: self.messages, "https://runs", "https://slow-runs", "https://dead-letters")
        self._dispatcher = Dispatcher(self.ledger, Performer(self.ledger, {"whop": whop}, Locks(self.ledger)), queue)
        self._at_rest = replace(self.ledger, client=table)
        self.ended: dict[str, tuple[str, float]] = {}
        self.invocations = 0

    def add(self, runs: Sequence[Run], spacing: float) -> None:
        """Write runs to the ledger, and add them to the queue."""
        now = self.time()
        self._at_rest.add(runs, lambda index: now + timedelta(seconds=index * spacing))
        for index, run in enumerate(runs):
            self.messages.put(run.run_id, index * spacing)

    def work(self) -> None:
        """Invoke the function whenever there are due messages."""
        while True:
            batch, busy = self.messages.receive(), Counter[str]()
            for run in batch:
                busy[run] += 1
                self.time.spawn(partial(self._deliver, run, busy))
            self.invocations += bool(batch)
            self.time.sleep(AWS_SECONDS if batch else BEAT)
            while busy.total():
                self.time.sleep(AWS_SECONDS)

    def _deliver(self, run: str, busy: Counter[str]) -> None:
        outcome = self._dispatcher.perform(run, LIFETIME)
        if outcome.state in ("succeeded", "failed", "unknown"):
            self.ended.setdefault(run, (outcome.state, self.time.seconds))
        elif not outcome.performed and outcome.row.due_at is not None:
            # The message came early, because SQS delays a message by at most 15 minutes.
            self.messages.put(run, (outcome.row.due_at - self.time()).total_seconds())
        busy[run] -= 1


@dataclass(frozen=True)
class Measured:
    """The result of the benchmark."""

    pages: int
    requests: int
    invocations: int
    ended: Counter[str]
    minutes: float
    duplicates: int
    slowest_quick: float

    def problems(self, runs: int) -> list[str]:
        """Return the missed marks."""
        marks = {
            "not all runs succeeded": self.ended["succeeded"] == runs + QUICK,
            "they took too long": self.minutes <= HOUR / 60,
            "a company doesn't have exactly one chat": self.duplicates == 0,
            "there were too many list calls": self.requests <= TIMES * self.pages,
            "other runs waited too long": self.slowest_quick <= QUICK_SECONDS,
        }
        return [problem for problem, is_met in marks.items() if not is_met]


def measure(runs: int, chats: int) -> Measured:
    """Perform the runs until all have ended, and return the result."""
    stack = Stack(chats)
    began: dict[str, float] = {}

    def others() -> None:
        # These runs start while the lost responses are looked up.
        stack.time.sleep(90)
        for number in range(QUICK):
            began[f"biz_quick{number}"] = stack.time.seconds
            stack.add(make_runs("quick", number, 1), 0)
            stack.time.sleep(QUICK_EVERY)

    stack.add(make_runs("lost", 0, runs), SPACING)
    stack.time.spawn(others)
    for _ in range(INVOCATIONS):
        stack.time.spawn(stack.work)
    stack.time.run_until(lambda: len(stack.ended) == runs + QUICK or stack.time.seconds > LIMIT)
    return Measured(
        pages=-(-len(stack.whop.titles) // PAGE),
        requests=stack.whop.calls["GET"],
        invocations=stack.invocations,
        ended=Counter(state for state, _ in stack.ended.values()),
        minutes=max(seconds for _, seconds in stack.ended.values()) / 60,
        duplicates=runs + QUICK - sum(count == 1 for count in stack.whop.made_for.values()),
        slowest_quick=max(stack.whop.created_at[company] - seconds for company, seconds in began.items()),
    )


def make_runs(name: str, first: int, number: int) -> list[Run]:
    """Return runs that each create a chat for another company."""
    action = Action("whop.create_chat", {"message_text": "Summarize last week.", "title": "Weekly revenue"})
    companies = [f"biz_{name}{index}" for index in range(first, first + number)]
    return [
        Run(run_id("http", "benchmark", "POST /runs", company), "http", action, company, "2026-07-08-1")
        for company in companies
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the results. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lookup",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--runs", type=int, default=1000, help="number of runs whose responses get lost (default: %(default)s)"
    )
    parser.add_argument(
        "--chats", type=int, default=30_000, help="number of chats in the account (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    os.environ |= {"POWERTOOLS_METRICS_NAMESPACE": "aichats", "POWERTOOLS_SERVICE_NAME": "aichats"}
    metrics.namespace = "aichats"
    logger.setLevel("CRITICAL")
    # Waits between attempts of one call would take real time.
    retry.MAX_ATTEMPTS = 1
    with redirect_stdout(io.StringIO()):
        measured = measure(options.runs, options.chats)
    ended = ", ".join(f"{number} {state}" for state, number in measured.ended.items())
    print(f"{options.runs} lost answers, {options.chats} chats: {ended} after {measured.minutes:.1f} minutes")
    print(f"{measured.requests} requests for the list of {measured.pages} pages, {measured.invocations} invocations")
    print(f"the slowest of {QUICK} other runs began after {measured.slowest_quick:.1f} s")
    problems = measured.problems(options.runs)
    print(f"The marks are {'met' if not problems else 'missed: ' + '; '.join(problems)}.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
