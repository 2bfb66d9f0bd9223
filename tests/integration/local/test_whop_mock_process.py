"""``python -m local.standins.whop`` as a process: how it starts, what it prints, how it ends."""

import json
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import pytest

from local.plain_http import plain_client
from tests.support.commands import IGNORING_SIGINT, run_command
from tests.support.mock_servers import AI_CHATS, CUT, process
from tests.support.waiting import PATIENCE, until

COMMAND = [sys.executable, "-m", "local.standins.whop"]
HEADERS = {"Authorization": "Bearer a-token"}

whop_process = partial(process, "local.standins.whop", "/api/v1")


@pytest.mark.parametrize("launcher", [[], IGNORING_SIGINT], ids=["usual", "SIGINT ignored"])
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_0_and_in_silence(name: signal.Signals, launcher: list[str]) -> None:
    with whop_process(launcher=launcher) as (program, _):
        assert program.end(name) == 0
        assert len(program.printed.splitlines()) == 1


def test_a_signal_ends_it_although_calls_are_under_way() -> None:
    with whop_process() as (program, whop), plain_client() as http:
        whop.faults({"method": "POST", "path": AI_CHATS, "fault": "late:3600"})
        with pytest.raises(CUT):
            http.post(f"{whop.base_url}/ai_chats", json={"message_text": "hello"}, headers=HEADERS)
        whop.mode(latency=3600)
        address = ("127.0.0.1", int(whop.origin.rpartition(":")[2]))
        with socket.create_connection(address, timeout=PATIENCE) as waiting:
            waiting.sendall(b"GET /api/v1/ai_chats HTTP/1.1\r\nHost: local\r\nAuthorization: Bearer a-token\r\n\r\n")
            until(lambda: len(whop.state()["requests"]) == 2)
            assert program.end(signal.SIGTERM) == 0
            assert waiting.recv(1) == b""
        assert len(program.printed.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line_and_the_exit_code_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_command(*COMMAND, "--port", str(port))

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (f"local.standins.whop: port {port} is in use. Stop its program, or choose another port\n")


@pytest.mark.parametrize("port", ["http", "-1", "65536"])
def test_an_invalid_port_is_rejected(port: str) -> None:
    result = run_command(*COMMAND, f"--port={port}")

    assert result.returncode == 2
    assert f"'{port}' is not a port" in result.stderr


def test_it_starts_with_the_options_and_with_the_data_of_another(tmp_path: Path) -> None:
    saved = tmp_path / "whop.json"
    with whop_process() as (_, whop), plain_client(base_url=whop.base_url, headers=HEADERS) as http:
        chat = http.post("/ai_chats", json={"message_text": "hello"}).json()
        saved.write_text(json.dumps(whop.state()))
    options = ("--state", str(saved), "--api-keys", "forbidden")
    with whop_process(*options) as (_, whop), plain_client(base_url=whop.base_url, headers=HEADERS) as http:
        assert http.get(f"/ai_chats/{chat['id']}").json() == chat
        assert http.post("/ai_chats", json={"message_text": "hello"}).status_code == 403


@pytest.mark.parametrize("content", ["[]", "{}", "no JSON", '{"chats": [{}]}', '{"chats": [], "oauth": [{}]}'])
def test_a_file_with_other_data_is_one_line_and_the_exit_code_2(tmp_path: Path, content: str) -> None:
    file = tmp_path / "whop.json"
    file.write_text(content)
    result = run_command(*COMMAND, "--port", "0", "--state", str(file))

    assert (result.returncode, result.stdout) == (2, "")
    shown = f"can't load {file}. It must have the JSON that GET /_control/state returned"
    assert result.stderr == f"local.standins.whop: {shown}\n"


def test_requests_are_printed_only_when_asked_for() -> None:
    printed = {}
    for options in ((), ("--access-log",)):
        with whop_process(*options) as (program, whop):
            whop.state()
            program.end(signal.SIGTERM)
            printed[options] = program.printed

    assert "GET /_control/state" not in printed[()]
    assert "GET /_control/state" in printed["--access-log",]


def test_the_help_describes_the_mock_server_and_its_control_surface() -> None:
    result = run_command(*COMMAND, "--help", check=True)

    for word in (
        "oauth_",
        "/oauth/authorize",
        "_control/mode",
        "_control/clock",
        "--api-keys",
        "list_lag",
        "delay:SECONDS",
        "8001",
        "--access-log",
    ):
        assert word in result.stdout
