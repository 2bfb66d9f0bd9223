"""The order of the tests where several processes share them: what takes long begins first.

xdist gives each process a part of the list, of equal length, and a process that is done takes from the end of another's
part. The end-to-end tests that share a deployed stack stand at the beginning of the list, so they keep the first
process busy. Those that start a stack of their own keep the second process busy: more than two stacks at the same time
are more than a machine with two cores can start in time. What else takes long is dealt out to the other processes.
"""

from collections import deque
from collections.abc import Sequence

import pytest

STACKS = (
    "tests/e2e/test_automations_by_the_clock.py",
    "tests/e2e/test_chaos.py",
    "tests/e2e/test_killed_worker.py",
    "tests/e2e/test_dev.py",
    "tests/e2e/test_demo.py",
)
"""Files whose tests start stacks of their own."""
LONG = (
    "tests/integration/test_ledger_model.py",
    "tests/integration/test_least_privilege.py",
    "tests/judges/test_preview_two_years.py",
    "tests/integration/automations/test_keeper_model.py",
    "tests/integration/test_sweep_automations_model.py",
    "tests/judges/test_openapi.py",
    "tests/infrastructure/test_layer.py",
)
"""Other files that take long, the longest first."""


def spread(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the items in an order that suits so many processes."""
    if processes < 2:
        return list(items)
    rest = deque(item for item in items if _file(item) not in STACKS + LONG)
    ordered: list[pytest.Item] = []
    for number, first in enumerate(_first(items, processes)):
        length = (len(items) - len(ordered)) // (processes - number)
        ordered += first + [rest.popleft() for _ in range(min(length - len(first), len(rest)))]
    return [*ordered, *rest]


def _first(items: Sequence[pytest.Item], processes: int) -> list[list[pytest.Item]]:
    """Return what each process begins with."""
    stacks, long = _of_files(items, STACKS), _of_files(items, LONG)
    if processes == 2:
        return [[], stacks + long]
    others = processes - 2
    # Tests of one file stay together: they share what is slow to make.
    dealt = [_of_files(long, LONG[number::others]) for number in range(others)]
    return [[], stacks, *dealt]


def _of_files(items: Sequence[pytest.Item], files: Sequence[str]) -> list[pytest.Item]:
    return sorted((item for item in items if _file(item) in files), key=lambda item: files.index(_file(item)))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
