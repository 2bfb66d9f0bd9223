"""Usage: the counters of ended runs, without the runs."""

import random
from datetime import date, timedelta
from decimal import Decimal

from aichats.bootstrap import Application
from aichats.events.usage import usage_key

AUTOMATIONS = {"hourly-report": 24, "payment-failed": 9, "welcome": 6, "weekly-revenue": 1}
"""The runs that some automations have in a day for each company."""
COMPANIES = ("biz_Harbor", "biz_Meadow", "biz_Own")


def count_usage(
    app: Application, day: date, automation: str | None = "weekly", target: str | None = "biz_A", **numbers: int
) -> None:
    """Store the counter of a day: the number of runs for each status, the ``replies``, and the ``tokens``."""
    row = {"created_at": day.isoformat(), "automation": automation, "target": target}
    pk, sk = usage_key(row)
    stored = {name: Decimal(number) for name, number in numbers.items()}
    app.event_log.items.put({"pk": pk, "sk": sk, **stored})


def count_month(app: Application, today: date, days: int = 92) -> None:
    """Store the usage of many days up to today, with a bad day, and with days without runs."""
    generator = random.Random(15)
    for age in range(days):
        day = today - timedelta(days=age)
        if day.isoweekday() == 7 or 40 <= age < 44:
            continue
        growth = 1 - age / (2 * days)
        for automation, number in AUTOMATIONS.items():
            for company in COMPANIES:
                numbers = _numbers(generator, round(number * growth), is_bad=age == 5)
                count_usage(app, day, automation, company, **numbers)
        count_usage(app, day, None, "biz_Own", succeeded=generator.randrange(4))


def _numbers(generator: random.Random, number: int, *, is_bad: bool) -> dict[str, int]:
    """Return a counter with about this number of runs. On a bad day, many fail."""
    runs = max(generator.randrange(number, 2 * number + 1), 1)
    failed = runs // 3 if is_bad else generator.choice((0, 0, 0, 0, 0, 0, 1))
    rare = {name: generator.choice((0,) * 29 + (1,)) for name in ("unknown", "missed", "skipped", "cancelled")}
    replies = (runs - failed) * 3 // 4
    tokens = replies * generator.randrange(800, 1600)
    return {"succeeded": runs - failed, "failed": failed, "replies": replies, "tokens": tokens, **rare}
