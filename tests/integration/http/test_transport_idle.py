"""Connections that were idle: used again for a while, and not after Lambda may have frozen the process."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aichats.aws import clients
from aichats.errors import OutcomeUnknownError
from aichats.http import transport
from aichats.http.transport import KEEPALIVE_SECONDS, DeadlineTransport
from aichats.whop.client import WhopClient
from benchmarks.raw_server import Connection, RawServer, serving
from tests.support.fakes import ai_chat
from tests.support.fixtures import fresh_application

CHAT = json.dumps(ai_chat()).encode()


@pytest.fixture
def pool() -> Iterator[DeadlineTransport]:
    pool = DeadlineTransport()
    yield pool
    pool.close()


def client(server: RawServer, pool: DeadlineTransport) -> WhopClient:
    return WhopClient(token="a-token", base_url=server.base_url, timeout=60.0, transport=pool)


def create(whop: WhopClient) -> None:
    whop.create_ai_chat({"message_text": "Hi"}, idempotency_key="run.1")


def answer_all(connection: Connection) -> None:
    while connection.read_request():
        connection.answer(CHAT)


class WallClock:
    """The wall clock alone. It is set forward while the monotonic clock does not move, as during a freeze."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    clock = WallClock()
    monkeypatch.setattr(transport, "time", clock, raising=False)
    return clock


@pytest.mark.parametrize(
    ("idle", "connections"), [(KEEPALIVE_SECONDS - 1, 1), (KEEPALIVE_SECONDS + 1, 2), (3600.0, 2), (-1.0, 2)]
)
def test_a_connection_is_used_again_for_half_a_minute_of_wall_clock(
    idle: float, connections: int, pool: DeadlineTransport, wall: WallClock
) -> None:
    with serving(answer_all) as server:
        whop = client(server, pool)
        whop.retrieve_ai_chat("aich_1")
        wall.now += idle
        whop.retrieve_ai_chat("aich_1")
    assert server.connections == connections


def vanish(connection: Connection) -> None:
    """Answer once. The connection is then gone without notice, and the next request is answered with a reset."""
    connection.read_request()
    connection.answer(CHAT)
    if connection.number > 1:
        answer_all(connection)
    elif connection.receive():
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_server_that_vanished_while_the_process_was_frozen_leaves_no_outcome_unknown(
    pool: DeadlineTransport, wall: WallClock
) -> None:
    with serving(vanish) as server:
        whop = client(server, pool)
        whop.retrieve_ai_chat("aich_1")
        wall.now += 60.0
        create(whop)
    assert server.requests == ["GET /ai_chats/aich_1 HTTP/1.1", "POST /ai_chats HTTP/1.1"]


def test_a_server_that_vanishes_within_half_a_minute_leaves_one(pool: DeadlineTransport, wall: WallClock) -> None:
    """Check a case that the client can't know in advance: aichats looks up the run."""
    with serving(vanish) as server:
        whop = client(server, pool)
        whop.retrieve_ai_chat("aich_1")
        wall.now += KEEPALIVE_SECONDS - 1
        with pytest.raises(OutcomeUnknownError):
            create(whop)


def test_calls_to_aws_whose_connections_vanished_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that the age of a connection doesn't matter: a write that is repeated has a condition or a token."""

    def answer_as_dynamodb(connection: Connection) -> None:
        while connection.read_request():
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            if connection.number == 1 and connection.receive():
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return

    with serving(answer_as_dynamodb) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.base_url)
        with fresh_application():
            dynamodb = clients.aws_client("dynamodb")
            for _ in range(2):
                dynamodb.get_item(TableName="runs", Key={"run_id": {"S": "r"}})
    assert server.connections == 2
