"""The budgets in the stream of runs: counts tokens and the stack's runs, and notices budgets that are used up.

A run's tokens are known after the agent has replied, so they are counted here: in the transaction that stores the run's
event, which happens once. The counters are items of the same table, so each change of a counter arrives here too.
If a counter passes 80 or 100 percent of a limit, that is an event. At 100 percent, the automation or the stack is
paused until the period ends.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from aichats.automations.row import AutomationRow
from aichats.automations.table import AutomationTable
from aichats.aws.observability import count_now, logger
from aichats.aws.transactions import Addition
from aichats.errors import UnreadableError
from aichats.events.log import Entry
from aichats.events.model import SentEvent, event_id
from aichats.frozen import frozen
from aichats.outbox.stream import ItemChange
from aichats.runs.ledger.budget_counters import STACK_OWNER, BudgetCounter
from aichats.runs.ledger.times import from_text, to_text
from aichats.runs.stack_pause import StackPause
from aichats.schedules.pauses import BY_BUDGET, Pauses
from aichats.schedules.periods import Per, Period

PERCENTS = (80, 100)
"""The parts of a limit at which there is an event. The last one pauses."""
PERFORMED = ("succeeded", "failed", "unknown")
"""The ends of runs that count for the budget of the stack."""
KINDS = ("runs", "tokens")


@frozen
class StackBudget:
    """The budget of the stack: the maximum of all runs in each day or month, whatever starts them.

    Attributes:
        limits: the limits of ``runs`` and ``tokens``; a kind without a limit is missing.
    """

    limits: Mapping[str, int]
    per: Per


@frozen
class Crossing:
    """A counter that has passed a part of a limit."""

    kind: str
    percent: int
    used: int | Decimal
    limit: int


@frozen
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
            AwsError: the pause could not be stored now.
        """
        counter = BudgetCounter.of_key(self.stack_pause.items, change.key)
        crossings = list(_crossings(change))
        # Later changes pause again, because an automation that is deleted and created again has lost its pause.
        for used_up in _used_up(change):
            if self._pause(counter, used_up) and used_up in crossings:
                _note_reached(counter, used_up)
        return [Entry.of(self._event(change, counter, crossing)) for crossing in crossings]

    def _event(self, change: ItemChange, counter: BudgetCounter, crossing: Crossing) -> SentEvent:
        automation, period = _automation_of(counter), counter.period
        data = {
            "automation": automation,
            "scope": "automation" if automation else "stack",
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

    def _pause(self, counter: BudgetCounter, used_up: Crossing) -> bool:
        """Pause until the period ends, unless the current limit has room. Return whether it has none."""
        now, period = self.clock(), counter.period
        try:
            if counter.owner != STACK_OWNER:
                change = partial(_paused, period=period, used_up=used_up, now=now)
                row = self.automations.change_pauses(counter.owner, change, by=BY_BUDGET)
                return row is not None and _is_used_up(row, period, used_up)
            limit = self.stack_budget.limits.get(used_up.kind) if self.stack_budget.per == period.per else None
            if limit is None or used_up.used < limit:
                return False
            self.stack_pause.change(lambda pauses: period.paused(pauses, now), now)
        except UnreadableError:
            logger.exception("not paused by budget", extra={"automation": _automation_of(counter)})
        return True


def _automation_of(counter: BudgetCounter) -> str | None:
    """Return the automation of a counter; ``None`` if it is the counter of the stack."""
    return None if counter.owner == STACK_OWNER else counter.owner


def _note_reached(counter: BudgetCounter, used_up: Crossing) -> None:
    """Log and count a limit that is reached."""
    count_now("BudgetsReached")
    fields = {"automation": _automation_of(counter), "period": counter.period.name}
    logger.warning("budget used up", extra={**fields, "limit": used_up.limit, "kind": used_up.kind})


def _paused(row: AutomationRow, period: Period, used_up: Crossing, now: datetime) -> Pauses:
    """Return the pauses of an automation whose counter has reached a limit."""
    return period.paused(row.pauses, now) if _is_used_up(row, period, used_up) else row.pauses


def _is_used_up(row: AutomationRow, period: Period, used_up: Crossing) -> bool:
    """Return whether the current budget of an automation has no room. It may have been raised meanwhile."""
    budget = row.automation.budget
    limit = budget.stored.get(used_up.kind) if budget is not None and budget.per == period.per else None
    return limit is not None and used_up.used >= limit


def _used_up(change: ItemChange) -> Iterator[Crossing]:
    """Yield the limits that a counter has reached, with this change or before it."""
    for kind in KINDS:
        limit, used = change.new.get(f"limit_{kind}", 0), change.new.get(kind, 0)
        if 0 < limit <= used:
            yield Crossing(kind, PERCENTS[-1], used, limit)


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
