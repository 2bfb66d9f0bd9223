"""A worker that is killed in the middle of a run: the run goes on where it was left."""

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaotic.system import function_time_limit
from local.console import Console
from local.plain_http import plain_client
from local.system import BEARER, System, running_system
from tests.support.mock_servers import AI_CHATS, MockServer
from tests.support.waiting import until

ACTION = {"type": "whop.create_chat", "title": "Weekly revenue", "message_text": "Summarize last week."}
FUNCTION_SECONDS = 15
"""The shortest time limit of a worker."""
CALL_SECONDS = 12
"""Time limit of a call to Whop, in which the test sees the chat and kills the worker."""
AFTERWARDS = 7
"""Seconds from the time limit until the message of a killed worker returns, as in the template: its lease, which is
five seconds longer than the limit, and the settle time of one second are over by then."""


@pytest.fixture
def hasty_system(whop: MockServer) -> Iterator[System]:
    """A system with short times, on the same mock of Whop."""
    parameters = {"SettleSeconds": "1", "WhopBaseUrl": whop.base_url}
    with running_system(Console(io.StringIO()), parameters=parameters) as system:
        clients, outputs = system.emulator.clients, system.stack.outputs
        name, limit = outputs["PerformRunsFunction"], function_time_limit(system, FUNCTION_SECONDS)
        own = clients.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        clients.functions.update_function_configuration(
            FunctionName=name,
            Timeout=limit,
            Environment={"Variables": own | {"WHOP_TIMEOUT_SECONDS": str(CALL_SECONDS)}},
        )
        clients.queues.set_queue_attributes(
            QueueUrl=outputs["RunQueue"], Attributes={"VisibilityTimeout": str(limit + AFTERWARDS)}
        )
        yield system


def worker(system: System, output: str) -> int:
    """Return the process that runs a function of the system."""
    variables = {
        f"AWS_LAMBDA_FUNCTION_NAME={system.stack.outputs[output]}",
        f"AWS_ENDPOINT_URL={system.emulator.endpoint_url}",
    }
    (process,) = (
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if variables <= set(environment_of(folder)) and "awslambdaric" in (folder / "cmdline").read_text()
    )
    return process


def environment_of(folder: Path) -> list[str]:
    """Return the variables of a process, or none if it has ended or belongs to another user."""
    try:
        return (folder / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the worker's process in /proc")
def test_a_run_whose_worker_was_killed_after_the_create_goes_on_without_a_second_chat(
    hasty_system: System, whop: MockServer
) -> None:
    whop.mode(idempotency="ignored")
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": "delay:30"})
    headers = {"Authorization": f"Bearer {BEARER}"}
    with plain_client(base_url=hasty_system.api_url, headers=headers) as api:
        (run,) = api.post("/runs", json={"action": ACTION, "targets": ["biz_Killed"]}).json()["run_ids"]
        until(lambda: whop.state()["chats"])
        os.kill(worker(hasty_system, "PerformRunsFunction"), signal.SIGKILL)
        assert api.get(f"/runs/{run}").json()["status"] == "performing"
        until(lambda: api.get(f"/runs/{run}").json()["status"] == "succeeded")
        ended = api.get(f"/runs/{run}").json()
    (chat,) = whop.state()["chats"]
    assert (ended["chat_id"], ended["attempts"], chat["title"]) == (chat["id"], 2, ACTION["title"])
