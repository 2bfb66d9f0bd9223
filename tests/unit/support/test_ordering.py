from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest

from tests.support.ordering import LONG, STACKS, first_files, spread

FILES = [*chain.from_iterable(STACKS), *LONG]


@dataclass(frozen=True)
class Item:
    nodeid: str


def items(count: int) -> list[Any]:
    """So many tests of each file that takes long, and many more."""
    long = [Item(f"{file}::test_{number}") for file in FILES for number in range(count)]
    return [*long, *(Item(f"tests/unit/test_small.py::test_{number}") for number in range(400 - len(long)))]


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 9, 500])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_no_test_is_lost_or_doubled_when_they_are_put_into_order(processes: int, count: int) -> None:
    given = items(count)
    ordered = spread(given, processes)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in given)


def test_stacks_are_started_by_the_second_and_the_third_process_and_the_others_begin_with_what_takes_long() -> None:
    assert first_files(5) == [[], [*STACKS[0]], [*STACKS[1]], [*LONG[0::2]], [*LONG[1::2]]]


@pytest.mark.parametrize("processes", [2, 4, 5, 8])
def test_each_process_has_its_first_files_at_the_beginning_of_its_part(processes: int) -> None:
    ordered = spread(items(1), processes)
    part = len(ordered) // processes
    for number, files in enumerate(first_files(processes)):
        assert [item.nodeid.partition("::")[0] for item in ordered[number * part :][: len(files)]] == files


def test_a_few_tests_are_not_lost_either() -> None:
    given = items(1)[: len(FILES)]
    assert sorted(item.nodeid for item in spread(given, 40)) == sorted(item.nodeid for item in given)
