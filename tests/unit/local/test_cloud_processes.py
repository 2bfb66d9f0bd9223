"""The end of processes: those of the local AWS with their parent, and commands by signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from local.attached import attached
from local.errors import LocalError
from local.repeat import repeating
from local.signals import interruptible
from local.tools import tool
from tests.support.commands import restored_signals, run_command
from tests.support.waiting import until

PARENT = """
import sys, time
from pathlib import Path
from local.attached import attached
command = [sys.executable, "-m", "local.attached", "http.server", "0", "--bind", "127.0.0.1"]
with attached(command, environment={}, log=Path(sys.argv[1])) as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""
"""A program that has an attached process, and waits."""


def is_alive(pid: int) -> bool:
    """Return whether the process runs. One that ended and waits for its parent doesn't."""
    state = run_command("ps", "-o", "stat=", "-p", str(pid)).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_attached_process_ends_with_its_parent_however_that_ends(end: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.send_signal(end)
    until(lambda: not is_alive(child))


def test_an_attached_process_ends_with_the_block_and_all_that_it_started(tmp_path: Path) -> None:
    script = "sleep 60 & echo $!; wait"
    with attached(["sh", "-c", script], environment=dict(os.environ), log=tmp_path / "log") as process:
        until(lambda: (tmp_path / "log").read_text().endswith("\n"))
        grandchild = int((tmp_path / "log").read_text())
        assert is_alive(grandchild)
    assert process.returncode == -signal.SIGKILL
    until(lambda: not is_alive(grandchild))


COMMAND = """
import sys, time
from local.signals import interruptible

def command():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)

sys.exit(interruptible(command))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unwinds_a_command_even_if_it_was_started_with_signals_ignored(number: signal.Signals) -> None:
    ignoring = ["sh", "-c", 'trap "" INT TERM; exec "$@"', "sh", sys.executable, "-c", COMMAND]
    with subprocess.Popen(ignoring, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.stdout.read() == "cleaned up\n"
    assert process.returncode == 128 + number


def test_a_terminal_that_closes_unwinds_a_command() -> None:
    not_ignored = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)"
    command = [sys.executable, "-c", not_ignored + COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.read() == "cleaned up\n"
    assert process.returncode == 128 + signal.SIGHUP


def test_a_command_under_nohup_outlives_the_terminal() -> None:
    nohup = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", COMMAND]
    with subprocess.Popen(nohup, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "cleaned up\n"
    assert process.returncode == 128 + signal.SIGTERM


CUT = """
import os, signal, sys
from local.signals import interruptible

class Connection:
    def __init__(self):
        os.kill(os.getpid(), signal.SIGINT)
        self.socket = None

    def __del__(self):
        self.socket.close()

sys.exit(interruptible(Connection))
"""


def test_an_object_that_a_signal_leaves_half_built_prints_nothing() -> None:
    ended = run_command(sys.executable, "-c", CUT)

    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + signal.SIGINT, "", "")


ENDLESS = """
import sys
from local.signals import interruptible

def command():
    while True:
        print("line")

sys.exit(interruptible(command))
"""
SHORT = """
import sys
from local.signals import interruptible

def command():
    sys.stdin.read()
    print("line")
    return 0

sys.exit(interruptible(command))
"""


@pytest.mark.parametrize(("code", "lines"), [(ENDLESS, ["line\n"]), (SHORT, [])], ids=["in the middle", "at the end"])
def test_a_command_ends_in_silence_if_the_reader_of_its_output_has_ended(code: str, lines: list[str]) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert [process.stdout.readline() for _ in lines] == lines
        process.stdout.close()
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


def test_a_command_that_cannot_go_on_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise LocalError("port 3000 is taken")

    with restored_signals():
        assert interruptible(command) == 1
    assert capsys.readouterr().err.strip() == "port 3000 is taken"


def test_a_missing_program_is_reported_with_what_to_do() -> None:
    with pytest.raises(LocalError, match=r"none/bin/python is missing\. Run `make setup`"):
        tool("none", "python")


def test_what_repeats_ends_with_the_block() -> None:
    calls: list[int] = []
    with repeating(lambda: calls.append(1), every=0.001, report=pytest.fail):
        until(lambda: len(calls) > 2)
    count = len(calls)
    time.sleep(0.02)
    assert len(calls) == count


def test_an_aws_that_does_not_answer_is_reported_once_and_called_again() -> None:
    printed: list[str] = []
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    with repeating(fail, every=0.001, report=printed.append):
        until(lambda: len(calls) > 2)
    assert printed == ['Could not connect to the endpoint URL: "http://127.0.0.1:1"']
