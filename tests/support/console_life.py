"""A stack in memory that lives: its schedules fire, its messages come when they are due, and its changes are published.

Only :meth:`LivingStack.live` lets time pass. The same life leads to the same stack.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, override

import httpx

from aichats.automations.missed import MissedSlots
from aichats.automations.row import AutomationRow
from aichats.aws.observability import metrics
from aichats.subscriptions.model import Subscription
from tests.support.automations import reconcile
from tests.support.budgets import BudgetedStack
from tests.support.delivery_bench import QUICK_URL, SLOW_URL, FakeReceivers, deliver_through
from tests.support.fakes import Json, Sent, page
from tests.support.ledgers import LEASE, Clock
from tests.support.stack_in_memory import GRACE, payment
from tests.support.streams import WatchedStream
from tests.support.waiting import turns
from tests.support.whop_in_memory import CHATS, WhopInMemory

type Act = Callable[[], object]

SWEEP = timedelta(minutes=10)
"""The time from a slot that was lost to the sweep that finds it."""


@dataclass
class Agenda:
    """The things that will happen, in the order of their times."""

    entries: list[tuple[datetime, int, Act]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def at(self, time: datetime, act: Act) -> None:
        """Let something happen at a time."""
        heapq.heappush(self.entries, (time, next(self.numbers), act))

    def take(self, until: datetime) -> tuple[datetime, Act] | None:
        """Return what happens first, if it happens by a time."""
        if not self.entries or self.entries[0][0] > until:
            return None
        time, _, act = heapq.heappop(self.entries)
        return time, act


class LivelyWhop(WhopInMemory):
    """Whop, whose chats have the times of the stack, and whose agents reply.

    Attributes:
        agenda: the replies that will come.
        replies_after: returns the time after which the agent of a chat replies, from the chat's number and the time of
            its creation; ``None``: it never does.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.agenda = Agenda()
        self.replies_after: Callable[[int, datetime], timedelta | None] = lambda _number, _now: None

    @override
    def do(self, request: httpx.Request) -> httpx.Response:
        if (request.method, request.url.path) == ("GET", CHATS):
            return self._list(request.url.params)
        return super().do(request)

    def _list(self, query: httpx.QueryParams) -> httpx.Response:
        """Return a page of the chats, newest first. A cursor is a position in the list."""
        chats = list(reversed(self.chats.values()))
        begin = int(query.get("after", 0))
        end = begin + int(query.get("first", len(chats)))
        return page(*chats[begin:end], end_cursor=str(end), has_next_page=end < len(chats))

    @override
    def _create(self, fields: Json) -> Json:
        now = self.clock().isoformat()
        activity = {"message_count": 1, "blended_token_usage": "0", "created_at": now, "updated_at": now}
        chat = super()._create(fields)
        chat |= activity | {"last_message_at": now}
        if (time := self.replies_after(len(self.chats), self.clock())) is not None:
            self.agenda.at(self.clock() + time, partial(self._reply, chat))
        return chat

    def _reply(self, chat: Json) -> None:
        """Let the agent of a chat reply."""
        tokens = str(1200 + 37 * len(self.chats) % 900)
        chat |= {"message_count": 2, "blended_token_usage": tokens, "last_message_at": self.clock().isoformat()}


class LivingStack(BudgetedStack):
    """A stack in which time passes.

    Attributes:
        whop: Whop.
        agenda: what will happen. :meth:`live` adds the slots of schedules and the messages of queues.
        lost: the automations and slots for which the schedule does not fire.
        receivers: the receivers of subscriptions.
    """

    whop: LivelyWhop

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.clock.now = now
        self.agenda = self.whop.agenda
        self.lost: set[tuple[str, datetime]] = set()
        self.receivers = FakeReceivers()
        self._use_clock()
        deliver_through(self.app, self.receivers)
        self._automation_changes = WatchedStream(self.app.automation_table.table, "Automations")

    @override
    def make_whop(self) -> LivelyWhop:
        return LivelyWhop(self.clock)

    def _use_clock(self) -> None:
        """Let the parts that read the time of the machine read that of the stack, and let no wait be random."""
        app = self.app
        app.secrets.clock = lambda: self.clock().timestamp()
        app.queue.clock = self.clock
        performer = replace(app.dispatcher.performer, randomness=random.Random(1))
        app.dispatcher = replace(app.dispatcher, performer=performer, queue=app.queue)
        app.missed_slots = MissedSlots(
            app.automation_table, app.ledger, app.dispatcher, app.run_factory, GRACE, self.clock
        )

    # ------------------------------------------------------------------ what people do

    def subscribe(self, name: str, **definition: Any) -> None:
        """Create a subscription."""
        self.app.subscriptions.put(name, Subscription.model_validate(definition), by="ops")

    def event(self, type_: str, number: int, **data: Any) -> None:
        """Deliver an event of Whop."""
        event = payment(id=f"evt_{number}", type=type_, timestamp=self.clock().isoformat(), data=data)
        self.handle(event, f"msg_{number}")

    # ------------------------------------------------------------------ time

    def live(self, until: datetime) -> None:
        """Let everything happen that is due until a time."""
        for row in self.app.automation_table.list():
            self._plan_slots(row, until)
        self._settle()
        turn = turns(20_000)
        while (entry := self.agenda.take(until)) is not None:
            next(turn)
            time, act = entry
            self.clock.now = max(self.clock.now, time)
            act()
            self._settle()
        self.clock.now = until

    @override
    def sweep(self) -> int:
        """Do what the sweep does with slots and schedules. Return the number of missed runs."""
        missed = super().sweep()
        reconcile(self.app.automations)
        return missed

    @override
    def work(self) -> None:
        """Handle the messages that are due now."""
        self.live(self.clock.now)

    def _plan_slots(self, row: AutomationRow, until: datetime) -> None:
        if row.schedule is None or not row.schedule.enabled or row.state == "done":
            return
        for slot in row.unpaused_slots(self.clock.now):
            if slot > until:
                return
            if (row.name, slot) in self.lost:
                self.agenda.at(slot + SWEEP, self.sweep)
            else:
                self.agenda.at(slot, partial(self.tick, slot, row.name))

    def _settle(self) -> None:
        """Publish the changes, and plan the messages that were sent."""
        self.publish()
        # No invocation ends here that would write the metrics.
        metrics.clear_metrics()
        if records := self._automation_changes.take():
            replace(self.app.publisher, client=lambda: self.bus).handle(records)
        for sent in self.sqs.sent:
            self.agenda.at(self.clock.now + timedelta(seconds=sent.delay), partial(self._handle, sent))
        self.sqs.sent.clear()

    def _handle(self, sent: Sent) -> None:
        """Deliver a message to its function."""
        records = [{"messageId": "1", "body": sent.body}]
        if sent.queue in (QUICK_URL, SLOW_URL):
            self.app.outgoing.messages.handle(records)
        else:
            self.app.messages.handle(records, LEASE)
