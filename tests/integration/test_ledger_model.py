"""Runs take effect once, whatever goes wrong: the real performer, ledger, dispatcher and sweeper in a faulty world.

Hypothesis picks what happens in which order. It is held that no run makes two chats, that what has ended stays as it
ended, and that every run ends once the faults are over.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from aichats.http import retry
from aichats.observability import metrics
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import RefusedByLedgerError
from aichats.runs.model import Run, WhopCreateChat
from aichats.runs.perform import MAX_AGE, Performer
from aichats.runs.queue import Queue
from aichats.runs.rows import Row, decode, row_of
from aichats.runs.sweep import Sweeper
from aichats.whop import WhopClient
from tests.crashing import LAG, LATE, Crash, FaultyAws, FaultySqs, FaultyWhop, Plan, World, faulty_dynamodb
from tests.ledgers import SETTLE, Clock, dynamodb, make_ledger, make_run

LIFETIME = timedelta(seconds=30)
LEASE = LIFETIME + timedelta(seconds=5)
CREATE = WhopCreateChat(
    type="whop.create_chat", message_text="How was the week?", title="Week", notification_preference="none"
)
RUNS = [make_run(action=CREATE, target=f"biz_{number}") for number in range(30)]
FAULTS = [
    "crash before",
    "crash after",
    "error before",
    "error after",
    "answer lost",
    "late",
    "malformed",
    "throttled",
    "refused",
    "pause",
    "meanwhile",
]
TELLING = ["crash after", "error after", "answer lost", "late"]
"""What leaves open whether a create took effect."""
faulty: st.SearchStrategy[Plan] = st.one_of(
    # The create is the second call of a run that is performed for the first time, the third of one that is settled.
    st.builds(lambda call, fault: {call: fault}, st.integers(1, 2), st.sampled_from(TELLING)),
    st.builds(lambda call: {call: "crash before"}, st.integers(2, 5)),
    st.dictionaries(st.integers(0, 6), st.sampled_from(FAULTS), min_size=1, max_size=3),
)
plans: st.SearchStrategy[Plan] = faulty | st.just({})
others = st.integers(0, 3)
"""A run that another worker takes up: so many before the newest."""


class Runs(RuleBasedStateMachine):
    """Several runs, several workers, one queue."""

    def __init__(self) -> None:
        super().__init__()
        metrics.clear_metrics()
        self.clock = Clock()
        self.world = World(self.clock, LIFETIME)
        self.sqs = FaultySqs(self.clock)
        self.ledger = make_ledger(self.clock, client=faulty_dynamodb(self.world))
        self.ended: dict[str, Row] = {}
        self.arrived = 0

    @initialize(honours_keys=st.booleans())
    def begin(self, *, honours_keys: bool) -> None:
        self.whop = FaultyWhop(self.world, honours_keys=honours_keys)
        self.client = WhopClient("a-key", "https://whop.invalid/api/v1", transport=self.whop)
        performer = Performer(self.ledger, lambda *_: self.client, timedelta(seconds=20))
        sqs: Any = FaultyAws(self.world, self.sqs)
        queue = Queue(lambda: sqs, "https://runs", "https://dead-letters")
        self.dispatcher = Dispatcher(self.ledger, performer, queue)
        self.sweeper = Sweeper(self.ledger, self.dispatcher)

    # ------------------------------------------------------------------ what happens

    @rule(plan=faulty, other=others)
    def an_event_arrives(self, plan: Plan, other: int) -> None:
        self.arrived += 1
        self.world.meanwhile = lambda: self._attempt(self._newest(other))
        with self.world.process(plan):
            self._attempt(self._newest(0))

    @rule(which=others, plan=plans, other=others)
    def an_event_arrives_again(self, which: int, plan: Plan, other: int) -> None:
        self.world.meanwhile = lambda: self._attempt(self._newest(other))
        with self.world.process(plan):
            self._attempt(self._newest(which))

    @rule(plan=plans)
    def an_event_for_several_arrives(self, plan: Plan) -> None:
        self.arrived += 2
        with self.world.process(plan), suppress(Crash, BotoCoreError):
            self.dispatcher.fan_out(RUNS[: self.arrived])

    @rule(plan=plans, number=st.integers(0, 9), other=others, again=st.booleans())
    def a_message_is_delivered(self, plan: Plan, number: int, other: int, *, again: bool) -> None:
        self.world.meanwhile = lambda: self._attempt(self._newest(other))
        due = self.sqs.due()
        if not due:
            return
        message = due[number % len(due)]
        with self.world.process(plan):
            done = self._attempt(message[1])
        self.sqs.visible_at.remove(message)
        if again or not done:
            self.sqs.visible_at.append((self.clock.now + timedelta(seconds=360), message[1]))

    @rule(plan=plans)
    def a_sweep_comes(self, plan: Plan) -> None:
        with self.world.process(plan), suppress(Crash, BotoCoreError):
            self.sweeper.sweep()

    @rule(which=others)
    def somebody_replays_a_run(self, which: int) -> None:
        with suppress(RefusedByLedgerError):
            row = self.ledger.replay(self._newest(which).run_id)
            del self.ended[row.run.run_id]

    @rule(seconds=st.sampled_from([1, 20, 35, 61, 96, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        self.whop.settle()

    @rule(plan=plans)
    def somebody_acts_at_the_first_moment_at_which_a_run_is_due(self, plan: Plan) -> None:
        waiting = [row for row in self._rows() if row.due_at is not None]
        if waiting:
            first = min(waiting, key=lambda row: str(row.due_at))
            self.clock.now = max(self.clock.now, first.due_at or self.clock.now)
            self.whop.settle()
            with self.world.process(plan):
                self._attempt(first.run.run_id)

    @rule()
    def a_day_passes(self) -> None:
        self.clock.forward(seconds=MAX_AGE.total_seconds() / 2 + 60)
        self.whop.settle()

    def _newest(self, number: int) -> Run:
        return RUNS[max(0, self.arrived - 1 - number)]

    def _attempt(self, run: Run | str) -> bool:
        """Whether the function that performs the run ends as it should."""
        try:
            self.dispatcher.perform(run, LEASE)
        except (Crash, BotoCoreError, LookupError):
            return False
        return True

    # ------------------------------------------------------------------ what is held

    @invariant()
    def what_is_promised(self) -> None:
        made_by = self.whop.made_by if hasattr(self, "whop") else {}
        assert [run_id for run_id, chats in made_by.items() if len(chats) > 1] == [], "a run made two chats"
        for row in self._rows():
            self._stays_as_it_ended(row)
            made = made_by.get(row.run.run_id, [])
            if row.status == "succeeded":
                chat = self.whop.chats[str(row.chat_id)]
                assert made == [row.chat_id]
                assert (chat["title"], chat["notification_preference"]) == ("Week", "none")
            if row.status == "failed":
                assert made == ([row.chat_id] if row.chat_id else []), "a run that failed made a chat that it hides"
                assert row.error

    def _stays_as_it_ended(self, row: Row) -> None:
        if row.run.run_id in self.ended:
            assert row == self.ended[row.run.run_id]
        elif not row.is_open:
            self.ended[row.run.run_id] = row

    def teardown(self) -> None:
        """The faults are over: within an hour every run has ended, and was not given up."""
        if not hasattr(self, "whop"):
            return
        for _ in range(12):
            self.clock.forward(seconds=300)
            self.whop.settle()
            self.sweeper.sweep()
            for message in self.sqs.due():
                self.sqs.visible_at.remove(message)
                assert self._attempt(message[1])
        assert [row.status for row in self._rows() if row.is_open] == []
        self.what_is_promised()

    def _rows(self) -> list[Row]:
        items = dynamodb().scan(TableName=self.ledger.table, ConsistentRead=True)["Items"]
        return [row_of(decode(item)) for item in items]


def test_runs_take_effect_once_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LATE + LAG < SETTLE
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)

    bounds = settings(max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Runs, settings=bounds)
