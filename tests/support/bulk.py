"""A stack in memory with many runs to replay or cancel, and a queue whose messages come when they are due."""

import heapq
import json
from collections.abc import Callable, Iterable
from copy import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from aichats.api.app import create_api
from aichats.runs.ledger.rows import Row, RunStatus
from aichats.runs.model import Run
from aichats.runs.queue_messages import JobMessage, read_message
from tests.support.crashing import World
from tests.support.fakes import Json
from tests.support.lambda_calls import Answer, HttpCaller
from tests.support.ledgers import ERROR, LEASE, make_run
from tests.support.stack_in_memory import StackInMemory
from tests.support.waiting import turns

FAILED = {"filter": {"status": ["failed"]}}
WINDOW = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z"}


class BulkBench(StackInMemory):
    """A stack with the HTTP API. Its Whop counts the chats of each company and the times of their creation."""

    def __init__(self, world: World | None = None) -> None:
        super().__init__(world)
        # The queue must see the time of the ledger.
        self.app.queue.clock = self.clock
        self.app.dispatcher = replace(self.app.dispatcher, queue=self.app.queue)
        self.api = HttpCaller(create_api(self.app).resolve)
        self.created: list[tuple[datetime, str]] = []
        self.whop.interfere = self._note

    def _note(self, request: Any) -> None:
        if request.method == "POST":
            self.created.append((self.clock.now, json.loads(request.content)["current_company_id"]))

    def failed(self, number: int, first: int = 0) -> list[str]:
        """Store failed runs, each created one second after the one before. Return their ids."""
        runs = [make_run(target=f"biz_{first + index}") for index in range(number)]
        for run in runs:
            self.store(run)
            self.clock.forward(seconds=1)
        return [run.run_id for run in runs]

    def many_failed(self, number: int) -> list[str]:
        """Store many failed runs that were created at once. Return their ids."""
        runs = [make_run(target=f"biz_{index}") for index in range(number)]
        self.app.ledger.add_ended([(run, ERROR) for run in runs], "failed")
        self.clock.forward(seconds=1)
        return [run.run_id for run in runs]

    def store(self, run: Run) -> str:
        """Store a failed run. Return its id."""
        self.app.ledger.add_ended([(run, ERROR)], "failed")
        return run.run_id

    def fail_again(self, run_id: str) -> None:
        """Let a replayed run fail once more."""
        self.clock.forward(minutes=2)
        self.app.ledger.finish(self.app.ledger.claim(run_id, LEASE), "failed", error=ERROR)

    def request(self, verb: str = "replay", body: Json = FAILED, key: str | None = None, **options: Any) -> Answer:
        """Request a job for the runs of the day."""
        sent = body | {"filter": WINDOW | body["filter"]}
        headers = {"idempotency-key": key} if key else {}
        return self.api("POST", f"/runs/{verb}", sent, headers=headers, **options)

    def take(self) -> list[str]:
        """Take the bodies of all job messages from the queue."""
        bodies = [sent.body for sent in self.sqs.sent if isinstance(read_message(sent.body), JobMessage)]
        self.sqs.sent = [sent for sent in self.sqs.sent if sent.body not in bodies]
        return bodies

    def deliver(self, bodies: Iterable[str]) -> list[str]:
        """Deliver messages in one batch. Return the numbers of those that SQS must deliver again."""
        records = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
        failures = self.app.messages.handle(records, LEASE)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failures]

    def statuses(self, run_ids: Iterable[str]) -> list[RunStatus]:
        """Return the status of each run."""
        return [self.row_of(run_id).status for run_id in run_ids]

    def row_of(self, run_id: str) -> Row:
        """Return a run as it is now."""
        row = self.app.ledger.get(run_id)
        assert row is not None
        return row

    def job(self, answer: Answer) -> Json:
        """Return the job that an answer names."""
        found: Json = self.api("GET", answer.headers["location"]).json
        return found

    def run_until_idle(self, each: Callable[[], object] = lambda: None) -> None:
        """Deliver all messages when they are due, up to ten at a time, and those that they add."""
        number = count()
        waiting: list[tuple[datetime, int, str]] = []
        for _ in turns(5000):
            for sent in self.sqs.sent:
                heapq.heappush(waiting, (self.clock.now + timedelta(seconds=sent.delay), next(number), sent.body))
            self.sqs.sent.clear()
            if not waiting:
                return
            self.clock.now = max(self.clock.now, waiting[0][0])
            due = [heapq.heappop(waiting) for _ in range(10) if waiting and waiting[0][0] <= self.clock.now]
            assert self.deliver(body for _, _, body in due) == []
            each()
