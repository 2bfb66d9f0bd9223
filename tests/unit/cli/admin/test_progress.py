"""The progress of a command, on a terminal and in a pipe."""

import io

import pytest

from aichats_cli.admin.progress import passing
from aichats_cli.session import Session
from aichats_cli.system import System
from tests.support.cli import Terminal


def session(stream: io.StringIO, **variables: str) -> Session:
    return Session(System(variables=variables, stderr=stream))


def test_a_passing_text_is_shown_on_a_terminal_and_removed_even_after_an_error() -> None:
    terminal = Terminal()
    with pytest.raises(ZeroDivisionError), passing(session(terminal), "4:59"):
        raise ZeroDivisionError
    assert terminal.getvalue() == "\r4:59\x1b[K\r\x1b[K"


@pytest.mark.parametrize(("stream", "variables"), [(io.StringIO(), {}), (Terminal(), {"TERM": "dumb"})])
def test_a_passing_text_is_not_written_into_a_pipe(stream: io.StringIO, variables: dict[str, str]) -> None:
    with passing(session(stream, **variables), "4:59"):
        pass
    assert stream.getvalue() == ""
