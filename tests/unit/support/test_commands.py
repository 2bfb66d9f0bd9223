import subprocess

import pytest

from tests.support.commands import run_command, running_module

SLEEP = "import time; time.sleep(60)"


def test_a_command_that_does_not_end_fails_the_test_and_its_output_is_shown() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run_command("sleep", "60", limit=0.1)
    (note,) = caught.value.__notes__
    assert note.startswith("stdout: ")


def test_a_program_that_does_not_print_a_line_in_time_fails_the_test_and_its_output_is_shown() -> None:
    with running_module("timeit", "-n", "1", "-r", "1", "-s", "print('begun', flush=True)", SLEEP) as program:
        assert program.wait_for("begun") == "begun"
        with pytest.raises(AssertionError) as caught:
            program.wait_for("ready", limit=0)
    assert caught.value.__notes__ == ["it did not print ready:\nbegun\n"]


def test_a_program_that_ends_without_printing_a_line_fails_the_test_and_its_output_is_shown() -> None:
    with (
        running_module("timeit", "-n", "1", "print('begun')") as program,
        pytest.raises(AssertionError, match="it ended without printing ready:\nbegun\n"),
    ):
        program.wait_for("ready")
