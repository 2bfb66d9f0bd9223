"""The order of the tests where several processes share them: what takes long begins first, each in another process.

xdist gives each process a part of the list, of equal length, and a process that is done takes from the end of another's
part. The end-to-end tests that share a deployed stack stand at the beginning of the list, so they keep the first
process busy; what takes long and shares nothing is dealt out to the others.
"""

from collections import deque
from collections.abc import Sequence

import pytest

LONG = (
    "tests/e2e/test_automations_by_the_clock.py",
    "tests/e2e/test_chaos.py",
    "tests/integration/test_ledger_model.py",
    "tests/e2e/test_killed_worker.py",
    "tests/e2e/test_dev.py",
    "tests/unit/automations/test_preview_two_years.py",
    "tests/unit/automations/test_keeper_model.py",
    "tests/integration/test_sweep_automations_model.py",
    "tests/judges/test_openapi.py",
    "tests/e2e/test_demo.py",
    "tests/infrastructure/test_layer.py",
)
"""Files, the one that takes longest first."""


def spread(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the items in an order that suits so many processes."""
    if processes < 2:
        return list(items)
    long = sorted((item for item in items if _file(item) in LONG), key=lambda item: LONG.index(_file(item)))
    rest = deque(item for item in items if _file(item) not in LONG)
    ordered: list[pytest.Item] = []
    for number in range(processes):
        length = (len(items) - len(ordered)) // (processes - number)
        part = long[number - 1 :: processes - 1] if number else []
        part += [rest.popleft() for _ in range(min(length - len(part), len(rest)))]
        ordered += part
    return [*ordered, *rest]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
