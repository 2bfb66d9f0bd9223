"""Random valid cron expressions of every form that EventBridge accepts. A seed always returns the same ones."""

import random

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_YEARS = ("*", "*", "2026-2027", "2024/2", "2020-2030/3", "2026,2028")


def random_crons(seed: int, count: int) -> list[str]:
    """Return `count` different expressions. None fires at more than three minutes of an hour."""
    lot = random.Random(seed)
    crons: dict[str, None] = {}
    while len(crons) < count:
        crons[_cron(lot)] = None
    return list(crons)


def _cron(lot: random.Random) -> str:
    day_of_month, day_of_week = lot.choice([(_days_of_month(lot), "?"), ("?", _days_of_week(lot))])
    hours = lot.choice(["*", _several(lot, 0, 23)])
    months = lot.choice(["*", _several(lot, 1, 12, _MONTHS)])
    return f"cron({_minutes(lot)} {hours} {day_of_month} {months} {day_of_week} {lot.choice(_YEARS)})"


def _minutes(lot: random.Random) -> str:
    first = lot.randint(0, 57)
    some = ",".join(str(lot.randint(0, 59)) for _ in range(lot.randint(1, 3)))
    return lot.choice([some, f"{first}-{first + 2}", f"{first}/{lot.randint(20, 59)}", f"*/{lot.randint(20, 59)}"])


def _days_of_month(lot: random.Random) -> str:
    return lot.choice(["*", "L", "LW", f"{lot.randint(1, 31)}W", _several(lot, 1, 31), _several(lot, 1, 31)])


def _days_of_week(lot: random.Random) -> str:
    day = _spelled(lot, lot.randint(1, 7), _WEEKDAYS)
    plain = _several(lot, 1, 7, _WEEKDAYS, steps=False)
    return lot.choice(["L", f"{day}L", f"{day}#{lot.randint(1, 5)}", plain, plain])


def _several(lot: random.Random, low: int, high: int, names: tuple[str, ...] = (), *, steps: bool = True) -> str:
    return ",".join(_item(lot, low, high, names, steps=steps) for _ in range(lot.randint(1, 3)))


def _item(lot: random.Random, low: int, high: int, names: tuple[str, ...], *, steps: bool) -> str:
    first = lot.randint(low, high)
    start, end = _spelled(lot, first, names), _spelled(lot, lot.randint(first, high), names)
    plain, step = [start, f"{start}-{end}"], lot.randint(1, high)
    return lot.choice([*plain, f"{start}/{step}", f"{start}-{end}/{step}", f"*/{step}"] if steps else plain)


def _spelled(lot: random.Random, value: int, names: tuple[str, ...]) -> str:
    return lot.choice([str(value), names[value - 1], names[value - 1].lower()]) if names else str(value)
