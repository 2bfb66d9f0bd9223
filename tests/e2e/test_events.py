"""A short run of the benchmark of events; `benchmarks/events.py` says what goes wrong in it."""

import re
import sys

from local.setup import ROOT
from tests.support.commands import run_command

RUNS = 40
LIMIT = 540
"""Seconds for all runs on a busy machine."""
ERRORS = {
    "lost",
    "lost on the bus",
    "invented",
    "contradictions",
    "unsigned",
    "slot errors",
    "usage errors",
    "lost beside them",
    "silent failures",
    "forbidden connections",
}
SLOW = "an event took"
"""The begin of the only error that a busy machine may cause."""


def numbers_of(part: str, *options: str) -> dict[str, int]:
    """Run a part of the benchmark, and return its numbers."""
    done = run_command(sys.executable, "-m", "benchmarks.events", "--part", part, *options, cwd=ROOT, limit=LIMIT)
    assert done.returncode == 0 or done.stderr.startswith(SLOW), done.stdout + done.stderr
    return {name: int(number) for name, number in re.findall(r"^(\w[\w ]+): (\d+)$", done.stdout, re.MULTILINE)}


def test_every_end_is_heard_and_counted_while_functions_are_killed_and_the_bus_and_the_subscriber_fail() -> None:
    numbers = numbers_of("chaos", "--runs", str(RUNS))
    assert {name: number for name, number in numbers.items() if name in ERRORS and number} == {}
    assert numbers["runs"] == RUNS < numbers["ends"]
    assert numbers["slots"] > 0
    faults = ("bus faults", "subscriber failures", "killed PublishEventsFunction", "killed DeliverEventsFunction")
    assert [name for name in faults if not numbers[name]] == []


def test_a_receiver_that_works_hears_of_everything_soon_while_twelve_others_misbehave() -> None:
    numbers = numbers_of("receivers")
    assert {name: number for name, number in numbers.items() if name in ERRORS and number} == {}
    assert (numbers["misbehaving receivers"], numbers["events beside them"]) == (12, RUNS)
