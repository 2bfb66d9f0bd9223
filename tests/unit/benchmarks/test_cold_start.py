"""The results that the benchmark computes. `make benchmark` shows that it runs."""

import os
from pathlib import Path

import pytest

from benchmarks import cold_start
from benchmarks.builds import MIB, Package
from benchmarks.errors import BenchmarkError
from benchmarks.table import Spread, ratios, table


def test_a_spread_is_the_least_the_middle_and_the_most() -> None:
    assert Spread.of([3.0, 1.0, 100.0, 2.0, 4.0]) == Spread(1.0, 3.0, 100.0)


def test_the_median_of_an_even_number_of_rounds_lies_between_the_two_in_the_middle() -> None:
    assert Spread.of([1.0, 2.0, 4.0, 8.0]).median == 3.0


def test_ratios_are_taken_round_by_round_so_that_a_slow_round_cancels_out() -> None:
    assert ratios([40.0, 400.0], [100.0, 1000.0]) == [0.4, 0.4]


def test_rounds_that_do_not_match_are_rejected() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], [1.0, 2.0])


def test_the_table_has_a_row_for_each_measure_and_variant_with_ratios_to_the_base() -> None:
    printed = table({"cold, ms": {"ours": [40.0, 50.0, 30.0], "theirs": [100.0, 100.0, 100.0]}}, base="theirs")

    assert printed.splitlines()[2:] == [
        "| cold, ms | ours | 30.0 | 40.0 | 50.0 | 0.30 | 0.40 | 0.50 |",
        "| cold, ms | theirs | 100.0 | 100.0 | 100.0 | 1.00 | 1.00 | 1.00 |",
    ]


def test_all_rows_of_the_table_have_as_many_cells_as_its_head() -> None:
    printed = table({"zip, MiB": {"ours": [5.0], "theirs": [23.0]}}, base="theirs")

    assert len({line.count("|") for line in printed.splitlines()}) == 1


def test_small_numbers_keep_the_decimals_that_distinguish_them() -> None:
    assert Spread(0.11, 0.12, 0.13).cells() == "0.11 | 0.12 | 0.13"


def test_the_zipped_size_is_that_of_function_and_layer_together(tmp_path: Path) -> None:
    for name in ("function", "layer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "incompressible").write_bytes(os.urandom(MIB))

    alone = Package(tmp_path / "function").zipped_mib
    both = Package(tmp_path / "function", layer=tmp_path / "layer").zipped_mib

    assert 1.0 < alone < 1.01
    assert both == pytest.approx(2 * alone)


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_a_number_of_rounds_that_is_invalid_is_rejected(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cold_start.main(["--rounds", rounds])

    assert ended.value.code == 2
    assert "--rounds" in capsys.readouterr().err


@pytest.mark.parametrize(("ours", "code", "verdict"), [(45.0, 0, "met"), (46.0, 1, "missed")])
def test_the_exit_code_says_whether_the_mark_is_met(
    ours: float, code: int, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {"cold start, ms": {"run_schedule": [ours], "official": [100.0]}}

    assert cold_start.report(numbers) == code
    assert f"the mark of 0.45 is {verdict}" in capsys.readouterr().out


def test_a_failure_says_what_to_do_and_is_not_taken_for_a_missed_mark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> dict[str, object]:
        raise BenchmarkError("sam is missing. Run `make setup`")

    monkeypatch.setattr(cold_start, "build", missing)

    assert cold_start.main([]) == 2
    assert capsys.readouterr().err == "cold_start: sam is missing. Run `make setup`\n"
