"""``python -m local.standins.receiver`` as a process: what it prints, and that it ends."""

import signal
import sys

import httpx

from tests.support.commands import run_command
from tests.support.mock_servers import process


def test_it_serves_deliveries_and_the_page_and_ends_at_a_signal() -> None:
    with process("local.standins.receiver", "/") as (program, receiver):
        answer = httpx.post(receiver.base_url, json={"type": "run.failed"}, trust_env=False)
        page = httpx.get(receiver.base_url, trust_env=False)
        (delivery,) = receiver.state()["received"]
        assert program.end(signal.SIGTERM) == 0
        assert len(program.printed.splitlines()) == 1

    assert (answer.status_code, delivery["body"]) == (200, '{"type":"run.failed"}')
    assert "run.failed" in page.text


def test_the_help_describes_the_mock_receiver_and_its_control_surface() -> None:
    result = run_command(sys.executable, "-m", "local.standins.receiver", "--help", check=True)

    for word in (
        "webhook-id",
        "_control/secrets",
        "redirect",
        "_control/mode",
        "delay:SECONDS",
        "8003",
        "--access-log",
    ):
        assert word in result.stdout
