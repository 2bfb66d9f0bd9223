"""The budgets of runs: an automation starts only as many runs a day or a month as its budget has.

A run is counted in the transaction that stores it, so a run that exists already is not counted again, and events that
come at once never start more runs than the budget has. The other runs are stored as ``skipped``. A budget of runs
counts only the runs that slots and events start, not the runs that a person starts or replays.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from aichats.automations.row import AutomationRow
from aichats.aws.observability import count, logger
from aichats.aws.transactions import Addition, Insertion, LimitExceededError, insert_once
from aichats.aws.writes import ConditionFailedError
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.runs.ledger.budget_counters import BudgetCounter
from aichats.runs.ledger.ledger import DueAt, Ledger
from aichats.runs.ledger.row_changes import KEEP_ENDED, ended_item
from aichats.runs.ledger.times import to_text
from aichats.runs.model import Run
from aichats.schedules.periods import Period

RUNS_AT_ONCE = 50
"""The maximum number of runs that are counted in one transaction."""


def add_within_budgets(ledger: Ledger, rows: Iterable[AutomationRow], runs: Sequence[Run], due_at: DueAt) -> list[Run]:
    """Write runs as pending as far as the budgets of their automations have room, and the other runs as ``skipped``.

    The other arguments and the result are those of :meth:`Ledger.add`.

    Args:
        ledger: the ledger.
        rows: the automations of the runs, as they are now.
        runs: the runs.
        due_at: returns the time at which a run is due, given its index.
    """
    budgets = {budget.row.name: budget for budget in (_run_budget(ledger, row) for row in rows) if budget}
    places: dict[str | None, list[int]] = {}
    for place, run in enumerate(runs):
        places.setdefault(run.automation if run.automation in budgets else None, []).append(place)
    opened: list[Run] = []
    for name, own in places.items():
        insert = None if name is None else budgets[name].insert
        opened += ledger.add([runs[place] for place in own], partial(_due_at, due_at, own), insert)
    return opened


def _due_at(due_at: DueAt, places: Sequence[int], index: int) -> datetime:
    return due_at(places[index])


def _run_budget(ledger: Ledger, row: AutomationRow) -> "_RunBudget | None":
    """Return the budget of an automation's runs now; ``None`` if it has none."""
    budget, now = row.automation.budget, ledger.clock()
    if budget is None or budget.runs is None:
        return None
    return _RunBudget(ledger, row, budget.runs, Period.at(now, budget.per), now)


@frozen
class _RunBudget:
    """The budget of an automation's runs in one period.

    Attributes:
        limit: the maximum number of runs.
        now: the current time.
    """

    ledger: Ledger
    row: AutomationRow
    limit: int
    period: Period
    now: datetime

    def insert(self, items: Sequence[Json]) -> list[Json | None]:
        """Write pending rows while there is room, and the others as skipped.

        Returns:
            For each row, the current item if it existed or was skipped; ``None`` if it was written as pending.
        """
        current: list[Json | None] = []
        room, counter = RUNS_AT_ONCE, dict[str, int]()
        while room > 0 and len(current) < len(items):
            batch = items[len(current) :][: min(room, RUNS_AT_ONCE)]
            try:
                current += insert_once([Insertion(self.ledger.items, item, [self._one_run]) for item in batch])
            except LimitExceededError as error:
                # The counter is empty if the batch alone is larger than the budget. The next batch is always smaller.
                counter = error.current
                room = min(self.limit - counter.get("runs", 0), len(batch) - 1)
        current = [self._count_if_missed(item) for item in current]
        return current + self._skip(items[len(current) :], counter)

    @property
    def _one_run(self) -> Addition:
        is_lifted = self.period.is_lifted(self.row.pauses)
        return self._counter.addition({"runs": 1}, {"runs": self.limit}, self.now, within=not is_lifted)

    @property
    def _counter(self) -> BudgetCounter:
        return BudgetCounter(self.ledger.items, self.row.name, self.period)

    def _count_if_missed(self, current: Json | None) -> Json | None:
        """Count a missed run whose event has come late, because the ledger opens it. Return its current item.

        If there is no room, return the item as if it was skipped, so that the ledger does not open it.
        """
        if current is None or current.get("status") != "missed":
            return current
        ttl = int((self.now + KEEP_ENDED).timestamp())
        mark = {"run_id": f"late:{current['run_id']}", "ttl": ttl}
        try:
            insert_once([Insertion(self.ledger.items, mark, [self._one_run])])
        except LimitExceededError:
            return {**current, "status": "skipped"}
        return current

    def _skip(self, items: Sequence[Json], counter: Json) -> list[Json | None]:
        """Write rows as skipped. Return the current item of each row."""
        if not items:
            return []
        error = {"type": "Skipped", "message": self._reason}
        skipped = [ended_item(item, "skipped", error, self.now) for item in items]
        existing = self.ledger.items.insert(skipped)
        number = existing.count(None)
        count("RunsSkipped", number)
        fields = {"automation": self.row.name, "runs": number, "reason": self._reason}
        logger.warning("runs skipped: the budget is used up", extra=fields)
        if counter.get("limit_runs") != self.limit:
            self._note_limit()
        return [new if old is None else old for new, old in zip(skipped, existing, strict=True)]

    def _note_limit(self) -> None:
        """Store the limit of the budget, which was lowered below what is used. So its pause begins now."""
        changes = {"limit_runs": self.limit, "updated_at": to_text(self.now)}
        with suppress(ConditionFailedError):
            self.ledger.items.update(self._counter.key, changes, "#limit_runs <> :limit_runs")

    @property
    def _reason(self) -> str:
        name, ends = self.row.name, to_text(self.period.ends)
        runs = "1 run" if self.limit == 1 else f"{self.limit} runs"
        return (
            f"automation {name} has used up its budget of {runs} per {self.period.per}, which renews at {ends}. "
            f"To run it before, raise the budget with PUT /automations/{name} or call POST /automations/{name}/resume"
        )
