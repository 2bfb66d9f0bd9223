"""The tests on CI: random tests try the same examples each time."""

import os
import sys

import pytest

from local.setup import ROOT
from tests.support.commands import run_command

PROFILE = """
import tests.conftest
from hypothesis import settings

print(settings.get_current_profile_name(), settings.default.derandomize, settings.default.deadline)
"""


@pytest.mark.parametrize(("value", "on_ci"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_random_tests_repeat_their_examples_on_ci_and_have_no_time_limit(value: str, *, on_ci: bool) -> None:
    environment = os.environ | {"CI": value, "PYTHONPATH": str(ROOT)}
    printed = run_command(sys.executable, "-c", PROFILE, cwd=ROOT, env=environment, check=True).stdout
    assert printed.split() == ["tests", str(on_ci), "None"]
