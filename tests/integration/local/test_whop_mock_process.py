"""``python -m local.standins.whop`` as a process: how it starts, what it prints, how it ends."""

import signal
import socket
import subprocess
import sys
from functools import partial

import pytest

from local.plain_http import plain_client
from tests.support.mock_servers import AI_CHATS, CUT, process
from tests.support.waiting import PATIENCE

COMMAND = [sys.executable, "-m", "local.standins.whop"]
IGNORING_SIGINT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""
HEADERS = {"Authorization": "Bearer a-token"}
SECONDS_TO_END = PATIENCE

whop_process = partial(process, "local.standins.whop", "/api/v1")


@pytest.mark.parametrize("launcher", [[], [sys.executable, "-c", IGNORING_SIGINT]], ids=["usual", "SIGINT ignored"])
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_0_and_in_silence(name: signal.Signals, launcher: list[str]) -> None:
    with whop_process(launcher=launcher) as (started, _):
        started.send_signal(name)
        out, err = started.communicate(timeout=SECONDS_TO_END)

    assert (started.returncode, out, err) == (0, "", "")


def test_a_signal_ends_it_although_calls_are_under_way() -> None:
    with whop_process() as (started, whop), plain_client(timeout=PATIENCE) as http:
        whop.faults({"method": "POST", "path": AI_CHATS, "fault": "late:3600"})
        with pytest.raises(CUT):
            http.post(f"{whop.base_url}/ai_chats", json={"message_text": "hello"}, headers=HEADERS)
        whop.mode(latency=3600)
        with socket.create_connection(("127.0.0.1", int(whop.origin.rpartition(":")[2]))) as waiting:
            waiting.sendall(b"GET /api/v1/ai_chats HTTP/1.1\r\nHost: local\r\nAuthorization: Bearer a-token\r\n\r\n")
            while len(whop.state()["requests"]) < 2:
                continue
            started.send_signal(signal.SIGTERM)
            _, err = started.communicate(timeout=SECONDS_TO_END)
            assert waiting.recv(1) == b""

    assert (started.returncode, err) == (0, "")


def test_a_port_that_is_taken_is_one_line_and_the_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run([*COMMAND, "--port", str(port)], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (f"local.standins.whop: port {port} is in use. Stop its program, or choose another port\n")


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_an_invalid_port_is_rejected(port: str) -> None:
    result = subprocess.run([*COMMAND, f"--port={port}"], capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert f"'{port}' is not a port" in result.stderr


def test_requests_are_printed_only_when_asked_for() -> None:
    printed = {}
    for options in ((), ("--access-log",)):
        with whop_process(*options) as (started, whop):
            whop.state()
            started.send_signal(signal.SIGTERM)
            printed[options] = "".join(started.communicate(timeout=SECONDS_TO_END))

    assert "GET /_control/state" not in printed[()]
    assert "GET /_control/state" in printed["--access-log",]


def test_the_help_describes_the_mock_server_and_its_control_surface() -> None:
    result = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)

    for word in ("oauth_", "_control/mode", "list_lag", "delay:SECONDS", "8001", "--access-log"):
        assert word in result.stdout
