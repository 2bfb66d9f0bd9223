"""The unit tests open no socket: a fixture of their folder forbids it, and none of them allows it again."""

import asyncio
import socket

import pytest
from pytest_socket import SocketBlockedError

from local.setup import ROOT


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_unit_test_can_open_no_socket(kind: socket.SocketKind) -> None:
    with pytest.raises(SocketBlockedError):
        socket.socket(socket.AF_INET, kind)


def test_a_unit_test_can_run_an_event_loop() -> None:
    assert asyncio.run(asyncio.sleep(0, "done")) == "done"


def test_no_unit_test_allows_sockets_again() -> None:
    allowing = "socket_" + "enabled"
    assert [file for file in (ROOT / "tests" / "unit").rglob("*.py") if allowing in file.read_text()] == []
