"""Every run has its effect once, whatever fails: the real performer, ledger, dispatcher and stranded in a faulty world.

Hypothesis chooses the events and their order, for the actions of both providers. The tests check that no run creates
two chats or sends a message twice, that the newest change of a chat wins, that an ended run stays as it is, and that
every run ends once the faults are over.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any, override

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from aichats.aws.attributes import decode, encode
from aichats.aws.errors import NoResponseError
from aichats.aws.observability import metrics
from aichats.http import retry, uploads
from aichats.json_types import Json
from aichats.kodey.client import KodeyClient
from aichats.runs.action import Action
from aichats.runs.dispatch import Dispatcher
from aichats.runs.ledger import texts
from aichats.runs.ledger.locks import Locks
from aichats.runs.ledger.row_changes import LedgerConflictError
from aichats.runs.ledger.rows import Row, row_from
from aichats.runs.ledger.steering import REPLAYABLE
from aichats.runs.model import Run
from aichats.runs.perform import MAX_AGE, Performer
from aichats.runs.providers.marks import preparation
from aichats.runs.providers.provider import Provider
from aichats.runs.queue import Queue, QueueError
from aichats.runs.stranded import StrandedRuns
from aichats.whop.attachments import S3Attachment, UrlAttachment
from aichats.whop.client import WhopClient
from tests.support.actions import kodey_create_chat, kodey_send_message, whop_create_chat, whop_update_chat
from tests.support.crashing import (
    LAG,
    LATE,
    LATE_AT_KODEY,
    WORDS,
    Crash,
    FaultyAws,
    FaultyKodey,
    FaultyProvider,
    FaultySqs,
    FaultyWhop,
    Plan,
    World,
    faulty_dynamodb,
)
from tests.support.faulty_files import FaultyWhopWithFiles, fetch_file
from tests.support.ledgers import SETTLE, Clock, dynamodb, make_ledger, make_run, spread_open_rows_less
from tests.support.providers import kodey_provider, whop_provider

LIFETIME = timedelta(seconds=30)
LEASE = LIFETIME + timedelta(seconds=5)
KODEY_SETTLE = timedelta(seconds=150)
ACTIONS: dict[str, Action] = {
    "a chat of Whop": whop_create_chat(message_text=WORDS, title="Week", notification_preference="none"),
    "a chat of Kodey": kodey_create_chat(message_text=WORDS),
    "a chat of Kodey for a user who has others": kodey_create_chat(message_text=WORDS, user_id="customer"),
    "a message to a chat of Kodey": kodey_send_message(content=WORDS),
}
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
"""Faults after which it is unknown whether the provider created something."""
faulty: st.SearchStrategy[Plan] = st.one_of(
    # The create is the second call of a run that is performed for the first time, the third of one that is settled; at
    # Kodey what there is already may be noted before, and the message comes after.
    st.builds(lambda call, fault: {call: fault}, st.integers(1, 7), st.sampled_from(TELLING)),
    st.builds(lambda call: {call: "crash before"}, st.integers(2, 8)),
    st.dictionaries(st.integers(0, 12), st.sampled_from(FAULTS), min_size=1, max_size=3),
)
plans: st.SearchStrategy[Plan] = faulty | st.just({})
BEFORE = 1
"""Messages of the user that are in a chat before the runs."""
STEPS, MAX_STEPS = 20, 60
"""The steps of one example, and the most that `MODEL_STEPS` may set. Each starts at most two runs."""
others = st.integers(0, 3)
"""Choices of the run that another worker continues: the number of runs before the newest."""


class Runs(RuleBasedStateMachine):
    """Several runs of one action, several workers, one queue."""

    action: Action
    hours = 2
    """The time after the last fault until every run has ended."""

    def __init__(self) -> None:
        super().__init__()
        metrics.clear_metrics()
        self.clock = Clock()
        self.world = World(self.clock, LIFETIME)
        self.sqs = FaultySqs(self.clock)
        self.marks_titles = True
        ledger = make_ledger(self.clock, client=faulty_dynamodb(self.world))
        self.ledger = replace(ledger, prepare=self._prepare)
        self.ended: dict[str, Row] = {}
        self.arrived = 0
        self.runs = [self.make_run(number) for number in range(2 * MAX_STEPS)]

    def make_run(self, number: int) -> Run:
        return make_run(action=self.action, target=f"biz_{number}")

    def make_whop(self, *, honors_keys: bool) -> FaultyWhop:
        return FaultyWhop(self.world, "aich_0", honors_keys=honors_keys)

    def _prepare(self, run: Run) -> Json:
        return preparation("a-table", mark_titles=self.marks_titles)(run)

    @initialize(honors_keys=st.booleans())
    def begin(self, *, honors_keys: bool) -> None:
        whop = self.make_whop(honors_keys=honors_keys)
        kodey = FaultyKodey(self.world, self.runs)
        self.provider: FaultyProvider = whop if self.runs[0].provider == "whop" else kodey
        whop_client = WhopClient("a-key", "https://whop.invalid/api/v1", transport=whop)
        kodey_client = KodeyClient("sk_live_key", "https://kodey.invalid", transport=kodey)
        settle = int(KODEY_SETTLE.total_seconds())
        providers: dict[str, Provider] = {
            "whop": whop_provider(self.ledger, lambda *_: whop_client, partial(fetch_file, self.world)),
            "kodey": kodey_provider(lambda: kodey_client, settle, 20),
        }
        performer = Performer(self.ledger, providers, Locks(self.ledger))
        sqs: Any = FaultyAws(self.world, self.sqs)
        queue = Queue(lambda: sqs, "https://runs", "https://slow-runs", "https://dead-letters")
        self.dispatcher = Dispatcher(self.ledger, performer, queue)
        self.stranded = StrandedRuns(self.ledger, self.dispatcher)

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
        with self.world.process(plan), suppress(Crash, NoResponseError, QueueError):
            self.dispatcher.enqueue(self.runs[: self.arrived])

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
        with self.world.process(plan), suppress(Crash, NoResponseError, QueueError):
            self.stranded.resume()

    @rule(which=others)
    def somebody_replays_a_run(self, which: int) -> None:
        with suppress(LedgerConflictError):
            row = self.ledger.steering.replay(self._newest(which).run_id)
            assert self.ended.pop(row.run.run_id).status in REPLAYABLE, "a run that succeeded was replayed"

    @rule(which=others, plan=plans, other=others)
    def somebody_cancels_a_run(self, which: int, plan: Plan, other: int) -> None:
        """Cancel a run while another worker may perform it in the middle of a call."""
        run = self._newest(which)
        self.world.meanwhile = lambda: self._attempt(self._newest(other))
        before = self._row(run)
        with self.world.process(plan), suppress(LedgerConflictError, Crash, NoResponseError):
            row = self.ledger.steering.cancel(run.run_id, by="ann")
            assert row.cancel or row.status == "cancelled"
        if before is not None and before.status == "unknown":
            self.ended.pop(run.run_id, None)

    @rule()
    def somebody_switches_the_marks_of_titles(self) -> None:
        self.marks_titles = not self.marks_titles

    @rule(seconds=st.sampled_from([1, 20, 35, 61, 96, 400]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds=seconds)
        self.provider.settle()

    @rule(plan=plans)
    def somebody_acts_at_the_first_moment_at_which_a_run_is_due(self, plan: Plan) -> None:
        waiting = [row for row in self._rows() if row.due_at is not None]
        if waiting:
            first = min(waiting, key=lambda row: str(row.due_at))
            self.clock.now = max(self.clock.now, first.due_at or self.clock.now)
            self.provider.settle()
            with self.world.process(plan):
                self._attempt(first.run.run_id)

    @rule()
    def a_day_passes(self) -> None:
        self.clock.forward(seconds=MAX_AGE.total_seconds() / 2 + 60)
        self.provider.settle()

    def _newest(self, number: int) -> Run:
        return self.runs[max(0, self.arrived - 1 - number)]

    def _attempt(self, run: Run | str) -> bool:
        """Return whether the function that performs the run ends as it should."""
        try:
            self.dispatcher.perform(run, LEASE)
        except (Crash, NoResponseError, QueueError, LookupError):
            return False
        return True

    # ------------------------------------------------------------------ what must be true

    @invariant()
    def what_is_promised(self) -> None:
        rows = self._rows()
        for row in rows:
            self._stays_as_it_ended(row)
        self.hold(rows)

    def hold(self, rows: Sequence[Row]) -> None:
        for row in rows:
            effects = self.provider.effects(row)
            assert [made for made in effects if len(made.ids) > 1] == [], "a run made something twice"
            assert [made for made in effects if made.recorded and not made.ids] == [], "a run has what nobody made"
            if row.status == "succeeded":
                assert all(made.recorded for made in effects), "a run that succeeded did not make all that it should"
                assert self.provider.is_as_wanted(row)
            if row.status in ("failed", "cancelled"):
                hidden = [made for made in effects if made.ids and not made.recorded]
                assert hidden == [], "a run that failed made what it hides"
                assert row.error
            if row.status == "cancelled":
                assert all(not made.ids for made in effects), "a cancelled run had an effect"
                assert row.chat_id is None

    def _stays_as_it_ended(self, row: Row) -> None:
        if row.run.run_id in self.ended:
            assert row == self.ended[row.run.run_id]
        elif not row.is_open:
            self.ended[row.run.run_id] = row

    def teardown(self) -> None:
        """Check that every run ends without being given up, once the faults are over."""
        if not hasattr(self, "provider"):
            return
        for _ in range(12 * self.hours):
            self.clock.forward(seconds=300)
            self.provider.settle()
            self.stranded.resume()
            for message in self.sqs.due():
                self.sqs.visible_at.remove(message)
                assert self._attempt(message[1])
            if not self.sqs.visible_at and not any(row.is_open for row in self._rows()):
                break
        assert [row.status for row in self._rows() if row.is_open] == []
        self.what_is_promised()

    def _row(self, run: Run) -> Row | None:
        item = dynamodb().get_item(TableName=self.ledger.table, Key=encode({"run_id": run.run_id})).get("Item")
        return row_from(decode(item)) if item else None

    def _rows(self) -> list[Row]:
        items = dynamodb().scan(TableName=self.ledger.table, ConsistentRead=True)["Items"]
        return [row_from(decode(item)) for item in items if "status" in item]  # Runs share the other items.


class RunsWithFiles(Runs):
    """Each has files that must be fetched and uploaded before its chat is created."""

    action = whop_create_chat(
        message_text=WORDS,
        title="Week",
        notification_preference="none",
        attachments=[UrlAttachment(url="https://example.com/a.pdf"), "file_own", S3Attachment(s3="s3://bucket/b.pdf")],
    )

    @override
    def make_whop(self, *, honors_keys: bool) -> FaultyWhop:
        return FaultyWhopWithFiles(self.world, honors_keys=honors_keys)

    @rule(call=st.integers(8, 16), fault=st.sampled_from(FAULTS))
    def an_event_arrives_and_a_late_step_fails(self, call: int, fault: str) -> None:
        self.an_event_arrives({call: fault}, 0)


class RunsAlike(Runs):
    """All of them send the same words to the same chat."""

    action = ACTIONS["a message to a chat of Kodey"]
    hours = 12

    @override
    def make_run(self, number: int) -> Run:
        return make_run(f"run {number}", action=self.action, target="chat_of_all")

    @override
    def hold(self, rows: Sequence[Row]) -> None:
        assert isinstance(self.provider, FaultyKodey)
        said = self.provider.memory.messages["chat_of_all"]
        sent = len([message for message in said if message["role"] == "user"]) - BEFORE
        answers = [row.result["reply"]["id"] for row in rows if "reply" in row.result]
        in_doubt = [row for row in rows if "reply" not in row.result and (row.is_open or row.status == "unknown")]
        assert len(set(answers)) == len(answers), "two runs took one message for their own"
        assert len(answers) <= sent <= len(answers) + len(in_doubt), "a message was lost, or sent twice"
        assert all("reply" in row.result for row in rows if row.status == "succeeded")


class ChangesOfOneChat(Runs):
    """All of them change the title of the same chat, each to a title of its own."""

    hours = 3
    last_title: str | None = None
    cancelled_titles: frozenset[str] | set[str] = frozenset()
    """The titles of the runs that were cancelled before the last step."""

    @override
    def make_run(self, number: int) -> Run:
        action = whop_update_chat(title=f"title {number}")
        return make_run(f"run {number}", action=action, target="aich_0")

    @override
    def hold(self, rows: Sequence[Row]) -> None:
        for row in rows:
            assert row.error or row.status not in ("failed", "unknown")
        assert isinstance(self.provider, FaultyWhop)
        title = self.provider.title("aich_0")
        if title != self.last_title:
            assert title not in self.cancelled_titles, "a run had an effect after it was cancelled"
        cancelled = {row.run.run_id for row in rows if row.status == "cancelled"}
        self.last_title = title
        self.cancelled_titles = {f"title {number}" for number, run in enumerate(self.runs) if run.run_id in cancelled}

    @override
    def teardown(self) -> None:
        super().teardown()
        if not hasattr(self, "provider"):
            return
        self.clock.forward(seconds=LATE.total_seconds())
        self.provider.settle()
        assert isinstance(self.provider, FaultyWhop)
        rows = self._rows()
        newest = max((row.opened_at for row in rows if row.status == "succeeded"), default=None)
        if newest is not None:
            # A change that failed may be made at the provider all the same.
            may_have_won = {row.run.run_id for row in rows if row.opened_at >= newest}
            titles = [f"title {number}" for number, run in enumerate(self.runs) if run.run_id in may_have_won]
            assert self.provider.title("aich_0") in titles, "an older change undid a newer one"


@pytest.mark.parametrize("name", ACTIONS)
def test_runs_take_effect_once_whatever_goes_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LATE + LAG < SETTLE < LATE_AT_KODEY + LAG < KODEY_SETTLE
    hold_promises(type("Runs", (Runs,), {"action": ACTIONS[name]}), monkeypatch)


def test_runs_with_files_create_one_chat_with_these_files_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_ATTEMPTS", 1)
    hold_promises(RunsWithFiles, monkeypatch)


def test_runs_that_look_alike_take_effect_once_each_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    hold_promises(RunsAlike, monkeypatch)


def test_the_newest_of_several_changes_wins_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    hold_promises(ChangesOfOneChat, monkeypatch)


def hold_promises(machine: type[Runs], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_ATTEMPTS", 1)
    # Every action is an item of its own, as if it were long.
    monkeypatch.setattr(texts, "INLINE_BYTES", 0)
    spread_open_rows_less(monkeypatch)
    # To look for rarer failures: MODEL_EXAMPLES=400 MODEL_STEPS=30
    bounds = settings(
        max_examples=int(os.environ.get("MODEL_EXAMPLES", "20")),
        stateful_step_count=min(MAX_STEPS, int(os.environ.get("MODEL_STEPS", f"{STEPS}"))),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
