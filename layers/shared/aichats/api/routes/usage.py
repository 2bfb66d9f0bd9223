"""``/usage``: the runs, replies and tokens of days."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field

from aichats.api.operation import ApiCall, Reply, operation
from aichats.errors import InputError
from aichats.models import Request
from aichats.runs.ledger.rows import EndStatus

if TYPE_CHECKING:
    from aichats.events.usage_reads import Usage

type UsageKey = Literal["automation", "target", "day"]
MAX_DAYS = 92
DEFAULT_DAYS = 30
"""The number of days if neither ``since`` nor ``until`` is given."""


def _date(value: object) -> object:
    """Return the text of a query as a date. pydantic would accept a number of seconds."""
    problem = "must be a date such as 2026-11-30"
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError(problem)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(problem) from None


type Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(3000, 1, 1)), BeforeValidator(_date)]


class GetUsage(Request):
    """The days, the groups and the filter."""

    since: Annotated[Day | None, Field(description="The first UTC day; by default 29 days before `until`")] = None
    until: Annotated[Day | None, Field(description="The last UTC day; by default today")] = None
    by: Annotated[UsageKey, Field(description="The key of the groups")] = "automation"
    automation: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None,
        Field(description="The only automation to count"),
    ] = None

    def days(self, today: date) -> list[date]:
        """Return the days, oldest first.

        Raises:
            InputError: there are none, or too many.
        """
        until = self.until or max(today, self.since or today)
        since = self.since or until - timedelta(days=DEFAULT_DAYS - 1)
        number = (until - since).days + 1
        if not 1 <= number <= MAX_DAYS:
            raise InputError([("since", f"must not be after until, and the days must be at most {MAX_DAYS}")])
        return [since + timedelta(days=index) for index in range(number)]


class RunCounts(BaseModel):
    """The number of ended runs by status. A run counts on the day of its creation, with its newest status."""

    total: int
    succeeded: int
    failed: int
    unknown: int
    missed: int
    skipped: int
    cancelled: int


class UsageTotal(BaseModel):
    """The runs of all groups."""

    runs: RunCounts
    replies: Annotated[int, Field(description="The runs whose agent has replied")]
    tokens: Annotated[str, Field(description="The tokens of their chats, as a decimal number", examples=["1234.5"])]


class AutomationUsage(UsageTotal):
    """The runs of an automation."""

    automation: Annotated[str | None, Field(description="Null: the runs that API clients started")]


class TargetUsage(UsageTotal):
    """The runs for a target."""

    target: Annotated[str | None, Field(description="A company, a chat or an agent; null: runs without one")]


class DayUsage(UsageTotal):
    """The runs that were created on a UTC day."""

    day: date


class UsageReport(BaseModel):
    """The usage of a span of days."""

    since: Annotated[date, Field(description="The first UTC day")]
    until: Annotated[date, Field(description="The last UTC day")]
    by: UsageKey
    data: list[AutomationUsage] | list[TargetUsage] | list[DayUsage]
    total: UsageTotal


_VIEWS: dict[str, type[UsageTotal]] = {"automation": AutomationUsage, "target": TargetUsage, "day": DayUsage}


@operation(
    "GET",
    "/usage",
    "Get the usage",
    scopes=("runs:read",),
    query=GetUsage,
    answers={200: UsageReport},
    limited=True,
)
def get_usage(call: ApiCall[None, GetUsage]) -> Reply:
    """Return the runs by status, the replies and the tokens of up to 92 days, for each automation, target or day.

    Both days are included, in UTC. Numbers are a few seconds behind the runs, and are kept for 400 days. A run that is
    open does not count. With `by=day`, each day has a row. A client that is limited to companies gets only the runs for
    these companies.
    """
    from aichats.events.usage_reads import TooMuchUsageError, Usage, UsageQuery, UsageReads

    days, by = call.query.days(call.app.ledger.clock().date()), call.query.by
    query = UsageQuery(days, by, call.query.automation, call.limit.companies)
    try:
        groups = UsageReads(call.app.event_log.items).groups(query)
    except TooMuchUsageError as error:
        raise InputError([("since", f"{error}; ask for fewer days, for one automation, or with by=day")]) from None
    if by == "day":
        groups = {day.isoformat(): groups.get(day.isoformat(), Usage()) for day in days}
    total = Usage()
    for usage in groups.values():
        total.add(usage.numbers)
    data: Any = [_VIEWS[by](**{by: key}, **_numbers(groups[key])) for key in sorted(groups, key=lambda key: key or "")]
    return Reply(UsageReport(since=days[0], until=days[-1], by=by, data=data, total=UsageTotal(**_numbers(total))))


def _numbers(usage: "Usage") -> dict[str, Any]:
    runs = {status: usage.get(status) for status in get_args(EndStatus)}
    tokens = format(Decimal(usage.get("tokens")), "f")
    return {"runs": {"total": sum(runs.values()), **runs}, "replies": usage.get("replies"), "tokens": tokens}
