"""Triggers as people type them: `--every weekday --at 08:30`, `--on "24 dec 9:00"`, `--event payment.failed`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aichats_cli.dates import DAYS, read_clock, read_future
from aichats_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, time

    from aichats_cli.models import ScheduleTrigger, WebhookTrigger

EVERY = "day, weekday, weekend, monday, mon,wed, mon-fri, month, 1st,15th, hour, 15m, 2h, 3d"
UNITS = {"m": "minute", "h": "hour", "d": "day"}
WEEK = {"day": DAYS, "weekday": DAYS[:5], "weekend": DAYS[5:]}
"""Words for several days of the week."""
SHORTEST_NAME = 3
LAST_DAY = 31


@dataclass(frozen=True)
class TypedTrigger:
    """The options that describe a trigger, as they were typed."""

    every: str | None = None
    at: Sequence[str] = ()
    on: str | None = None
    schedule: str | None = None
    events: Sequence[str] = ()
    filter: str | None = None

    def check(self) -> None:
        """Check that the options describe one trigger.

        Raises:
            UsageError: they describe none or several, or an option needs another one.
        """
        kinds = {"--every": self.every, "--on": self.on, "--schedule": self.schedule, "--event": self.events}
        given = [name for name, value in kinds.items() if value]
        if len(given) != 1:
            found = f"You wrote {' and '.join(given)}" if given else "Say when it runs"
            raise UsageError(
                f"{found}. Write one of --every, --on, --schedule and --event", "aichats auto create --help"
            )
        if self.filter and not self.events:
            raise UsageError("--filter selects events, so it needs --event")
        if self.at and not (self.every or self.on):
            raise UsageError(f"--at goes with --every or --on, not with {given[0]}")

    def trigger(self, now: datetime, timezone: str) -> ScheduleTrigger | WebhookTrigger:
        """Return the trigger as the API reads it.

        Args:
            now: the time, in the zone of the schedule.
            timezone: the name of this zone.

        Raises:
            UsageError: the options don't describe a trigger.
        """
        self.check()
        if self.events:
            webhook: WebhookTrigger = {"type": "webhook", "events": list(self.events)}
            return webhook | {"filter": self.filter} if self.filter else webhook
        return {"type": "schedule", "expression": self._expression(now), "timezone": timezone}

    def _expression(self, now: datetime) -> str:
        if self.schedule:
            return self.schedule
        times = [read_clock(text) for text in split(self.at)]
        if self.every:
            return expression_of(self.every, times)
        return once(" ".join([self.on or "", *split(self.at)]), now)


def split(texts: Iterable[str]) -> list[str]:
    """Return the parts of texts that may have several, separated by commas."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def once(text: str, now: datetime) -> str:
    """Return the expression of a time, such as `24 dec 9:00`.

    Raises:
        UsageError: the text isn't a time, or the time is in the past.
    """
    time = read_future(text, now)
    if time.timestamp() <= now.timestamp():
        raise UsageError(f"--on {text!r} is in the past: {time:%Y-%m-%d %H:%M}")
    return f"at({time:%Y-%m-%dT%H:%M:%S})"


def expression_of(every: str, times: Sequence[time]) -> str:
    """Return the expression of a text such as `weekday`, at some times of the day.

    Raises:
        UsageError: the text has an unknown form, or the times don't go with it.
    """
    words = every.lower().replace(" ", "")
    if span := re.fullmatch(r"(\d{1,5})(m|min|minutes?|h|hours?|d|days?)", words, re.ASCII):
        if times:
            raise UsageError(f"--every {every} counts from the start, so it has no --at. Write --every day --at 08:30")
        return rate(int(span[1]), UNITS[span[2][0]])
    if words == "minute":
        return expression_of("1m", times)
    if words == "hour":
        return hourly_at(times)
    return daily_at(days_of(every, words), every, times)


def rate(number: int, unit: str) -> str:
    """Return the expression for every few minutes, hours or days."""
    if number < 1:
        raise UsageError(f"--every {number} {unit}s: write a number from 1")
    return f"rate({number} {unit}{'s' if number > 1 else ''})"


def hourly_at(times: Sequence[time]) -> str:
    """Return the expression for every hour, at the minutes of some times or at its beginning."""
    if any(time.hour for time in times):
        raise UsageError("--every hour takes only minutes: --at 00:30")
    minutes = sorted({time.minute for time in times}) or [0]
    return f"cron({numbers(minutes)} * * * ? *)"


def daily_at(days: str, every: str, times: Sequence[time]) -> str:
    """Return the expression for some days at some times.

    Raises:
        UsageError: there is no time, or one expression can't have these times.
    """
    if not times:
        raise UsageError(f"--every {every} needs a time of the day: --at 08:30")
    hours, minutes = sorted({time.hour for time in times}), sorted({time.minute for time in times})
    if len(hours) * len(minutes) != len(set(times)):
        shown = " and ".join(f"{time:%H:%M}" for time in sorted(set(times)))
        raise UsageError(
            f"{shown} don't fit into one schedule, which has the same minutes in each of its hours",
            "create an automation for each minute, such as --at 08:30 and --at 17:00. --at 08:30,17:30 is one schedule",
        )
    return f"cron({numbers(minutes)} {numbers(hours)} {days} *)"


def days_of(every: str, words: str) -> str:
    """Return the fields day-of-month, month and day-of-week of days such as `weekday`, `mon,wed`, `month` or `1st`.

    Raises:
        UsageError: the text has an unknown form.
    """
    if words == "day":
        return "* * ?"
    if words == "month":
        return "1 * ?"
    if re.fullmatch(r"\d\d?(st|nd|rd|th)(,\d\d?(st|nd|rd|th))*", words, re.ASCII):
        found = sorted({int(number) for number in re.findall(r"\d+", words)})
        if found[0] >= 1 and found[-1] <= LAST_DAY:
            return f"{numbers(found)} * ?"
    parts = [week_days(part) for part in words.split(",")]
    if not all(parts):
        raise UsageError(f"--every {every!r} is not known. Write one of these: {EVERY}")
    days = {day for part in parts for day in part}
    if len(days) == len(DAYS):
        return "* * ?"
    if days == set(WEEK["weekday"]):
        return "? * MON-FRI"
    return f"? * {','.join(day[:3].upper() for day in DAYS if day in days)}"


def week_days(text: str) -> Sequence[str]:
    """Return the days of the week that a text means, such as `weekday`, `mon` or `fri-mon`: none if it means none."""
    if days := WEEK.get(text.removesuffix("s")):
        return days
    first, dash, last = text.partition("-")
    begin, end = week_day(first), week_day(last if dash else first)
    if begin is None or end is None:
        return ()
    return [DAYS[(begin + index) % 7] for index in range((end - begin) % 7 + 1)]


def week_day(text: str) -> int | None:
    """Return the number of a day of the week, whose name may be cut after three letters."""
    names = (text, text.removesuffix("s"))
    found = (
        index for index, day in enumerate(DAYS) for name in names if len(name) >= SHORTEST_NAME and day.startswith(name)
    )
    return next(found, None)


def numbers(values: Iterable[int]) -> str:
    """Return numbers as a field of an expression."""
    return ",".join(map(str, values))
