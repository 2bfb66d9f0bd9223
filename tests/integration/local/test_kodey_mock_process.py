"""``python -m local.standins.kodey`` as a process: what it prints, and that it ends."""

import signal
import subprocess
import sys

import httpx

from tests.support.mock_servers import CHAT, KEY, process
from tests.support.waiting import PATIENCE


def test_it_serves_without_a_path_before_its_own_and_ends_at_a_signal() -> None:
    with process("local.standins.kodey", "") as (started, kodey):
        reply = httpx.post(
            kodey.base_url + CHAT, json={"agentId": "agent_support"}, headers={"x-api-key": KEY}, trust_env=False
        )
        (chat,) = kodey.state()["chats"]
        started.send_signal(signal.SIGTERM)
        out, err = started.communicate(timeout=PATIENCE)

    assert chat | reply.json() == chat
    assert (started.returncode, out, err) == (0, "", "")


def test_the_help_describes_the_mock_server_and_its_control_surface() -> None:
    command = [sys.executable, "-m", "local.standins.kodey", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    for word in ("pk_live_", '"missing"', "_control/mode", "answer_seconds", "delay:SECONDS", "8002", "--access-log"):
        assert word in result.stdout
