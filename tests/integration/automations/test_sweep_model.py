"""The runs of every slot are performed once or stored as missed, despite lost, late and duplicate events and crashes.

Hypothesis picks the slots that fire and how, the times of sweeps, the crashes, and the changes of the automation.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aichats.automations.row import MAX_UNCONFIRMED_SLOTS, AutomationRow
from aichats.aws.errors import NoResponseError
from aichats.runs.ledger.rows import Row
from aichats.runs.model import slot_text
from aichats.runs.queue import QueueError
from aichats.runs.stack_pause import READ_EVERY, StackPause
from aichats.runs.stranded import GIVEN_UP
from aichats.schedules.pauses import MAX_WINDOWS, Pauses, PauseWindow
from tests.support.automations import scheduled
from tests.support.crashing import Crash, Plan, World
from tests.support.fakes import Json
from tests.support.ledgers import LEASE, NOON, Clock
from tests.support.stack_in_memory import GRACE, NAME, StackInMemory, slot_run

HOUR = timedelta(hours=1)
FAULTS = ["crash before", "crash after", "error before", "error after", "answer lost", "meanwhile"]
TARGETS = [["biz_A"], ["biz_B"], ["biz_A", "biz_B"], ["biz_A", "biz_B", "biz_C"]]
plans: st.SearchStrategy[Plan] = st.just({}) | st.builds(
    lambda call, fault: {call: fault}, st.integers(0, 7), st.sampled_from(FAULTS)
)
scopes = st.sampled_from(["automation", "stack"])
begins = st.sampled_from([0, 0, 30, 90])
"""The minutes until a pause begins."""
lengths = st.sampled_from([None, 20, 60, 150])
others = st.sampled_from(["sweep", "put"])
"""The event in the middle of a change of the pauses."""
ROUNDS = 12 * 26
"""The sweeps after which every run has ended."""

type Change = Callable[[Pauses], Pauses]


class Slots(RuleBasedStateMachine):
    """State machine with an automation that fires every hour, in a stack with faults.

    Attributes:
        versions: the targets that the automation has had, each with the time of the change.
        due: the slots that must end as performed or missed.
        lost: slots whose events failed and will be delivered again.
        fired: the slots for which an event was delivered.
        taken: the slots whose event was accepted, so that they must be performed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Clock(), timedelta(minutes=2))
        self.stack = StackInMemory(self.world)
        self.world.meanwhile = self.stack.sweep
        self.clock = self.stack.clock
        self.next = NOON + HOUR
        self.due: set[datetime] = set()
        self.lost: list[datetime] = []
        self.fired: set[datetime] = set()
        self.taken: set[datetime] = set()
        self.then, self.enabled, self.ever_run = "skip", True, False
        self.versions: list[tuple[datetime, list[str]]] = []
        self._write(["biz_A"])

    # ------------------------------------------------------------------ what happens

    @rule(how=st.sampled_from(["fires", "twice", "late", "suppressed"]), plan=plans)
    def a_slot_comes(self, how: str, plan: Plan) -> None:
        slot = self.next
        self._pass_to(slot)
        if not self.enabled or how == "suppressed":
            return
        if how == "late":
            self.lost.append(slot)
            return
        self._fires(slot, plan)
        if how == "twice":
            self._fires(slot, {})

    @rule(number=st.integers(0, 5), plan=plans)
    def an_event_comes_late(self, number: int, plan: Plan) -> None:
        if self.lost:
            self._fires(self.lost.pop(number % len(self.lost)), plan)

    @rule(number=st.integers(0, 5), plan=plans)
    def an_event_comes_again(self, number: int, plan: Plan) -> None:
        if self.fired:
            self._fires(sorted(self.fired)[number % len(self.fired)], plan)

    @rule(plan=plans, minutes=st.sampled_from([0, 5, 66]))
    def a_sweep_comes(self, plan: Plan, minutes: int) -> None:
        self._pass_to(self.clock.now + timedelta(minutes=minutes))
        self._meets(plan, self.stack.sweep)
        self._meets({}, self.stack.app.stranded_runs.resume)

    @rule(plan=plans)
    def messages_are_delivered(self, plan: Plan) -> None:
        messages = list(self.stack.sqs.sent)
        self.stack.sqs.sent.clear()
        self._pass_to(self.clock.now + timedelta(seconds=max((message.delay for message in messages), default=0)))
        for message in messages:
            perform = partial(self.stack.app.dispatcher.perform, message.run_id, LEASE)
            if not self._meets(plan, perform):
                self.stack.sqs.sent.append(message)
            plan = {}

    @rule(minutes=st.sampled_from([1, 5, 6, 20, 150]))
    def time_passes(self, minutes: int) -> None:
        self._pass_to(self.clock.now + timedelta(minutes=minutes))

    @rule(whom=st.sampled_from(TARGETS), then=st.sampled_from(["skip", "run"]))
    def its_owner_changes_it(self, whom: list[str], then: str) -> None:
        self.then = then
        self._write(whom)

    @rule(enabled=st.sampled_from([True, True, False]))
    def its_owner_switches_it_on_or_off(self, *, enabled: bool) -> None:
        if enabled == self.enabled:
            return
        self.enabled = enabled
        checked_until = self.stack.row().checked_until
        dropped = sorted(slot for slot in self.due if slot > checked_until)
        self.due.difference_update(dropped)
        row = self._write(self.versions[-1][1])
        self._compare_unconfirmed(list(row.unconfirmed_slots), dropped)

    def _compare_unconfirmed(self, unconfirmed: list[datetime], dropped: list[datetime]) -> None:
        """Check the slots that aichats had not checked before the automation was switched off."""
        assert unconfirmed == dropped[:MAX_UNCONFIRMED_SLOTS]

    def _is_paused(self, _slot: datetime) -> bool:
        """Return whether a slot is in a pause."""
        return False

    def _write(self, targets: list[str]) -> AutomationRow:
        self.clock.forward(seconds=1)
        self.ever_run |= self.then == "run"
        definition: Json = scheduled("cron(0 * * * ? *)", enabled=self.enabled)
        row = self.stack.put(definition | {"targets": targets, "missed": self.then})
        self.versions.append((self.clock.now, targets))
        return row

    def _pass_to(self, now: datetime) -> None:
        while self.next <= now:
            if self.enabled and not self._is_paused(self.next):
                self.due.add(self.next)
            self.next += HOUR
        self.clock.now = max(self.clock.now, now)

    def _fires(self, slot: datetime, plan: Plan) -> None:
        """Deliver an event. Lambda retries it later if the function dies."""
        self.fired.add(slot)
        if not self._meets(plan, lambda: self.stack.tick(slot)):
            self.lost.append(slot)
        elif self.enabled and not self._is_paused(slot):
            self.taken.add(slot)

    def _meets(self, plan: Plan, act: Callable[[], object]) -> bool:
        """Return whether a process ends normally."""
        with self.world.process(plan), suppress(Crash, NoResponseError, QueueError):
            act()
            return True
        return False

    # ------------------------------------------------------------------ what is held

    @invariant()
    def nothing_happens_twice_or_unasked(self) -> None:
        requests = [request for request in self.stack.whop.requests if request.method == "POST"]
        created = Counter(request.headers["idempotency-key"].partition(".")[0] for request in requests)
        assert max(created.values(), default=0) <= 1, "a run made two chats"
        for row in self.stack.runs:
            assert (row.status == "succeeded") <= (created[str(row.key_base)] == 1)
            assert (row.status == "missed") <= (created[str(row.key_base)] == 0)
            assert not self._is_paused(datetime.fromisoformat(str(row.run.slot))), "a slot in a pause was run or missed"
            came = self.ever_run or row.run.slot in {slot_text(slot) for slot in self.fired}
            assert (row.status == "missed") or came, "a slot was run that nobody asked for"

    def teardown(self) -> None:
        """Check that soon after the last fault every slot is performed or missed."""
        for slot in self.lost:
            self._fires(slot, {})
        for _ in range(4):
            self.a_sweep_comes({}, minutes=5)
            self.messages_are_delivered({})
        self.nothing_happens_twice_or_unasked()
        status = {row.run.run_id: self._end_of(row) for row in self.stack.runs}
        assert set(status.values()) <= {"succeeded", "missed"}
        looked_at = {slot for slot in self.due if slot <= self.clock.now - GRACE}
        for slot in looked_at | self.taken:
            of_each = [{status.get(slot_run(slot, target)) for target in targets} for targets in self._had(slot)]
            allowed = {"succeeded"} if slot in self.taken else {"succeeded", "missed"}
            assert any(statuses <= allowed for statuses in of_each), f"the slot {slot} was neither performed nor missed"

    def _end_of(self, row: Row) -> str:
        return row.status

    def _had(self, slot: datetime) -> list[list[str]]:
        """Return the targets that the automation had at a slot, and since then."""
        before = [targets for since, targets in self.versions if since <= slot]
        return [*before[-1:], *(targets for since, targets in self.versions if since > slot)]


class PausedSlots(Slots):
    """The same automation, which people pause and resume, alone or with the whole stack.

    Attributes:
        pauses: the pauses that must be stored, of the automation and of the stack.
    """

    def __init__(self) -> None:
        self.pauses = {"automation": Pauses(), "stack": Pauses()}
        super().__init__()

    @rule(scope=scopes, begin=begins, length=lengths, plan=plans, meanwhile=others)
    def it_is_paused(self, scope: str, begin: int, length: int | None, plan: Plan, meanwhile: str) -> None:
        now = self.clock.forward(seconds=1)
        if len(self.pauses[scope].after(now)) >= MAX_WINDOWS:
            return
        first = now + timedelta(minutes=begin)
        window = PauseWindow(first, None if length is None else first + timedelta(minutes=length), "ops", now)
        self._changes(scope, lambda pauses: pauses.add(window, now), plan, meanwhile)

    @rule(scope=scopes, plan=plans, meanwhile=others)
    def it_is_resumed(self, scope: str, plan: Plan, meanwhile: str) -> None:
        now = self.clock.forward(seconds=1)
        self._changes(scope, lambda pauses: pauses.resumed(now, "ops"), plan, meanwhile)

    @rule(scope=scopes, number=st.integers(0, 5), plan=plans)
    def a_pause_is_removed(self, scope: str, number: int, plan: Plan) -> None:
        now = self.clock.forward(seconds=1)
        if windows := self.pauses[scope].after(now):
            begin = windows[number % len(windows)].begins
            self._changes(scope, lambda pauses: pauses.without(begin, now, "ops"), plan, "sweep")

    @rule(call=st.integers(0, 7), scope=scopes)
    def a_sweep_comes_and_it_is_resumed_meanwhile(self, call: int, scope: str) -> None:
        now = self.clock.forward(seconds=1)
        self.world.meanwhile = partial(self._change, scope, lambda pauses: pauses.resumed(now, "ops"))
        self._meets({call: "meanwhile"}, self.stack.sweep)
        self._learn(scope)

    @rule(call=st.integers(0, 7), scope=scopes)
    def a_slot_comes_and_it_is_paused_meanwhile(self, call: int, scope: str) -> None:
        slot, paused = self.next, self._is_paused(self.next)
        self._pass_to(slot)
        if self.enabled and len(self.pauses[scope].after(slot)) < MAX_WINDOWS:
            # The event is handled while the clocks of all functions show the time of the slot.
            window = PauseWindow(slot + timedelta(seconds=1), None, "ops", slot)
            self.world.meanwhile = partial(self._change, scope, lambda pauses: pauses.add(window, slot))
            self._fires(slot, {call: "meanwhile"})
            self._learn(scope)
        assert self._is_paused(slot) == paused

    def _changes(self, scope: str, change: Change, plan: Plan, meanwhile: str) -> None:
        """Change pauses while something else may happen, and check that both are kept."""
        before = self.pauses[scope]
        self.world.meanwhile = partial(self._happens, meanwhile)
        ended = self._meets(plan, partial(self._change, scope, change))
        assert self._stored(scope) in [change(before), *([] if ended else [before])]
        self._learn(scope)

    def _happens(self, what: str) -> None:
        if what == "put":
            self._write(self.versions[-1][1])
        else:
            self.stack.sweep()

    def _change(self, scope: str, change: Change) -> None:
        if scope == "stack":
            # The HTTP API is another process, with a cache of its own.
            StackPause(self.stack.app.ledger.items).change(change, self.clock.now)
        else:
            self.stack.app.automation_table.change_pauses(NAME, lambda row: change(row.pauses))

    def _stored(self, scope: str) -> Pauses:
        return self.stack.app.stack_pause.read() if scope == "stack" else self.stack.row().pauses

    def _learn(self, scope: str) -> None:
        """Note what is stored now, and let time pass until all processes know it."""
        self.world.meanwhile = self.stack.sweep
        self.pauses[scope] = self._stored(scope)
        self._pass_to(self.clock.now + READ_EVERY)
        self.stack.app.stack_pause.current(self.clock.now)

    def _is_paused(self, slot: datetime) -> bool:
        return any(pauses.at(slot) for pauses in self.pauses.values())

    def _compare_unconfirmed(self, unconfirmed: list[datetime], dropped: list[datetime]) -> None:
        # The automation's row does not know the pauses of the stack, which PUT leaves out.
        assert set(dropped[:1]) <= set(unconfirmed)
        assert {slot for slot in unconfirmed if not self._is_paused(slot)} <= set(dropped)

    def _end_of(self, row: Row) -> str:
        """Return the end of a run. If the stack is paused for more than a day, a run that waits may be given up."""
        is_given_up = row.status == "failed" and (row.error or {}).get("type") == GIVEN_UP["type"]
        return "succeeded" if is_given_up and self.pauses["stack"].windows else row.status

    def teardown(self) -> None:
        """End all pauses, let everything that waited go on, and check the same."""
        for scope in self.pauses:
            self._changes(scope, partial(ended_pauses, now=self.clock.forward(seconds=1)), {}, "sweep")
        for _ in range(ROUNDS):
            if not any(row.is_open for row in self.stack.runs):
                break
            self.a_sweep_comes({}, minutes=5)
            self.messages_are_delivered({})
        super().teardown()


def ended_pauses(pauses: Pauses, now: datetime) -> Pauses:
    """Return pauses of which none is effective or planned."""
    return Pauses(tuple(window for window in pauses.resumed(now, "ops").windows if window.end <= now))


def test_every_slot_is_performed_once_or_stored_as_missed() -> None:
    hold(Slots)


def test_a_slot_in_a_pause_is_neither_performed_nor_missed_and_every_other_is() -> None:
    hold(PausedSlots)


def hold(machine: type[Slots]) -> None:
    bounds = settings(
        max_examples=int(os.environ.get("MODEL_EXAMPLES", "50")),
        stateful_step_count=int(os.environ.get("MODEL_STEPS", "15")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=bounds)
