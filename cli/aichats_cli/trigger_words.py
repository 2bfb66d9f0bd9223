"""Triggers in words: `every weekday at 08:30 (Europe/Berlin)`."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aichats_cli.models import ScheduleTrigger, WebhookTrigger

WEEKDAYS = {
    "SUN": "Sunday", "MON": "Monday", "TUE": "Tuesday", "WED": "Wednesday", "THU": "Thursday", "FRI": "Friday",
    "SAT": "Saturday", "1": "Sunday", "2": "Monday", "3": "Tuesday", "4": "Wednesday", "5": "Thursday", "6": "Friday",
    "7": "Saturday",
}  # fmt: skip
FIXED_DAYS = {
    ("*", "?"): "every day",
    ("?", "*"): "every day",
    ("?", "MON-FRI"): "every weekday",
    ("?", "2-6"): "every weekday",
    ("L", "?"): "on the last day of each month",
}
"""Days by the fields day-of-month and day-of-week."""
CRON_FIELDS = 6
MOST_TIMES = 6
MINUTES = 60
NUMBERS = r"\d{1,2}(,\d{1,2})*"


def in_words(trigger: ScheduleTrigger | WebhookTrigger) -> str:
    """Return a trigger in words. A schedule that has no simple words is its expression."""
    if trigger["type"] == "webhook":
        condition = trigger.get("filter")
        return f"on {joined(trigger['events'], 'or')}" + (f", if {condition}" if condition else "")
    expression, zone = trigger["expression"], trigger.get("timezone", "UTC")
    if found := re.fullmatch(r"rate\((\d+)\s+(minute|hour|day)s?\)", expression):
        return f"every {found[2]}" if int(found[1]) == 1 else f"every {int(found[1])} {found[2]}s"
    return f"{_cron_words(expression) or _once_words(expression) or expression} ({zone})"


def joined(words: Sequence[str], last: str = "and") -> str:
    """Return words as a list in a sentence."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _once_words(expression: str) -> str | None:
    if not expression.startswith("at("):
        return None
    time = datetime.fromisoformat(expression[3:-1])
    return f"once on {time:%a} {time.day} {time:%b} {time.year} at {time:%H:%M}"


def _cron_words(expression: str) -> str | None:
    fields = expression[5:-1].upper().split()
    if not expression.startswith("cron(") or len(fields) != CRON_FIELDS or (fields[3], fields[5]) != ("*", "*"):
        return None
    days, times = _day_words(fields[2], fields[4]), _time_words(fields[0], fields[1])
    if days is None or times is None:
        return None
    if times.startswith("every"):
        return times if days == "every day" else None
    return f"{days} at {times}"


def _day_words(day_of_month: str, day_of_week: str) -> str | None:
    if words := FIXED_DAYS.get((day_of_month, day_of_week)):
        return words
    if re.fullmatch(NUMBERS, day_of_month):
        return f"on the {joined([ordinal(int(day)) for day in day_of_month.split(',')])} of each month"
    names = [WEEKDAYS.get(day) for day in day_of_week.split(",")]
    return f"every {joined([name for name in names if name])}" if all(names) else None


def _time_words(minutes: str, hours: str) -> str | None:
    if hours == "*":
        return _within_hour(minutes)
    if not re.fullmatch(NUMBERS, minutes) or not re.fullmatch(NUMBERS, hours):
        return None
    times = [f"{int(hour):02}:{int(minute):02}" for hour, minute in product(hours.split(","), minutes.split(","))]
    return joined(times) if len(times) <= MOST_TIMES else None


def _within_hour(minutes: str) -> str | None:
    if minutes == "*":
        return "every minute"
    if found := re.fullmatch(r"(?:\*|0)/(\d{1,2})", minutes):
        return _step_words(int(found[1]))
    if not re.fullmatch(NUMBERS, minutes):
        return None
    if minutes == "0":
        return "every hour"
    return f"every hour at {joined([f':{int(minute):02}' for minute in minutes.split(',')])}"


def _step_words(minutes: int) -> str | None:
    """Return a step within the hour in words; ``None`` if its times aren't equally far apart, as with 7 minutes."""
    if not 0 < minutes < MINUTES or MINUTES % minutes:
        return None
    return f"every {minutes} minutes" if minutes > 1 else "every minute"


def ordinal(number: int) -> str:
    """Return a number such as `1st` or `15th`."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number not in {11, 12, 13} else "th"
    return f"{number}{ending}"
