"""The budgets in the stream of runs: counts tokens and the stack's runs, and notices budgets that are used up.

A run's tokens are known after the agent has replied, so they are counted here: in the transaction that stores the run's
event, which happens once. The counters are items of the same table, so each change of a counter arrives here too.
If a counter passes 80 or 100 percent of a limit, that is an event. At 100 percent, the automation or the stack is
paused until the period ends.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from aichats.automations.row import AutomationRow
from aichats.automations.table import AutomationTable
from aichats.aws.observability import count_now, logger
from aichats.aws.transactions import Addition
from aichats.errors import UnreadableError
from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.budget_counters import STACK_OWNER, BudgetCounter
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.stack_pause import StackPause
from aichats.schedules.pauses import Pauses
from aichats.schedules.periods import BY_BUDGET, Per, Period

PERCENTS = (80, 100)
"""The parts of a limit at which there is an event. The last one pauses."""
PERFORMED = ("succeeded", "failed", "unknown")
"""The ends of runs that count for the budget of the stack."""
KINDS = ("runs", "tokens")


@dataclass(frozen=True)
class StackBudget:
    """The budget of the stack: the maximum of all runs in each day or month, whatever starts them.

    Attributes:
        limits: the limits of ``runs`` and ``tokens``; a kind without a limit is missing.
    """

    limits: Mapping[str, int]
    per: Per


@dataclass(frozen=True)
class Crossing:
    """A counter that has passed a part of a limit."""

    kind: str
    percent: int
    used: int | Decimal
    limit: int


@dataclass(frozen=True)
class BudgetEvents:
    """Counts for budgets, and returns the events of their counters.

    Args:
        stack: the name of the stack.
        stack_budget: the budget of the stack.
        automations: the table of automations.
        stack_pause: the pause of the stack, which is in the table of runs.
        clock: returns the current time.
    """

    stack: str
    stack_budget: StackBudget
    automations: AutomationTable
    stack_pause: StackPause
    clock: Callable[[], datetime]

    # ------------------------------------------------------------------ runs

    def counting(self, entries: Callable[[ItemChange], list[Entry]]) -> Callable[[ItemChange], list[Entry]]:
        """Return a function that adds the additions to counters of budgets to the entries of a run's change."""

        def with_additions(change: ItemChange) -> list[Entry]:
            found = entries(change)
            additions = tuple(self._additions(change)) if found else ()
            if not additions:
                return found
            first, *others = found
            return [replace(first, additions=(*first.additions, *additions)), *others]

        return with_additions

    def _additions(self, change: ItemChange) -> Iterator[Addition]:
        """Yield the additions of a run that has ended, or whose agent has replied."""
        amounts = {"runs": _performed(change), "tokens": _tokens(change)}
        if not any(amounts.values()):
            return
        # The time of a reply is by the clock of the provider, which may be wrong.
        time = min(_time_of(change), self.clock())
        budget = change.new.get("budget", {})
        if amounts["tokens"] and budget.get("tokens"):
            counter = self._counter(change.new["automation"], time, budget["per"])
            yield counter.addition({"tokens": amounts["tokens"]}, {"tokens": budget["tokens"]}, time)
        if self.stack_budget.limits:
            counter = self._counter(STACK_OWNER, time, self.stack_budget.per)
            yield counter.addition(amounts, self.stack_budget.limits, time)

    def _counter(self, owner: str, time: datetime, per: Per) -> BudgetCounter:
        return BudgetCounter(self.stack_pause.items, owner, Period.at(time, per))

    # ------------------------------------------------------------------ counters

    def entries(self, change: ItemChange) -> list[Entry]:
        """Return the entries of a counter's change. If a limit is reached, pause the automation or the stack first.

        Raises:
            ClientError: the pause could not be stored now.
        """
        counter = BudgetCounter.of_key(self.stack_pause.items, change.key)
        crossings = list(_crossings(change))
        for crossing in crossings:
            if crossing.percent == PERCENTS[-1]:
                self._reached(counter, crossing)
        return [Entry.of(self._event(change, counter, crossing)) for crossing in crossings]

    def _event(self, change: ItemChange, counter: BudgetCounter, crossing: Crossing) -> SentEvent:
        is_stack, period = counter.owner == STACK_OWNER, counter.period
        data = {
            "automation": None if is_stack else counter.owner,
            "scope": "stack" if is_stack else "automation",
            "kind": crossing.kind,
            "percent": crossing.percent,
            "used": int(crossing.used),
            "limit": crossing.limit,
            "per": period.per,
            "period": period.name,
            "renews_at": to_text(period.ends),
        }
        table, unique = self.stack_pause.items.name, f"{crossing.kind} {crossing.percent} {crossing.limit}"
        time = from_text(change.new["updated_at"])
        return SentEvent(
            event_id(table, change.key, "budget.reached", unique), "budget.reached", time, self.stack, data
        )

    def _reached(self, counter: BudgetCounter, crossing: Crossing) -> None:
        """Log and count a limit that is reached, and pause until the period ends."""
        count_now("BudgetsReached")
        owner = None if counter.owner == STACK_OWNER else counter.owner
        fields = {"automation": owner, "limit": crossing.limit, "kind": crossing.kind, "period": counter.period.name}
        logger.warning("budget used up", extra=fields)
        now = self.clock()
        if owner is None:
            self.stack_pause.change(lambda pauses: self._stack_paused(pauses, counter.period, crossing, now), now)
            return
        try:
            self.automations.change_pauses(owner, lambda row: _paused(row, counter.period, crossing, now), by=BY_BUDGET)
        except UnreadableError:
            logger.exception("automation not paused", extra={"automation": owner})

    def _stack_paused(self, pauses: Pauses, period: Period, crossing: Crossing, now: datetime) -> Pauses:
        limit, per = self.stack_budget.limits.get(crossing.kind), self.stack_budget.per
        return period.paused(pauses, now) if _is_used_up(crossing, limit) and period.per == per else pauses


def _paused(row: AutomationRow, period: Period, crossing: Crossing, now: datetime) -> Pauses:
    """Return the pauses of an automation whose counter has reached a limit.

    The automation's current budget counts, because its limit may have been raised meanwhile.
    """
    budget = row.automation.budget
    if budget is None or budget.per != period.per or not _is_used_up(crossing, budget.stored.get(crossing.kind)):
        return row.pauses
    return period.paused(row.pauses, now)


def _is_used_up(crossing: Crossing, limit: int | None) -> bool:
    return limit is not None and crossing.used >= limit


def _crossings(change: ItemChange) -> Iterator[Crossing]:
    """Yield the parts of limits that a counter has passed. A limit that was changed may be passed again."""
    old, new = change.old, change.new
    for kind in KINDS:
        name = f"limit_{kind}"
        limit, used, before = new.get(name, 0), new.get(kind, 0), old.get(kind, 0)
        for percent in PERCENTS if limit else ():
            bound = limit * percent
            is_new = old.get(name) != limit or before * 100 < bound
            if used * 100 >= bound and is_new:
                yield Crossing(kind, percent, used, limit)


def _time_of(change: ItemChange) -> datetime:
    """Return the time of an ended run's end or reply, whichever is later."""
    return max(from_text(change.new[name]) for name in ("finished_at", "replied_at") if name in change.new)


def _performed(change: ItemChange) -> int:
    """Return 1 if a run has ended that was performed; otherwise 0."""
    new, old = change.new, change.old
    has_ended = "finished_at" in new and new["finished_at"] != old.get("finished_at")
    return int(has_ended and new.get("ended") in PERFORMED and not new.get("unrendered"))


def _tokens(change: ItemChange) -> int | Decimal:
    """Return the tokens of a reply that has come."""
    new, old = change.new, change.old
    has_come = "replied_at" in new and new["replied_at"] != old.get("replied_at")
    tokens: int | Decimal = new.get("tokens", 0) if has_come else 0
    return tokens
