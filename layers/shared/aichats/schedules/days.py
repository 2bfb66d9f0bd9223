"""The days of a month that a cron expression selects.

Days of the week have AWS's numbers, from 1 for Sunday to 7 for Saturday. Workdays are Monday to Friday.
"""

from abc import ABC, abstractmethod
from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import override

from aichats.frozen import frozen

_MONDAY, _FRIDAY = 2, 6


class Days(ABC):
    """A rule that selects days."""

    @abstractmethod
    def in_month(self, year: int, month: int) -> Sequence[int]:
        """Return the selected days of a month, ascending. There may be none."""


@frozen
class DaysOfMonth(Days):
    """`1,15`, `1-7`, `*`: days by their number. A month that is too short is skipped."""

    days: tuple[int, ...]

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        last = _last_day(year, month)
        return [day for day in self.days if day <= last]


@frozen
class LastDayOfMonth(Days):
    """`L`: the last day of each month."""

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        return [_last_day(year, month)]


@frozen
class LastWorkday(Days):
    """`LW`: the last workday of each month."""

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        return [_nearest_workday(year, month, _last_day(year, month))]


@frozen
class NearestWorkday(Days):
    """`15W`: the workday nearest to a day, in the same month. A month without that day is skipped."""

    day: int

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        return [_nearest_workday(year, month, self.day)] if self.day <= _last_day(year, month) else []


@frozen
class DaysOfWeek(Days):
    """`MON-FRI`, `1,7`, `*`: days of every week."""

    weekdays: tuple[int, ...]

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        days = range(1, _last_day(year, month) + 1)
        return [day for day in days if _weekday(year, month, day) in self.weekdays]


@frozen
class NthDayOfWeek(Days):
    """`2#1`: the n-th such day of the week in each month. A month without an n-th one is skipped."""

    weekday: int
    nth: int

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        return DaysOfWeek((self.weekday,)).in_month(year, month)[self.nth - 1 : self.nth]


@frozen
class LastDayOfWeek(Days):
    """`6L`: the last such day of the week in each month."""

    weekday: int

    @override
    def in_month(self, year: int, month: int) -> Sequence[int]:
        return DaysOfWeek((self.weekday,)).in_month(year, month)[-1:]


def _last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    return date(year, month, day).isoweekday() % 7 + 1


def _nearest_workday(year: int, month: int, day: int) -> int:
    weekday = _weekday(year, month, day)
    if weekday > _FRIDAY:
        return day - 1 if day > 1 else day + 2
    if weekday < _MONDAY:
        return day + 1 if day < _last_day(year, month) else day - 2
    return day
