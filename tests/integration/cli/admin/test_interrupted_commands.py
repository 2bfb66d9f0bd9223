"""Ctrl-C while a command for a deployed stack waits for AWS."""

import os
import signal
import subprocess
import sys

import pytest

from local.ports import listen
from local.setup import ROOT
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize(
    "command",
    [
        "secret set whop",
        "callers list",
        "connect --client-id app_canteen",
        "disconnect",
        "doctor",
        "webhook",
    ],
)
def test_ctrl_c_ends_a_command_that_waits_for_aws_in_silence(command: str) -> None:
    with listen("127.0.0.1", 0) as aws:
        aws.settimeout(PATIENCE)
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.getsockname()[1]}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "local",
        }
        started = [sys.executable, "-m", "aichats_cli", "admin", *command.split(), "--stack", "aichats-dev"]
        with subprocess.Popen(
            started, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                connection, _ = aws.accept()
                process.send_signal(signal.SIGINT)
                printed = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        connection.close()
    stopped = "Stopped. Nothing was stored.\n" if command.startswith("connect") else ""
    assert (process.returncode, *printed) == (130, "", stopped)
