"""The order of the tests for several processes: long tests begin first.

xdist gives each process an equal part of the list. A process that is done takes tests from the end of another part.
The end-to-end tests that share a deployed stack are at the beginning of the list, so they keep the first process busy.
The tests that start stacks of their own often wait, so two more processes begin with them. The other long tests are
distributed over the other processes. A process that takes an end-to-end test later starts a stack, too.
"""

from collections import deque
from collections.abc import Sequence
from itertools import chain

import pytest

STACKS = (
    (
        "tests/e2e/test_chaos.py",
        "tests/e2e/test_demo.py",
        "tests/e2e/test_tutorials.py",
        "tests/e2e/test_schemathesis.py",
    ),
    (
        "tests/e2e/test_events.py",
        "tests/e2e/test_automations_by_the_clock.py",
        "tests/e2e/test_nothing_leaks.py",
        "tests/e2e/test_killed_worker.py",
        "tests/e2e/test_automations_as_code.py",
        "tests/e2e/test_dev.py",
        "tests/e2e/test_login_in_a_browser.py",
        "tests/e2e/test_sam_local.py",
    ),
)
"""Files whose tests start stacks of their own or use one for long, by the process that begins with them."""
LONG = (
    "tests/integration/cli/test_two_people.py",
    "tests/integration/runs/test_ledger_model.py",
    "tests/integration/functions/test_least_privilege.py",
    "tests/integration/automations/test_reconcile_model.py",
    "tests/integration/automations/test_sweep_model.py",
    "tests/integration/automations/test_preview_properties.py",
    "tests/infrastructure/test_layer.py",
    "tests/integration/runs/test_job_parts.py",
)
"""Other files that take long, the longest first."""


def spread(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return the items in an order for this number of processes."""
    if processes < 2:
        return list(items)
    named = {*chain.from_iterable(STACKS), *LONG}
    rest = deque(item for item in items if _file(item) not in named)
    ordered: list[pytest.Item] = []
    for number, files in enumerate(first_files(processes)):
        # Tests of one file stay together, because they share slow fixtures.
        first = sorted((item for item in items if _file(item) in files), key=lambda item: files.index(_file(item)))
        length = (len(items) - len(ordered)) // (processes - number)
        ordered += first + [rest.popleft() for _ in range(min(length - len(first), len(rest)))]
    return [*ordered, *rest]


def first_files(processes: int) -> list[list[str]]:
    """Return the files with which each process begins. Those of the first process are at the beginning anyway."""
    others = processes - 1
    firsts = [[*chain.from_iterable(STACKS[number::others])] for number in range(others)]
    free = [files for files in firsts if not files] or firsts
    for number, files in enumerate(free):
        files.extend(LONG[number :: len(free)])
    return [[], *firsts]


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
