"""`make sam-local` and `make sam-local-api`, for real: SAM CLI, containers, the relay. They need a Docker engine."""

import fcntl
import json
import os
import platform
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

from local.console import Console
from local.errors import LocalError
from local.ports import free_port, listen
from local.sam_local.commands import EVENT, STOP_HINT
from local.sam_local.image import IMAGE, docker, provide_engine, provide_image
from local.sam_local.relay import ADD_HOST, HOST, is_here, reachable_from_containers, relay
from local.setup import ROOT
from local.system import BEARER
from tests.support.ci import ON_CI
from tests.support.commands import IGNORING_SIGINT, run_command, running_module
from tests.support.waiting import PATIENCE

SECOND_ADDRESS = "127.0.0.2"
START_LIMIT = 240
"""Seconds for the start of a container, with the build of its image on a busy machine."""


@pytest.fixture
def engine() -> Iterator[None]:
    """A Docker engine and `.aws-sam` to oneself: the tests count the engine's containers, and the probe is one."""
    if docker("info").returncode != 0 and not ON_CI:
        pytest.skip("no Docker engine answers; only CI installs and starts one by itself")
    folder = ROOT / ".local"
    folder.mkdir(exist_ok=True)
    with (folder / "test-sam-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            provide_engine()
            provide_image(Console())
        except LocalError as error:
            pytest.skip(f"no Docker engine: {error}")
        if not reached_from_a_container():
            pytest.skip(
                "containers cannot reach this machine: the engine runs in another network, or behind a firewall"
            )
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
    result = run_command(sys.executable, "-m", "local.sam_local", "invoke", cwd=ROOT, limit=START_LIMIT)
    assert result.returncode == 0, result.stdout + result.stderr
    shown = result.stdout.partition("Chat in the mock of Whop:")[2]
    assert "aich_" in shown
    assert json.loads((ROOT / EVENT).read_text())["targets"][0] in shown
    assert containers() == before


@pytest.mark.usefixtures("engine")
def test_the_api_in_a_container_creates_a_chat_and_ends_with_sigint_even_if_that_was_ignored() -> None:
    before, port = containers(), free_port()
    with running_module("local.sam_local", "api", "--port", str(port), launcher=IGNORING_SIGINT) as program:
        try:
            program.wait_for(f"^{re.escape(STOP_HINT)}$", START_LIMIT)
            reply = create_chat(port)
            shown = program.printed
        finally:
            exit_code = program.end(signal.SIGINT)
    assert reply.status_code == 201, shown + reply.text
    assert reply.json()["id"].startswith("aich_")
    assert exit_code == 128 + signal.SIGINT
    assert containers() == before
    listen("127.0.0.1", port).close()


def create_chat(port: int) -> httpx.Response:
    headers = {"Authorization": f"Bearer {BEARER}"}
    body = {"message_text": "Summarize the revenue of this week.", "company_id": "biz_A"}
    return httpx.post(f"http://127.0.0.1:{port}/chats", headers=headers, json=body, timeout=60, trust_env=False)


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has this address, and needs the relay")
def test_the_relay_passes_on_both_ways_until_both_sides_are_done() -> None:
    question, answer = os.urandom(300_000), os.urandom(300_000)
    with listen("127.0.0.1", 0) as server:
        port = server.getsockname()[1]
        server.settimeout(PATIENCE)
        served = threading.Thread(target=answer_once, args=(server, len(question), answer), daemon=True)
        served.start()
        with relay(SECOND_ADDRESS, port), socket.create_connection((SECOND_ADDRESS, port), timeout=PATIENCE) as client:
            client.sendall(question)
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(65536), b""))
        served.join(PATIENCE)
    assert received == answer


def answer_once(server: socket.socket, length: int, answer: bytes) -> None:
    """Take one connection, and answer it once all of the question is there."""
    connection, _ = server.accept()
    connection.settimeout(PATIENCE)
    with connection:
        received = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(answer if len(received) == length else b"the question was cut")


def test_an_address_of_another_machine_is_not_here() -> None:
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.1")
