from dataclasses import dataclass
from typing import Any

import pytest

from tests.ordering import LONG, STACKS, spread


@dataclass(frozen=True)
class Item:
    nodeid: str


def items(count: int) -> list[Any]:
    """So many tests of each file that takes long, and many more."""
    long = [Item(f"{file}::test_{number}") for file in STACKS + LONG for number in range(count)]
    return [*long, *(Item(f"tests/unit/test_small.py::test_{number}") for number in range(400 - len(long)))]


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 9, 500])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_no_test_is_lost_or_doubled_when_they_are_put_into_order(processes: int, count: int) -> None:
    given = items(count)
    ordered = spread(given, processes)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in given)


def test_stacks_are_started_by_the_second_process_and_the_others_begin_with_what_takes_long() -> None:
    ordered = spread(items(1), 4)
    part = len(ordered) // 4
    files = [item.nodeid.partition("::")[0] for item in ordered]
    assert files[part : part + len(STACKS)] == list(STACKS)
    assert [files[0], files[2 * part], files[3 * part]] == ["tests/unit/test_small.py", *LONG[:2]]


def test_a_few_tests_are_not_lost_either() -> None:
    given = items(1)[: len(STACKS + LONG)]
    assert sorted(item.nodeid for item in spread(given, 40)) == sorted(item.nodeid for item in given)
