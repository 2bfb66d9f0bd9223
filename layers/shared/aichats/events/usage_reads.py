"""Reads usage: the counters of days, summed up for each automation, target or day."""

import contextvars
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, get_args

from aichats.aws.table import Table
from aichats.errors import AichatsError
from aichats.frozen import frozen
from aichats.http.deadline import remaining
from aichats.json_types import Json
from aichats.runs.ledger.rows import EndStatus

MAX_GROUPS = 10_000
"""The maximum number of groups in an answer. Lambda's limit for a response is 6 MB."""
READERS = 10
"""The number of days that are read at the same time: a client of AWS keeps 10 connections, and closes those above."""
RESERVED_FOR_ANSWER = 3.0
"""The seconds that are reserved to add up the counters and to write the answer."""
NUMBERS = (*get_args(EndStatus), "replies", "tokens")


class TooMuchUsageError(AichatsError):
    """There are too many counters for one answer."""


@dataclass
class Usage:
    """The sum of counters.

    Attributes:
        numbers: the runs by status, the replies and the tokens.
    """

    numbers: dict[str, int | Decimal] = field(default_factory=lambda: dict.fromkeys(NUMBERS, 0))

    def add(self, counter: Json) -> None:
        """Add the numbers of a counter or of another sum. Those of newer versions are ignored."""
        for name in NUMBERS:
            self.numbers[name] += counter.get(name, 0)

    def get(self, name: str) -> int | Decimal:
        """Return a number. It is never negative.

        A run that ended before its stack counted usage is subtracted if it is replayed, although it was not counted.
        """
        return max(self.numbers[name], 0)


@frozen
class UsageQuery:
    """A question about usage.

    Attributes:
        days: the UTC days.
        by: the key of the groups.
        automation: the only automation to count; ``None``: all.
        companies: the only targets to count; ``None``: all.
    """

    days: Sequence[date]
    by: Literal["automation", "target", "day"]
    automation: str | None = None
    companies: frozenset[str] | None = None


type Groups = dict[str | None, Usage]


@frozen
class UsageReads:
    """Reads counters from the table of events. Safe to share between threads."""

    items: Table

    def groups(self, query: UsageQuery) -> Groups:
        """Return the usage of each group. ``None`` is the group of the runs without an automation or a target.

        Raises:
            TooMuchUsageError: there are too many groups, or too many counters to read in time.
        """
        groups: Groups = {}
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            # Each thread runs in a copy of this context, which contains the deadline.
            days = [pool.submit(contextvars.copy_context().run, self._day, query, day) for day in query.days]
        for day in days:
            for key, usage in day.result().items():
                groups.setdefault(key, Usage()).add(usage.numbers)
        _check_number(groups)
        return groups

    def _day(self, query: UsageQuery, day: date) -> Groups:
        """Return the usage of each group on a day."""
        condition, values = "#pk = :pk", {"pk": f"usage#{day.isoformat()}"}
        if query.automation is not None:
            condition += " AND begins_with(#sk, :automation)"
            values["automation"] = f"{query.automation}#"
        groups: Groups = {}
        for counters, _ in self.items.query_pages(None, condition, values):
            for counter in counters:
                automation, _, target = counter["sk"].partition("#")
                if query.companies is None or target in query.companies:
                    keys = {"automation": automation or None, "target": target or None, "day": day.isoformat()}
                    groups.setdefault(keys[query.by], Usage()).add(counter)
            _check_number(groups)
            if remaining(default=math.inf) < RESERVED_FOR_ANSWER:
                raise TooMuchUsageError("there are too many counters to read in time")
        return groups


def _check_number(groups: Mapping[str | None, Usage]) -> None:
    if len(groups) > MAX_GROUPS:
        raise TooMuchUsageError(f"there are more than {MAX_GROUPS} groups")
