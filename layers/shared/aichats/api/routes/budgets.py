"""``/budgets``: what is used of the budgets of the stack and of automations."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Literal

from pydantic import Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.automations.definition_models import Name
from aichats.frozen import frozen
from aichats.json_types import Json
from aichats.models import DeferredModel, Request, WholeNumber
from aichats.runs.ledger.budget_counters import STACK_OWNER, BudgetCounter
from aichats.schedules.pauses import BY_BUDGET, Pauses
from aichats.schedules.periods import Per, Period


class ListBudgets(Request, defer_build=True):
    """The page."""

    limit: Annotated[int, Field(ge=1, le=1000, description="The maximum number of automations"), WholeNumber] = 1000
    cursor: Annotated[Name | None, Field(description="The `next_cursor` of the page before")] = None


class BudgetUse(DeferredModel):
    """A limit, and what is used of it. Both are whole numbers."""

    limit: int
    used: Annotated[int, Field(description="The number that is used, rounded down. It can exceed the limit")]


class BudgetView(DeferredModel):
    """A budget in the current period."""

    automation: Annotated[str | None, Field(description="The automation; null for the budget of the stack")]
    per: Per
    since: Annotated[datetime, Field(description="The first time of the period")]
    until: Annotated[datetime, Field(description="The time at which the budget renews")]
    runs: Annotated[BudgetUse | None, Field(description="Null: the runs have no limit")]
    tokens: Annotated[BudgetUse | None, Field(description="Null: the tokens have no limit")]
    state: Annotated[
        Literal["available", "used_up", "lifted"],
        Field(description="`lifted`: an API client resumed, so there is no limit until the budget renews"),
    ]
    paused_until: Annotated[
        datetime | None, Field(description="The end of the pause because the budget is used up; null if there is none")
    ]


class BudgetPage(DeferredModel):
    """A page of budgets, sorted by automation. The first page begins with the budget of the stack, if it has one."""

    data: list[BudgetView]
    next_cursor: Annotated[str | None, Field(description="The `cursor` of the next page; null on the last page")]


@frozen
class BudgetOwner:
    """The stack or an automation, with its budget and its pauses.

    Attributes:
        automation: the name of the automation; ``None`` for the stack.
        limits: the limits of ``runs`` and ``tokens``; a kind without a limit is missing.
    """

    automation: str | None
    limits: Mapping[str, int]
    period: Period
    pauses: Pauses

    def view(self, counter: Json, now: datetime) -> BudgetView:
        """Return the budget as API clients see it. ``counter`` has what is used."""
        uses = {kind: BudgetUse(limit=limit, used=int(counter.get(kind, 0))) for kind, limit in self.limits.items()}
        is_used_up = any(use.used >= use.limit for use in uses.values())
        is_lifted = self.period.is_lifted(self.pauses)
        pauses = [window.until for window in self.pauses.windows if window.by == BY_BUDGET and window.has(now)]
        return BudgetView(
            automation=self.automation,
            per=self.period.per,
            since=self.period.begins,
            until=self.period.ends,
            runs=uses.get("runs"),
            tokens=uses.get("tokens"),
            state="lifted" if is_lifted else "used_up" if is_used_up else "available",
            paused_until=next(iter(pauses), None),
        )


@operation(
    "GET",
    "/budgets",
    "List the budgets",
    scopes=("runs:read",),
    query=ListBudgets,
    answers={200: BudgetPage},
    limited=True,
)
def list_budgets(call: ApiCall[None, ListBudgets]) -> Reply:
    """Return the budgets of the stack and of automations, with what is used in the current day or month.

    The tokens, and the runs of the stack, are a few seconds behind. A client that is limited to companies gets only the
    budgets of its own automations.
    """
    now, items = call.app.ledger.clock(), call.app.ledger.items
    automations = _automations(call, now)
    page = list(islice(automations, call.query.limit))
    next_cursor = page[-1].automation if next(automations, None) else None
    owners = page if call.query.cursor else [*_stack(call, now), *page]
    keys = [BudgetCounter(items, owner.automation or STACK_OWNER, owner.period).key for owner in owners]
    counters = {item["run_id"]: item for item in items.get_all(keys)}
    data = [owner.view(counters.get(key, {}), now) for owner, key in zip(owners, keys, strict=True)]
    return Reply(BudgetPage(data=data, next_cursor=next_cursor))


def _stack(call: ApiCall[None, ListBudgets], now: datetime) -> Iterator[BudgetOwner]:
    """Yield the stack if it has a budget and the caller has no limit."""
    budget = call.app.budget_events.stack_budget
    if budget.limits and call.limit.companies is None:
        yield BudgetOwner(None, budget.limits, Period.at(now, budget.per), call.app.stack_pause.pauses(now))


def _automations(call: ApiCall[None, ListBudgets], now: datetime) -> Iterator[BudgetOwner]:
    """Yield the automations of the caller that have a budget, from the cursor on."""
    for row in call.app.automation_table.list():
        budget = row.automation.budget
        if budget is None or row.name <= (call.query.cursor or "") or not call.limit.has_automation(row):
            continue
        limits = {kind: limit for kind, limit in (("runs", budget.runs), ("tokens", budget.tokens)) if limit}
        yield BudgetOwner(row.name, limits, Period.at(now, budget.per), row.pauses)
