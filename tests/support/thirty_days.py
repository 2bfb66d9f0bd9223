"""A stack with three connections, simulated for days: renewals that fail, processes that die, people who log in."""

import heapq
import io
import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, override

import pytest

from aichats.aws import secret_versions, secrets
from aichats.aws.errors import AwsError
from aichats.aws.observability import metrics
from aichats.errors import AichatsError
from aichats.http import retry
from aichats.http.deadline import time_limit
from aichats.runs.model import Run
from aichats.runs.perform import MAX_AGE
from aichats.runs.stranded import StrandedRuns
from aichats.whop import oauth, renewal
from aichats.whop.connections import fingerprint
from tests.support.actions import whop_create_chat
from tests.support.connected import InlineExecutor, RandomFaults, RowsInMemory
from tests.support.connected_functions import CONNECTIONS, LIFETIME, SECRET, Services, Worker, any_client
from tests.support.crashing import Crash, Plan
from tests.support.fakes import Json
from tests.support.ledgers import make_run, spread_open_rows_less
from tests.support.lines import Lines

PERFORMERS = ["perform_runs 1", "perform_runs 2"]
LEASE = LIFETIME + timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
FIRST_ALARM, NEXT_ALARM = 100 * MINUTE, 60 * MINUTE
"""The longest time until the alarm for a connection without a valid refresh token, and between two alarms."""
FAULTS = ["crash before", "crash after", "error before", "error after", "answer lost", "pause", "meanwhile"]
"""The ways in which a call of a process to AWS or Whop fails."""
FAILURES = (AwsError, AichatsError)


@dataclass
class Started:
    """A run that was started, and the time at which it was seen to have ended."""

    run: Run
    started_at: datetime
    ended_at: datetime | None = None


class Metrics(io.TextIOBase):
    """The standard output, from which nothing is kept but that a connection was counted as broken."""

    def __init__(self, count: Callable[[], None]) -> None:
        self._count = count

    @override
    def write(self, text: str) -> int:
        if "ConnectionsBroken" in text:
            self._count()
        return len(text)


class ManyDays:
    """The simulation.

    Args:
        rows: the client of DynamoDB for the rows of connections.

    Attributes:
        agenda: all that will happen except for the messages of the queue, each with its time.
        figures: what happened, and how often.
        longest: the longest times.
    """

    def __init__(self, seed: int, rows: object, table: str) -> None:
        self.services = Services(seed, rows, table, meanwhile=partial(self.refresh, {}))
        self.clock, self.randomness = self.services.clock, self.services.randomness
        self.vault, self.oauth, self.whop = self.services.vault, self.services.oauth, self.services.whop
        self.agenda: list[tuple[datetime, int, Callable[[], object]]] = []
        self.figures: Counter[str] = Counter()
        self.longest: dict[str, timedelta] = {}
        self.lines = Lines(renewal, oauth, secret_versions)
        self.is_calm = False
        self._order = itertools.count()
        self._started: dict[str, Started] = {}
        self._workers: dict[str, Worker] = {}
        self._renewing = ""
        self._dead_since: dict[str, datetime] = {}
        self._alarmed_at: dict[str, datetime] = {}
        self.vault.changed = self._may_be_stale
        for act, pause in self._regular().items():
            self._every(pause, act)
        for trouble, days in self._trouble().items():
            self._now_and_then(timedelta(days=days), trouble)

    def _regular(self) -> dict[Callable[[], None], timedelta]:
        """Return what happens regularly, with the pauses."""
        return {
            self._tick: 10 * MINUTE,
            self._check_connections: 10 * MINUTE,
            self._start: 180 * MINUTE,
            self._read: 40 * MINUTE,
            self._sweep: 30 * MINUTE,
        }

    def _trouble(self) -> dict[Callable[[], None], int]:
        """Return what happens now and then, with the mean numbers of days in between."""
        return {self._outage: 1, self._reject: 2, self._revoke: 6, self._log_in_anyway: 10, self._reject_all: 12}

    # ------------------------------------------------------------------ time

    def run(self, days: float) -> None:
        """Simulate some days, and then some calm hours in which everything works again."""
        self._until(self.clock.now + timedelta(days=days))
        self._calm_down()
        self._until(self.clock.now + timedelta(hours=3))
        self._check_runs()

    def at(self, time: datetime, act: Callable[[], object]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self.agenda, (time, next(self._order), act))

    def _in(self, seconds: float, act: Callable[[], object]) -> None:
        self.at(self.clock.now + timedelta(seconds=int(seconds)), act)

    def _until(self, end: datetime) -> None:
        while True:
            message = min(self.services.sqs.visible_at, default=(end, ""))
            time = min(message[0], self.agenda[0][0])
            if time >= end:
                return
            self.clock.now = max(self.clock.now, time)
            self.oauth.settle()
            if time == message[0]:
                self.services.sqs.visible_at.remove(message)
                self._deliver(message[1])
            else:
                heapq.heappop(self.agenda)[2]()

    def _every(self, pause: timedelta, act: Callable[[], object]) -> None:
        def again() -> None:
            act()
            self.at(self.clock.now + pause, again)

        self.at(self.clock.now + pause, again)

    def _now_and_then(self, mean: timedelta, act: Callable[[], object]) -> None:
        def again() -> None:
            if not self.is_calm:
                act()
            self._now_and_then(mean, act)

        self._in(self.randomness.expovariate(1 / mean.total_seconds()), again)

    # ------------------------------------------------------------------ processes

    def _process(self, work: Callable[[], object]) -> str:
        """Return how a process ended: ``done``, ``failed`` or ``died``."""
        try:
            with self.services.world.process(self._plan()), time_limit(LIFETIME.total_seconds()):
                work()
        except Crash:
            self.figures["processes that died"] += 1
            return "died"
        except FAILURES:
            return "failed"
        return "done"

    def _plan(self) -> Plan:
        [share] = self.randomness.choices([0.0, 0.01, 0.1], [90, 6, 4])
        return {} if self.is_calm or not share else RandomFaults(self.randomness, share, FAULTS)

    def _work(self, name: str, work: Callable[[Worker], object]) -> str:
        """Let a function's container work. If it dies, the next invocation has a new one."""
        worker = self._workers.setdefault(name, Worker(self.services, self))
        end = self._process(partial(work, worker))
        if end == "died":
            del self._workers[name]
        return end

    # ------------------------------------------------------------------ renewals

    def refresh(self, event: Json, *, again: bool = True) -> None:
        """Invoke ``refresh_tokens``. If it fails, Lambda invokes it once more."""
        line = self.randomness.randint(1, 250) if not self.is_calm and self.randomness.random() < 0.05 else 0
        renewals = self.services.renewals(self._watch)
        with self.lines.interrupted(line, self._at_line):
            end = self._process(partial(renewals.handle, event, LEASE))
        if end != "done" and again:
            self._in(60, partial(self.refresh, event, again=False))

    def invoke(self, *_args: Any, **request: Any) -> None:
        """Deliver the request of a worker for a renewal once, twice or never, at some time."""
        [times] = [1] if self.is_calm else self.randomness.choices([0, 1, 2], [10, 80, 10])
        self.figures["requests for a renewal"] += 1
        for _ in range(times):
            self._in(self.randomness.randint(0, 120), partial(self.refresh, json.loads(request["Payload"])))

    @contextmanager
    def _watch(self, connection: str) -> Iterator[None]:
        before, self._renewing = self._renewing, connection
        try:
            yield
        finally:
            self._renewing = before

    def _at_line(self) -> None:
        [event] = self.randomness.choices(["death", "renewal", "login"], [60, 35, 5])
        self.figures[f"between two lines of a renewal: {event}"] += 1
        match event:
            case "death":
                raise Crash
            case "renewal":
                self.refresh({})
            case _:
                self._log_in(self._any_connection())

    def _tick(self) -> None:
        [times] = [1] if self.is_calm else self.randomness.choices([0, 1, 2], [1, 94, 5])
        for number in range(times):
            self._in(number * self.randomness.randint(0, 60), partial(self.refresh, {}))

    # ------------------------------------------------------------------ runs

    def _start(self) -> None:
        number = len(self._started)
        action = whop_create_chat(message_text=f"run {number}", title="Week")
        run = make_run(f"run {number}", action, list(CONNECTIONS)[number % len(CONNECTIONS)])
        name = "run_schedule" if number % 4 else "http_api"
        run = replace(run, trigger="schedule") if name == "run_schedule" else run
        self._started[run.run_id] = Started(run, self.clock.now)
        self._perform(name, run)

    def _perform(self, name: str, run: Run) -> None:
        """Perform a run, again and again until the ledger has it. Then the queue and the sweep see to it."""
        self._work(name, partial(self._attempt, run))
        if self.services.ledger.get(run.run_id) is None:
            self._in(60, partial(self._perform, name, run))

    def _deliver(self, run_id: str) -> None:
        if self._work(self.randomness.choice(PERFORMERS), partial(self._attempt, run_id)) != "done":
            self.services.sqs.visible_at.append((self.clock.now + 6 * MINUTE, run_id))

    def _attempt(self, run: Run | str, worker: Worker) -> None:
        outcome = worker.dispatcher.perform(run, LEASE)
        self.figures["attempts of runs"] += outcome.performed
        started = self._started[outcome.row.run.run_id]
        if outcome.state not in ("waiting", "in_progress") and started.ended_at is None:
            started.ended_at = self.clock.now
            self._longest("wait of a run", self.clock.now - started.started_at)

    def _sweep(self) -> None:
        if any(started.ended_at is None for started in self._started.values()):
            self._work("sweep_runs", lambda worker: StrandedRuns(self.services.ledger, worker.dispatcher).resume())

    def _read(self) -> None:
        company = self.randomness.choice(list(CONNECTIONS))
        end = self._work("http_api", lambda worker: worker.provider.client(company).list_titles(after=None, first=1))
        self.figures[f"reads {end}"] += 1

    # ------------------------------------------------------------------ trouble, and the people who end it

    def _outage(self) -> None:
        self.figures["outages of Secrets Manager"] += 1
        self.vault.down_until = self.clock.now + self.randomness.randint(1, 10) * MINUTE

    def _may_be_stale(self, name: str) -> None:
        if not self.is_calm and self.randomness.random() < 0.05:
            self.figures["stale secrets"] += 1
            self.vault.stale.add(name)
            seconds = self.randomness.choice([1, 60, 300, 2400])
            self._in(seconds, partial(self.vault.stale.discard, name))

    def _reject(self) -> None:
        self.figures["access tokens rejected before their end"] += 1
        self.whop.rejected.add(self.services.tokens(self._any_connection())["access_token"])

    def _reject_all(self) -> None:
        self.figures["times at which Whop rejects all access tokens"] += 1
        name = self._any_connection()
        self.whop.rejects.add(name)
        self._in(12 * 3600, partial(self.whop.rejects.discard, name))
        # Every run that waits requests renewals.
        for _ in range(3 * len(CONNECTIONS)):
            self._start()

    def _revoke(self) -> None:
        self.figures["revoked grants"] += 1
        self.oauth.families[self._any_connection()].is_revoked = True

    def _log_in_anyway(self) -> None:
        self._log_in(self._any_connection())

    def _log_in(self, name: str) -> None:
        self.figures["logins"] += 1
        grant = self.oauth.consent(name)
        if self.randomness.random() < 0.3:
            self.refresh({})
        self.vault.put(f"{SECRET}/{name}", grant)

    def _repair(self, name: str) -> None:
        if self.oauth.is_dead(name):
            self._log_in(name)

    def count_broken(self) -> None:
        """Note the alarm. A person who sees it logs in some time later if the connection is broken."""
        name = self._renewing
        if not name:
            return
        self.figures["alarms"] += 1
        is_first = name not in self._alarmed_at
        self._alarmed_at[name] = self.clock.now
        if is_first:
            [hours] = self.randomness.choices([0.2, 1, 4, 30], [40, 40, 18, 2])
            self._in(hours * 3600, partial(self._repair, name))

    # ------------------------------------------------------------------ checks

    def _check_connections(self) -> None:
        now = self.clock.now
        for name in CONNECTIONS.values():
            if not self.oauth.is_dead(name):
                current = fingerprint(self.services.tokens(name)["refresh_token"])
                assert self.services.row(name).get("broken") != current, f"{name} counts as broken, but is not"
                self._dead_since.pop(name, None)
                self._alarmed_at.pop(name, None)
                continue
            if name not in self._dead_since:
                self.figures["broken connections"] += 1
            since = self._dead_since.setdefault(name, now)
            alarmed = self._alarmed_at.get(name)
            limit = FIRST_ALARM if alarmed is None or alarmed < since else NEXT_ALARM
            waited = now - max(since, alarmed or since)
            assert waited < limit, f"{name} broke at {since}, and no alarm is on at {now}"
            self._longest("time to the first alarm" if limit == FIRST_ALARM else "time between alarms", waited)

    def _calm_down(self) -> None:
        self.is_calm, self.oauth.failing = True, 0.0
        self.vault.stale.clear()
        self.whop.rejects.clear()
        self.vault.down_until = self.clock.now
        self.clock.forward(minutes=1)
        self.oauth.settle()
        for name in CONNECTIONS.values():
            self._repair(name)

    def _check_runs(self) -> None:
        chats = Counter(chat["message_text"] for chat in self.whop.memory.chats.values())
        for started in self._started.values():
            row, run = self.services.ledger.get(started.run.run_id), started.run
            assert row is not None
            number = chats[str(run.action.fields.get("message_text", ""))]
            age = row.updated_at - row.opened_at
            self.figures[f"runs {row.status}"] += 1
            assert number == 1 if row.status == "succeeded" else number <= 1, f"{number} chats of {run}"
            if started.started_at < self.clock.now - timedelta(hours=2):
                assert row.status == "succeeded" or age >= MAX_AGE, f"a run is {row.status}: {row.error}"

    def _any_connection(self) -> str:
        return self.randomness.choice(list(CONNECTIONS.values()))

    def _longest(self, name: str, time: timedelta) -> None:
        self.longest[name] = max(time, self.longest.get(name, time))


def simulate(seed: int, days: float, monkeypatch: pytest.MonkeyPatch, rows: object = None, table: str = "") -> ManyDays:
    """Return the simulation of some days after it ended. All rows of connections are in memory by default."""
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    for module in (secrets, renewal):
        monkeypatch.setattr(module, "ThreadPoolExecutor", InlineExecutor)
    spread_open_rows_less(monkeypatch)
    simulation = ManyDays(seed, rows or RowsInMemory(), table or "rows")
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(any_client(Metrics(simulation.count_broken))), simulation.lines.watched():
            simulation.run(days)
    finally:
        logging.disable(logging.NOTSET)
        metrics.clear_metrics()
    return simulation
