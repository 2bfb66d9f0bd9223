"""Counters are exact and no event is lost, whatever fails: the real ledger and publisher in a faulty world.

Hypothesis chooses what happens to runs, how the stream delivers their changes, and the faults of each call. The stream
has shards, which keep the order of a run's changes and nothing more. A batch that fails comes again, whole or half of
it. A batch that was published may come again too, until it is published once more.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any, override

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from aichats.aws.errors import AwsError
from aichats.aws.observability import metrics
from aichats.outbox.publish import NotPublishedError
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import Run, run_id
from tests.support.crashing import Crash, FaultyAws, Plan, World, faulty_dynamodb
from tests.support.fakes import FakeEventBridge, Json
from tests.support.ledgers import CREATE, ERROR, LEASE, Clock
from tests.support.outbox import Outbox

FAULTS = ["crash before", "crash after", "error before", "error after", "answer lost", "meanwhile"]
SHARDS = 3
SLOTS, TARGETS = 3, 3
plans: st.SearchStrategy[Plan] = st.one_of(
    st.just({}), st.dictionaries(st.integers(0, 12), st.sampled_from(FAULTS), min_size=1, max_size=3)
)
tokens = st.decimals(0, 10**9, places=6, allow_nan=False, allow_infinity=False)
which = st.integers(0, 20)


def runs_of_slot(number: int) -> list[Run]:
    """Return the runs of a slot. The first slot has a single run, which has no summary."""
    slot, targets = f"2026-11-20T{number:02}:00:00Z", TARGETS if number else 1
    return [
        Run(
            run_id=run_id("schedule", "weekly", slot, f"biz_{target}"),
            trigger="schedule",
            action=CREATE,
            target=f"biz_{target}",
            automation="weekly",
            slot=slot,
            slot_runs=targets if targets > 1 else None,
        )
        for target in range(targets)
    ]


class Changes(RuleBasedStateMachine):
    """Runs that change, and a stream whose batches come twice, late and in any order."""

    def __init__(self) -> None:
        super().__init__()
        metrics.clear_metrics()
        self.clock = Clock()
        self.world = World(self.clock, timedelta(hours=1))
        bus = FakeEventBridge()
        self.outbox = Outbox(self.clock, faulty_dynamodb(self.world), bus=FaultyAws(self.world, bus))
        self.bus, self.ledger = bus, self.outbox.ledger
        self.shards: list[list[Json]] = [[] for _ in range(SHARDS)]
        self.published: list[tuple[int, list[Json]]] = []
        self.size = [100] * SHARDS

    # ------------------------------------------------------------------ what happens to runs

    @rule(number=st.integers(0, SLOTS - 1), part=st.integers(1, TARGETS))
    def a_schedule_fires(self, number: int, part: int) -> None:
        """Store some runs of a slot, as if the function died in between."""
        self.ledger.add(runs_of_slot(number)[:part], lambda _: self.clock.now)

    @rule(number=st.integers(0, SLOTS - 1), part=st.integers(1, TARGETS), status=st.sampled_from(["missed", "skipped"]))
    def a_slot_is_not_performed(self, number: int, part: int, status: Any) -> None:
        self.ledger.add_ended([(run, ERROR) for run in runs_of_slot(number)[-part:]], status)

    @rule(number=which, status=st.sampled_from(["succeeded", "failed", "unknown"]))
    def a_run_ends(self, number: int, status: Any) -> None:
        if row := self._pick(number, lambda row: row.is_open):
            claimed = self.ledger.claim(row.run.run_id, LEASE)
            chat = {"chat_id": f"aich_{row.run.run_id}"} if status == "succeeded" else {"error": ERROR}
            self.ledger.finish(claimed, status, **chat)

    @rule(number=which)
    def somebody_cancels_a_run(self, number: int) -> None:
        if row := self._pick(number, lambda row: row.is_open):
            with suppress(LedgerConflictError):
                self.ledger.steering.cancel(row.run.run_id, by="ann")

    @rule(number=which)
    def somebody_replays_a_run(self, number: int) -> None:
        if row := self._pick(number, lambda row: row.status in ("failed", "missed", "skipped", "unknown")):
            self.ledger.steering.replay(row.run.run_id)
            self.clock.forward(minutes=2)

    @rule(number=which, outcome=st.sampled_from(["succeeded", "failed"]))
    def somebody_resolves_a_run(self, number: int, outcome: Any) -> None:
        if row := self._pick(number, lambda row: row.status == "unknown"):
            self.ledger.steering.resolve(row.run.run_id, outcome, chat_id="aich_0", by="ann")

    @rule(number=which, used=tokens)
    def the_agent_replies(self, number: int, used: Decimal) -> None:
        """Store a reply. A run may get another one, although aichats stores only one today."""
        if row := self._pick(number, lambda row: row.status == "succeeded"):
            reply = {"replied_at": self._now(), "reply_seconds": 3, "tokens": used}
            self.ledger.items.update(row.run.run_id, reply, "attribute_exists(#run_id)")

    @rule(number=which)
    def the_texts_of_a_run_expire(self, number: int) -> None:
        if row := self._pick(number, lambda row: not row.is_open):
            self.ledger.items.update(row.run.run_id, {"title": None}, "attribute_exists(#run_id)")

    @rule(hours=st.sampled_from([0.001, 1, 20]))
    def time_passes(self, hours: float) -> None:
        self.clock.forward(hours=hours)

    # ------------------------------------------------------------------ what the stream does

    @rule(shard=st.integers(0, SHARDS - 1), other=st.integers(0, SHARDS - 1), plan=plans)
    def a_batch_is_delivered(self, shard: int, other: int, plan: Plan) -> None:
        """Deliver the next batch of a shard. In the middle of a call, another shard may be delivered too."""
        self._read()
        self.world.meanwhile = lambda: self._deliver(other, {}) if other != shard else None
        self._deliver(shard, plan)

    @rule(number=which, plan=plans)
    def a_published_batch_is_delivered_again(self, number: int, plan: Plan) -> None:
        if self.published:
            self.world.meanwhile = lambda: None
            shard, batch = self.published[number % len(self.published)]
            if not self._handle(batch, plan):
                self.shards[shard] = batch + self.shards[shard]

    def _deliver(self, shard: int, plan: Plan) -> None:
        waiting, size = self.shards[shard], self.size[shard]
        batch = waiting[:size]
        if batch and self._handle(batch, plan):
            self.shards[shard] = waiting[len(batch) :]
            self.published.append((shard, batch))
            self.size[shard] = 100
        else:
            self.size[shard] = max(1, min(size, len(batch)) // 2)

    def _handle(self, batch: list[Json], plan: Plan) -> bool:
        """Publish a batch. Return whether this succeeded."""
        try:
            with self.world.process(plan):
                self.outbox.publisher.handle(batch)
        except (Crash, AwsError, NotPublishedError):
            return False
        return True

    def _read(self) -> None:
        for record in self.outbox.take():
            key = record["dynamodb"]["Keys"]["run_id"]["S"]
            self.shards[sum(key.encode()) % SHARDS].append(record)

    # ------------------------------------------------------------------ what must be true

    @override
    def teardown(self) -> None:
        super().teardown()
        self._read()
        for shard in range(SHARDS):
            while self.shards[shard]:
                self.size[shard] = 100
                self._deliver(shard, {})
        assert self.outbox.usage() == self.outbox.recount()
        self._each_end_was_published_under_one_id()
        self._each_slot_that_has_ended_was_published_once()

    def _each_end_was_published_under_one_id(self) -> None:
        envelopes: dict[str, Json] = {}
        for event in self.bus.accepted:
            assert envelopes.setdefault(event["id"], event) == event, "an event changed when it was published again"
        published = [event["data"] for event in envelopes.values() if event["type"].startswith("run.")]
        replies = [(data["run_id"], data["replied_at"]) for data in published]
        for row in self.outbox.rows():
            if "ended" in row:
                end = {name: row[name] for name in ("run_id", "finished_at", "status")}
                assert any(end.items() <= data.items() for data in published), "an end was lost"
            if "replied_at" in row:
                assert (row["run_id"], row["replied_at"]) in replies, "a reply was lost"

    def _each_slot_that_has_ended_was_published_once(self) -> None:
        finished = {event["id"]: event["data"] for event in self.bus.accepted if event["type"] == "slot.finished"}
        slots = [data["slot"] for data in finished.values()]
        assert len(slots) == len(set(slots)), "a slot was finished twice"
        rows = self.outbox.rows()
        for number in range(SLOTS):
            runs = runs_of_slot(number)
            ended = [row for row in rows if row["slot"] == runs[0].slot and "ended" in row]
            if len(runs) > 1 and len(ended) == len(runs):
                assert runs[0].slot in slots, "the end of a slot was lost"
        for data in finished.values():
            assert data["runs"] == TARGETS == sum(data["counts"].values())
            assert data["started_at"] <= data["finished_at"]

    def _pick(self, number: int, matches: Callable[[Row], bool]) -> Row | None:
        rows = [self.ledger.get(row["run_id"]) for row in self.outbox.rows()]
        found = sorted((row for row in rows if row and matches(row)), key=lambda row: row.run.run_id)
        return found[number % len(found)] if found else None

    def _now(self) -> str:
        return self.clock.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.usefixtures("pauses")
def test_counters_equal_a_recount_and_no_event_is_lost_whatever_goes_wrong() -> None:
    # To look for rarer failures: MODEL_EXAMPLES=400 MODEL_STEPS=60
    bounds = settings(
        max_examples=int(os.environ.get("MODEL_EXAMPLES", "25")),
        stateful_step_count=int(os.environ.get("MODEL_STEPS", "30")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Changes, settings=bounds)
