"""The growth that the benchmark computes, and its services. `make benchmark` shows that it runs with large numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scale
from benchmarks.errors import BenchmarkError
from benchmarks.scale import WORKS, Cost, Endless, Work, exponents


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_the_exponent_is_the_power_with_which_a_cost_grows(time: float, memory: float) -> None:
    costs = [Cost(number, number**time, round(1e9 * number**memory)) for number in (10, 1000, 100_000)]

    assert exponents(costs) == pytest.approx((time, memory), abs=1e-6)


def test_only_the_largest_sizes_count_because_small_ones_cost_the_same_whatever_their_number() -> None:
    costs = [Cost(10, 1.0, 1000), Cost(100, 1.0, 1000), Cost(1000, 100.0, 1000)]

    assert exponents(costs) == pytest.approx((2.0, 0.0))


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_all_things_are_worked_on(work: Work) -> None:
    assert scale.done_in(work, 10) > 0


def test_work_that_leaves_something_out_is_no_measurement() -> None:
    lazy = Work("lazy", [10], lambda _: (Endless(), lambda: 9))

    with pytest.raises(BenchmarkError, match="9 of 10"):
        scale.done_in(lazy, 10)


def test_the_exit_code_says_whether_growth_is_linear(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    square = Work("square", [10, 100], lambda _: (Endless(), lambda: 0))
    monkeypatch.setattr(scale, "WORKS", [square])
    monkeypatch.setattr(scale, "measure", lambda _work, number: Cost(number, float(number**2), 1000))

    assert scale.main([]) == 1
    assert "| square | 100 | 10000000.0 | 100000.0000 | 0.00 | 2.00 | 0.00 |" in capsys.readouterr().out
