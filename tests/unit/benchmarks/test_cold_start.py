"""The results that the benchmark computes. `make benchmark` shows that it runs."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from benchmarks import builds, cold_start
from benchmarks.builds import MB, Package, layers_of, merged
from benchmarks.certificates import hash_folder, make_certificate
from benchmarks.cold_start import COLD, MARKS, ZIP, Mark
from benchmarks.cpu_share import CpuShare, cpu_seconds, share_of
from benchmarks.errors import BenchmarkError
from benchmarks.measured import MEASURED
from benchmarks.runtime_api import Answer
from benchmarks.table import Spread, ratios, table
from benchmarks.upstream import CHANGE, CREATE
from local.setup import ROOT


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
        (tmp_path / name / "incompressible").write_bytes(os.urandom(MB))

    alone = Package(tmp_path / "function").zipped_mb
    both = Package(tmp_path / "function", layers=(tmp_path / "layer",)).zipped_mb

    assert 1.0 < alone < 1.01
    assert both == pytest.approx(2 * alone)


def test_layers_are_merged_because_a_package_may_have_modules_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "FOLDER", tmp_path / "merged")
    for layer, module in (("one", "a.py"), ("two", "b.py")):
        (tmp_path / layer / "python" / "package").mkdir(parents=True)
        (tmp_path / layer / "python" / "package" / module).touch()

    whole = merged([tmp_path / "one", tmp_path / "two"])

    assert {path.name for path in (whole / "python" / "package").iterdir()} == {"a.py", "b.py"}


def test_a_function_has_the_layers_of_all_functions_and_its_own() -> None:
    assert layers_of("RunScheduleFunction") == ["SharedLayer"]
    assert layers_of("HttpApiFunction") == ["SharedLayer", "ApiLayer"]


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_a_number_of_rounds_that_is_invalid_is_rejected(rounds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cold_start.main(["--rounds", rounds])

    assert ended.value.code == 2
    assert "--rounds" in capsys.readouterr().err


@pytest.mark.parametrize("memory", ["0", "127", "much"])
def test_a_memory_size_that_lambda_does_not_have_is_rejected(memory: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cold_start.main(["--memory", "512", memory])

    assert ended.value.code == 2
    assert "--memory" in capsys.readouterr().err


@pytest.mark.parametrize(("ours", "code", "verdict"), [(16.0, 0, "met"), (16.1, 1, "missed")])
def test_the_exit_code_says_whether_the_marks_are_met(
    ours: float, code: int, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {name: {"official": [100.0]} for name in dict.fromkeys(mark.measure for mark in MARKS)}
    numbers[COLD] |= {"run_schedule": [ours]}

    assert cold_start.report(numbers, {}) == code
    assert f"| {COLD}: run_schedule / official | 0.16 | 0.16 | {verdict} |" in capsys.readouterr().out


def test_marks_are_not_for_a_part_of_a_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {COLD: {"official": [100.0], "run_schedule": [99.0]}}

    assert cold_start.report(numbers, {}, are_marks_for=False) == 0
    assert "mark" not in capsys.readouterr().out


def test_a_mark_is_the_median_of_the_ratios_of_rounds() -> None:
    numbers = {COLD: {"ours": [10.0, 20.0, 90.0], "theirs": [100.0, 100.0, 1000.0]}}

    assert Mark(COLD, "ours", "theirs", 1.0).reached(numbers) == 0.1


def test_a_mark_without_a_base_is_the_number_itself() -> None:
    assert Mark(ZIP, "ours", None, 4.0).reached({ZIP: {"ours": [3.9]}}) == 3.9


@pytest.mark.parametrize("calls", [0, cold_start.WARM_CALLS])
def test_a_function_without_its_effect_is_no_measurement(calls: int) -> None:
    with pytest.raises(BenchmarkError, match="create chat"):
        cold_start.check("official", MEASURED["official"], Counter({CREATE: calls}), [])


def test_a_wrong_response_is_no_measurement() -> None:
    answer = Answer(0.0, 0.0, "/response", b'{"statusCode": 500}')
    calls = Counter({CREATE: 51, CHANGE: 51, "PutItem": 51})

    with pytest.raises(BenchmarkError, match="500"):
        cold_start.check("http_api", MEASURED["http_api"], calls, [answer])


def test_calls_that_not_every_event_makes_are_shown_with_their_number() -> None:
    assert (
        cold_start.per_event(Counter({"GetSecretValue": 1, "UpdateItem": 102}))
        == "GetSecretValue 1 in all, UpdateItem 2"
    )


@pytest.mark.parametrize("name", MEASURED)
def test_each_function_has_an_event(name: str) -> None:
    assert isinstance(json.loads(MEASURED[name].event()), dict)


@pytest.mark.parametrize("name", [name for name, each in MEASURED.items() if each.function])
def test_each_measured_function_is_in_the_template(name: str) -> None:
    assert f"\n  {MEASURED[name].function}:\n" in (ROOT / "template.yaml").read_text()


@pytest.mark.parametrize(("memory", "share"), [(512, 0.289), (1769, 1.0), (3008, 1.0)])
def test_lambda_gives_cpu_in_proportion_to_memory(memory: int, share: float) -> None:
    assert share_of(memory) == pytest.approx(share, abs=0.001)


def test_a_limited_process_gets_its_share_of_a_cpu() -> None:
    busy = Event()
    busy.set()
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with CpuShare(process.pid, 0.25, busy):
            begun, used = time.perf_counter(), cpu_seconds(process.pid)
            time.sleep(1)
            share = (cpu_seconds(process.pid) - used) / (time.perf_counter() - begun)
    finally:
        process.kill()
        process.wait()

    # A busy machine notices late that the share is used up.
    assert share < 0.5


def test_a_process_that_has_ended_is_not_limited() -> None:
    busy = Event()
    busy.set()
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()

    with CpuShare(process.pid, 0.25, busy):
        time.sleep(0.01)


def test_a_folder_of_certificates_serves_a_client_as_the_bundle_does(tmp_path: Path) -> None:
    certificate, tls = make_certificate(tmp_path, "127.0.0.1")
    folder = hash_folder(certificate, tmp_path / "folder")

    client, server = ssl.MemoryBIO(), ssl.MemoryBIO()
    trusting = ssl.create_default_context(capath=str(folder)).wrap_bio(server, client, server_hostname="127.0.0.1")
    shown = tls.wrap_bio(client, server, server_side=True)
    for _ in range(3):
        for side in (trusting, shown):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()

    assert trusting.getpeercert()


def test_a_failure_says_what_to_do_and_is_not_taken_for_a_missed_mark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(_functions: dict[str, str]) -> dict[str, object]:
        raise BenchmarkError("sam is missing. Run `make setup`")

    monkeypatch.setattr(cold_start, "build", missing)

    assert cold_start.main([]) == 2
    assert capsys.readouterr().err == "cold_start: sam is missing. Run `make setup`\n"
