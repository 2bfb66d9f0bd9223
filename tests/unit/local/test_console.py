"""The output of the commands, on a terminal and in a pipe."""

import io

import pytest

from local.console import Console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_passing_text_is_shown_on_a_terminal_and_removed_even_after_an_error() -> None:
    terminal = Terminal()
    with pytest.raises(ZeroDivisionError), Console(terminal, {}).passing("4:59"):
        raise ZeroDivisionError
    assert terminal.getvalue() == "\r4:59\x1b[K\r\x1b[K"


@pytest.mark.parametrize(("stream", "environment"), [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})])
def test_a_passing_text_is_not_written_into_a_pipe(stream: io.StringIO, environment: dict[str, str]) -> None:
    with Console(stream, environment).passing("4:59"):
        pass
    assert stream.getvalue() == ""
