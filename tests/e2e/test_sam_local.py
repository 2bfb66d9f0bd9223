"""`make sam-local` and `make sam-local-api`, for real: SAM CLI, containers, the relay. They need a Docker engine."""

import fcntl
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from local.console import Console
from local.errors import LocalError
from local.ports import free_port, listen
from local.sam_local.commands import EVENT, STOP_HINT
from local.sam_local.image import IMAGE, docker, provide_engine, provide_image
from local.sam_local.relay import ADD_HOST, HOST, is_here, reachable_from_containers, relay
from local.setup import ROOT

COMMAND = [sys.executable, "-m", "local.sam_local"]
SIGINT_IGNORED = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
"""Starts a command as shells start what runs in the background."""
SECOND_ADDRESS = "127.0.0.2"
START_LIMIT = 240
"""Seconds in which the API must serve, the build of its image on a busy machine included."""


@pytest.fixture
def engine() -> Iterator[None]:
    """A Docker engine, and `.aws-sam`, which is one for all, to oneself."""
    if docker("info").returncode != 0 and "CI" not in os.environ:
        pytest.skip("no Docker engine answers; only CI installs and starts one by itself")
    try:
        provide_engine()
        provide_image(Console())
    except LocalError as error:
        pytest.skip(f"no Docker engine: {error}")
    if not reached_from_a_container():
        pytest.skip("containers cannot reach this machine: the engine runs in another network, or behind a firewall")
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    with (folder / "test-sam-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def reached_from_a_container() -> bool:
    with listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        connect = f"exec 3<>/dev/tcp/{HOST}/{port}"
        with reachable_from_containers(port):
            return docker("run", "--rm", *ADD_HOST, "--entrypoint", "bash", IMAGE, "-c", connect).returncode == 0


def containers() -> set[str]:
    return set(docker("ps", "--all", "--quiet").stdout.split())


@pytest.mark.usefixtures("engine")
def test_an_invocation_in_a_container_creates_the_chat_of_the_event() -> None:
    before = containers()
    result = subprocess.run([*COMMAND, "invoke"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 0, result.stdout + result.stderr
    shown = result.stdout.partition("Chat in the mock of Whop:")[2]
    assert "aich_" in shown
    assert json.loads((ROOT / EVENT).read_text())["targets"][0] in shown
    assert containers() == before


@pytest.mark.usefixtures("engine")
def test_the_api_in_a_container_creates_a_chat_and_ends_with_sigint_even_if_that_was_ignored() -> None:
    before, port = containers(), free_port()
    with running([*SIGINT_IGNORED, *COMMAND, "api", "--port", str(port)]) as process:
        shown = read_until(STOP_HINT, process)
        reply = create_chat(port)
    assert reply.status_code == 201, shown + reply.text
    assert reply.json()["id"].startswith("aich_")
    assert process.returncode == 128 + signal.SIGINT
    assert containers() == before
    listen("127.0.0.1", port).close()


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a command for the ``with`` block, and end it with SIGINT."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def read_until(line: str, process: subprocess.Popen[str]) -> str:
    """Return the output of a process up to this line. The process ends if the line takes too long."""
    shown = ""
    limit = threading.Timer(START_LIMIT, process.send_signal, [signal.SIGINT])
    limit.start()
    try:
        while process.stdout is not None and (printed := process.stdout.readline()):
            shown += printed
            if printed.strip() == line:
                return shown
    finally:
        limit.cancel()
    pytest.fail(f"it ended before it printed {line!r}:\n{shown}")


def create_chat(port: int) -> httpx.Response:
    headers = {"Authorization": "Bearer local-token"}
    body = {"message_text": "Summarize the revenue of this week.", "company_id": "biz_A"}
    return httpx.post(f"http://127.0.0.1:{port}/chats", headers=headers, json=body, timeout=60, trust_env=False)


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has this address, and needs the relay")
def test_the_relay_passes_on_both_ways_until_both_sides_are_done() -> None:
    question, answer = os.urandom(300_000), os.urandom(300_000)
    with listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        served = threading.Thread(target=answer_once, args=(server, len(question), answer))
        served.start()
        with relay(SECOND_ADDRESS, port), socket.create_connection((SECOND_ADDRESS, port), timeout=10) as client:
            client.sendall(question)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        served.join(10)
    assert received == answer


def answer_once(server: socket.socket, length: int, answer: bytes) -> None:
    """Take one connection, and answer it once all of the question is there."""
    connection, _ = server.accept()
    with connection:
        received = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(answer if len(received) == length else b"the question was cut")


def test_an_address_of_another_machine_is_not_here() -> None:
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.1")
