"""A short run of the benchmark in which everything goes wrong; `benchmarks/chaos.py` says what does."""

import re
import sys

import pytest

from local.setup import ROOT
from tests.support.commands import run_command

RUNS = 24
LIMIT = 540
"""Seconds for all runs on a busy machine."""


@pytest.mark.parametrize(
    "options",
    [
        ["--provider", "whop", "--idempotency", "honoured"],
        ["--provider", "whop", "--idempotency", "ignored"],
        ["--provider", "kodey"],
    ],
    ids=["Whop honors keys", "Whop ignores keys", "Kodey"],
)
def test_every_trigger_is_performed_once_while_calls_fail_and_functions_are_killed(options: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--runs", str(RUNS), *options]
    done = run_command(*command, cwd=ROOT, limit=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    counted = {name: int(number) for name, number in re.findall(r"^(\w+): (\d+)$", done.stdout, re.MULTILINE)}
    assert list(counted) == ["runs", "duplicates", "lost", "unknown", "attempts"]
    assert counted.pop("attempts") >= RUNS
    assert counted == {"runs": RUNS, "duplicates": 0, "lost": 0, "unknown": 0}
