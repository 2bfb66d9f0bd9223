"""The benchmark of the command's start. `make benchmark` shows that it runs."""

import io
import sys
from pathlib import Path

import httpx
import pytest

from aichats_cli.main import main
from aichats_cli.system import System
from benchmarks import cli_start
from benchmarks.errors import BenchmarkError


@pytest.mark.parametrize(("milliseconds", "code"), [([149.0, 900.0], 0), ([151.0, 152.0], 1)])
def test_the_fastest_start_must_meet_the_mark(milliseconds: list[float], code: int) -> None:
    numbers = {cli_start.PYTHON: [10.0, 10.0], cli_start.HELP: milliseconds}

    assert cli_start.report(numbers) == code


def test_a_round_before_the_others_does_not_count() -> None:
    numbers = cli_start.measure({"pass": [sys.executable, "-c", "pass"]}, {}, rounds=2)

    assert [len(each) for each in numbers.values()] == [2]


def test_a_command_that_fails_ends_the_measurement() -> None:
    with pytest.raises(BenchmarkError, match="fails failed"):
        cli_start.measure({"fails": [sys.executable, "-c", "raise SystemExit(1)"]}, {}, rounds=1)


def test_only_installed_programs_are_compared(tmp_path: Path) -> None:
    assert not cli_start.runs(tmp_path / "missing")
    assert not cli_start.runs("false")
    assert cli_start.runs("true")


def test_the_command_can_show_what_the_server_answers() -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, content=cli_start.BODY))
    out = io.StringIO()
    system = System(
        variables={"AICHATS_URL": "https://api.example", "AICHATS_TOKEN": "token"}, stdout=out, transport=answer
    )

    assert main(["auto", "list", "-o", "table"], system) == 0
    assert len(out.getvalue().splitlines()) == 1 + 20
