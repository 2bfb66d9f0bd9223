"""The output for people."""

import io

import pytest

from local.console import GREEN, Console


class Terminal(io.StringIO):
    """A stream that shows colors."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines_once_a_step_is_done() -> None:
    stream = io.StringIO()
    with Console(stream, {}).step("deploy"):
        assert stream.getvalue() == ""
    assert stream.getvalue() == "  ✓ deploy  0.0 s\n"


def test_a_terminal_shows_a_step_while_it_runs() -> None:
    stream = Terminal()
    with Console(stream, {}).step("deploy"):
        assert stream.getvalue() == "  … deploy"
    assert stream.getvalue().endswith("\r  \033[32m✓\033[0m deploy  \033[2m0.0 s\033[0m\n")


def test_a_step_that_failed_is_marked() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="no"), Console(stream, {}).step("deploy"):
        raise ValueError("no")
    assert stream.getvalue().startswith("  ✗ deploy")


@pytest.mark.parametrize(
    ("stream", "environment"),
    [(io.StringIO(), {}), (Terminal(), {"NO_COLOR": "1"}), (Terminal(), {"TERM": "dumb"})],
    ids=["a pipe", "NO_COLOR", "a dumb terminal"],
)
def test_there_are_no_colors_in_a_pipe_or_with_no_color(stream: io.StringIO, environment: dict[str, str]) -> None:
    assert Console(stream, environment).colored("text", GREEN) == "text"


def test_an_empty_no_color_means_colors() -> None:
    assert Console(Terminal(), {"NO_COLOR": ""}).colored("text", GREEN) == "\033[32mtext\033[0m"


def test_the_values_of_a_table_stand_below_each_other() -> None:
    stream = io.StringIO()
    Console(stream, {}).table([("chat", "aich_1"), ("company", "biz_A")])
    assert stream.getvalue() == "  chat     aich_1\n  company  biz_A\n"
