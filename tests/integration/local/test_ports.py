"""Ports that another program uses: the commands report them, and say how to choose another."""

import io

import pytest

from local.console import Console
from local.errors import LocalError
from local.ports import free_port, listen
from local.sam_local import commands
from local.system import running_system


def test_a_taken_port_is_reported() -> None:
    port = free_port()
    printed = f"port {port} is in use. Stop its program, or choose another port"
    with listen("127.0.0.1", port):
        for variable, choice in {"": "", "WHOP_PORT": " with WHOP_PORT=..."}.items():
            with pytest.raises(LocalError) as raised:
                listen("127.0.0.1", port, variable=variable)
            assert str(raised.value) == printed + choice


def test_a_port_that_is_taken_is_reported_before_anything_is_started_with_how_to_choose_another() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} is in use\. .* choose another port with PORT=\.\.\.$"):
            commands.serve(Console(io.StringIO()), port)


def test_a_taken_port_of_the_mock_receiver_is_reported_with_its_variable() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(LocalError, match=r"with RECEIVER_PORT=\.\.\.$"),
            running_system(Console(io.StringIO()), receiver_port=port),
        ):
            pass


def test_two_parts_with_the_same_port_are_reported_before_anything_is_started_with_both_variables() -> None:
    port, printed = free_port(), io.StringIO()
    with (
        pytest.raises(LocalError) as raised,
        running_system(Console(printed), api_port=port, kodey_port=port),
    ):
        pass
    assert str(raised.value) == f"PORT and KODEY_PORT are both {port}. Choose another port for one of them"
    assert printed.getvalue() == ""
