"""What is looked after every few minutes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from aichats.automations.reconcile import Deed, Repair
from aichats.automations.sweep import Sweep
from aichats.automations.table import Contents
from aichats.automations.turns import Turn
from aichats.aws.observability import metrics
from tests.support.fakes import FakeClock


class Part:
    """All parts of the sweep in one: records what was called, and raises where it should."""

    def __init__(self, *fails: str, repairs: tuple[Repair, ...] = ()) -> None:
        self.calls: list[str] = []
        self.over: list[Callable[[], bool]] = []
        self._fails = fails
        self._repairs = list(repairs)

    def resume(self, time_is_up: Callable[[], bool]) -> dict[str, int]:
        self.over.append(time_is_up)
        self._called("sweep")
        return {"resumed": 2, "ended": 1}

    def contents(self) -> Contents:
        self._called("read")
        return Contents([], set())

    def look(self, _rows: object, turn: Turn) -> int:
        self.over.append(turn.is_over)
        self._called("look")
        return 3

    def reconcile(self, _contents: Contents, turn: Turn) -> list[Repair]:
        self.over.append(turn.is_over)
        self._called("heal")
        return self._repairs

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self._fails:
            raise LookupError(name)


@pytest.fixture(autouse=True)
def _no_metrics() -> None:
    metrics.clear_metrics()


def going(part: Any, clock: FakeClock | None = None, seconds: float = 120) -> Callable[[], dict[str, int]]:
    return partial(Sweep(part, part, part, part, part, clock or FakeClock()).run, seconds)


def test_slots_are_looked_for_before_schedules_are_healed() -> None:
    part = Part(repairs=(Repair("weekly", "created"),))

    assert going(part)() == {"resumed": 2, "ended": 1, "missed": 3, "repaired": 1}
    assert part.calls == ["sweep", "read", "look", "heal"]


@pytest.mark.parametrize("fails", ["sweep", "look", "heal"])
def test_a_part_that_fails_stops_no_other_and_its_error_comes_out(fails: str) -> None:
    part = Part(fails)

    with pytest.raises(LookupError, match=fails):
        going(part)()

    assert part.calls == ["sweep", "read", "look", "heal"]


def test_each_part_has_its_share_of_the_time_and_what_the_parts_before_it_left() -> None:
    part, clock = Part(), FakeClock(now=0)
    going(part, clock)()

    for now, over in ((34, 0), (35, 1), (69, 1), (70, 2), (104, 2), (105, 3)):
        clock.now = now
        assert [is_over() for is_over in part.over] == [number < over for number in range(3)]


def test_a_function_with_few_seconds_still_gives_each_part_most_of_them() -> None:
    part, clock = Part(), FakeClock(now=0)
    going(part, clock, seconds=10)()

    clock.now = 2
    assert [is_over() for is_over in part.over] == [False, False, False]


def test_of_several_errors_none_is_lost() -> None:
    with pytest.raises(LookupError, match="heal") as caught:
        going(Part("sweep", "look", "heal"))()

    before = caught.value.__context__
    assert (str(before), str(before and before.__context__)) == ("look", "sweep")


def test_repairs_that_failed_are_counted_for_an_alarm() -> None:
    repairs = Repair("one", "failed", "throttled"), Repair("two", "done"), Repair("three", "failed", "throttled")

    assert going(Part(repairs=repairs))()["repaired"] == 0
    assert metrics.metric_set["RepairsFailed"]["Value"] == [2]


def test_where_all_is_well_no_repair_counts_as_failed() -> None:
    going(Part(repairs=(Repair("weekly", "created"),)))()

    assert metrics.metric_set["RepairsFailed"]["Value"] == [0]


@pytest.mark.parametrize(
    ("deed", "repaired"), [("created", 1), ("updated", 1), ("removed", 1), ("deleted", 0), ("done", 0), ("failed", 0)]
)
def test_only_schedules_that_came_apart_count_as_repaired(deed: Deed, repaired: int) -> None:
    assert going(Part(repairs=(Repair("weekly", deed, "a reason"),)))()["repaired"] == repaired
    assert metrics.metric_set["SchedulesRepaired"]["Value"] == [repaired]
