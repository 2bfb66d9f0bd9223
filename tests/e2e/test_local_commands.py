"""Commands on this machine that control a local stack and show its logs."""

import json
import os
import sys
from typing import Any

import httpx
import pytest

from local.plain_http import plain_client
from local.system import BEARER, STACK, WHOP_HEADERS, System
from tests.support.commands import run_command
from tests.support.mock_servers import MockServer
from tests.support.waiting import until


def run_aichats(system: System, *arguments: str) -> str:
    """Return what a command prints."""
    variables = system.emulator.environment() | {"AICHATS_URL": system.api_url, "AICHATS_TOKEN": BEARER}
    command = [sys.executable, "-m", "aichats_cli", *arguments]
    return run_command(*command, env=dict(os.environ) | variables, check=True).stdout


def lines_of(printed: str) -> list[Any]:
    """Return lines of JSON without the time, because the emulator stamps all lines of an invocation alike."""
    return [json.loads(each) for each in printed.splitlines()]


@pytest.mark.parametrize("options", [[], ["--stack", STACK]])
def test_the_logs_of_a_run_are_shown_from_the_local_stack_and_from_cloudwatch(
    system: System, api: httpx.Client, options: list[str]
) -> None:
    wanted = {"action": {"type": "whop.create_chat", "message_text": "Hello"}, "targets": ["biz_L"]}
    (run,) = api.post("/runs", json=wanted).json()["run_ids"]

    def succeeded() -> list[Any]:
        found = lines_of(run_aichats(system, "logs", "--run", run, "-o", "json", *options))
        return [each for each in found if each["message"] == "run succeeded"]

    (line,) = until(succeeded)
    assert (line["run_id"], line["target"]) == (run, "biz_L")
    assert "Hello" not in json.dumps(line)


def test_a_reset_empties_the_mock_servers_and_whop_can_still_deliver(system: System, whop: MockServer) -> None:
    with plain_client(headers=WHOP_HEADERS) as http:
        created = http.post(f"{whop.base_url}/ai_chats", json={"message_text": "Hi"})
        assert (created.status_code, len(whop.state()["chats"])) == (200, 1)

        run_aichats(system, "dev", "reset")

        webhooks = http.get(f"{whop.base_url}/webhooks").json()["data"]
        (webhook,) = [each["id"] for each in webhooks if each["url"].startswith(system.api_url)]
        assert whop.state()["chats"] == []
        test, event = f"{whop.base_url}/webhooks/{webhook}/test", {"event": "refund.created"}
        # The function reads a new secret only some seconds after it has read one.
        until(lambda: http.post(test, json=event).json()["status"] == 202)


def test_a_fault_meets_a_run(system: System, api: httpx.Client, whop: MockServer) -> None:
    assert run_aichats(system, "dev", "fault", "whop", "403", "-o", "name") == "status:403\n"

    answer = api.post("/chats", json={"message_text": "Hello", "company_id": "biz_F"})

    assert (answer.status_code, answer.json()["type"]) == (502, "/docs/problems#provider-rejected")
    assert whop.state()["chats"] == []
