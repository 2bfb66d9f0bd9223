"""``python -m local.standins.kodey`` as a process: what it prints, and that it ends."""

import signal
import sys

import httpx

from tests.support.commands import run_command
from tests.support.mock_servers import CHAT, KEY, process


def test_it_serves_without_a_path_before_its_own_and_ends_at_a_signal() -> None:
    with process("local.standins.kodey", "") as (program, kodey):
        reply = httpx.post(
            kodey.base_url + CHAT, json={"agentId": "agent_support"}, headers={"x-api-key": KEY}, trust_env=False
        )
        (chat,) = kodey.state()["chats"]
        assert program.end(signal.SIGTERM) == 0
        assert len(program.printed.splitlines()) == 1

    assert chat | reply.json() == chat


def test_the_help_describes_the_mock_server_and_its_control_surface() -> None:
    result = run_command(sys.executable, "-m", "local.standins.kodey", "--help", check=True)

    for word in (
        "pk_live_",
        '"missing"',
        "_control/mode",
        "_control/clock",
        "answer_seconds",
        "delay:SECONDS",
        "8002",
        "--access-log",
    ):
        assert word in result.stdout
