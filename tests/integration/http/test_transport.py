"""The transport over real sockets: one limit for a whole call, and connections that are used again."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from aichats.errors import APIConnectionError, APITimeoutError, OutcomeUnknownError
from aichats.http import deadline, transport
from aichats.http.deadline import time_limit
from aichats.http.transport import DeadlineTransport
from aichats.kodey.client import KodeyClient
from aichats.whop.client import WhopClient
from benchmarks.certificates import make_certificate
from benchmarks.raw_server import Connection, RawServer, serving
from local.ports import free_port
from tests.support.fakes import FakeClock, ai_chat
from tests.support.waiting import PATIENCE

LIMIT = 1.0
"""Enough for a busy machine to come to where the server stops."""
MESSAGE = {"message_text": "Hi"}
CHAT = json.dumps(ai_chat()).encode()
ANSWER = {"id": "msg_1", "content": "Hello!", "role": "assistant", "createdAt": "2024-01-15T10:30:00Z"}


@pytest.fixture
def pool() -> Iterator[DeadlineTransport]:
    pool = DeadlineTransport()
    yield pool
    pool.close()


@contextmanager
def within_the_limit() -> Iterator[None]:
    """Fails where it takes much longer than the limit, which with any of these servers it would do for ever."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < LIMIT + 30


def client(server: RawServer, pool: DeadlineTransport, timeout: float = LIMIT) -> WhopClient:
    return WhopClient(token="a-token", base_url=server.base_url, timeout=timeout, transport=pool)


def create(whop: WhopClient) -> None:
    whop.create_ai_chat(MESSAGE, idempotency_key="run.1")


# ---- servers that misbehave


def say_nothing(connection: Connection) -> None:
    connection.wait()


def drip_headers(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\n")
    connection.drip(b"X-Drip: 1\r\n")


def drip_body(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    connection.drip(b" ")


def drip_chunks(connection: Connection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.drip(b"1\r\n \r\n")


def read_slowly(connection: Connection) -> None:
    while not connection.server.stopped.wait(0.01):
        connection.receive()


def read_a_little_and_close(connection: Connection) -> None:
    connection.receive()


def answer_all(connection: Connection) -> None:
    while connection.read_request():
        connection.answer(CHAT)


def answer_late(connection: Connection) -> None:
    while connection.read_request() and not connection.server.stopped.wait(2 * LIMIT):
        connection.answer(json.dumps(ANSWER).encode())


def answer_once_and_close(connection: Connection) -> None:
    connection.read_request()
    connection.answer(CHAT)


def hang_up_on_the_second(connection: Connection) -> None:
    connection.read_request()
    connection.answer(CHAT)
    if connection.number == 1:
        connection.read_request()
    else:
        answer_all(connection)


def send_and_close(content: bytes) -> Callable[[Connection], None]:
    def behavior(connection: Connection) -> None:
        connection.read_request()
        connection.send(content)

    return behavior


# ---- the limit of a whole call


@pytest.mark.parametrize("behavior", [say_nothing, drip_headers, drip_body, drip_chunks])
def test_a_server_that_never_ends_its_response_blocks_no_call(
    behavior: Callable[[Connection], None], pool: DeadlineTransport
) -> None:
    with serving(behavior) as server:
        with within_the_limit(), pytest.raises(APITimeoutError, match="GET /ai_chats/aich_1: no response in time"):
            client(server, pool).retrieve_ai_chat("aich_1")
        with within_the_limit(), pytest.raises(OutcomeUnknownError, match="POST /ai_chats: no response in time"):
            create(client(server, pool))


def test_the_answer_to_a_message_may_take_longer_than_other_calls(pool: DeadlineTransport) -> None:
    with serving(answer_late) as server:
        kodey = KodeyClient("sk_live_1", server.base_url, timeout=LIMIT, answer_timeout=60.0, transport=pool)
        assert kodey.send_message("chat_1", "Hi").content == "Hello!"
        with pytest.raises(APITimeoutError, match="GET /chat/chat_1/message: "):
            kodey.list_messages("chat_1")


def test_the_deadline_around_a_call_limits_it_too(pool: DeadlineTransport) -> None:
    with serving(drip_body) as server, within_the_limit(), time_limit(LIMIT), pytest.raises(APITimeoutError):
        client(server, pool, timeout=60.0).retrieve_ai_chat("aich_1")


@pytest.mark.parametrize("behavior", [read_slowly, say_nothing])
def test_a_server_that_reads_slowly_or_not_at_all_blocks_no_call(
    behavior: Callable[[Connection], None], pool: DeadlineTransport
) -> None:
    with (
        serving(behavior) as server,
        httpx.Client(transport=pool, timeout=60.0) as plain,
        within_the_limit(),
        time_limit(LIMIT),
        pytest.raises(httpx.WriteTimeout),
    ):
        plain.post(server.base_url, content=b"x" * 64 * 1024 * 1024)


def test_a_handshake_that_never_ends_blocks_no_call(pool: DeadlineTransport) -> None:
    with (
        serving(say_nothing) as server,
        httpx.Client(transport=pool, timeout=60.0) as plain,
        within_the_limit(),
        time_limit(LIMIT),
        pytest.raises(httpx.ConnectTimeout),
    ):
        plain.get(server.base_url.replace("http:", "https:"))


def test_addresses_that_never_answer_share_one_limit(pool: DeadlineTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, tried = FakeClock(), []

    def hang(_: object, host: str, *arguments: Any) -> None:
        limit: float = arguments[1]
        tried.append((host, limit))
        clock.sleep(limit)
        raise httpcore.ConnectTimeout("timed out")

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{last}", 443)) for last in range(1, 6)]
    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", hang)
    with httpx.Client(transport=pool, timeout=5.0) as plain, time_limit(12.0), pytest.raises(httpx.ConnectTimeout):
        plain.get("https://whop.invalid/")
    assert tried == [("192.0.2.1", 5.0), ("192.0.2.2", 5.0), ("192.0.2.3", 2.0)]


def test_a_call_that_has_no_time_left_is_surely_not_sent(pool: DeadlineTransport) -> None:
    with serving(answer_all) as server:
        whop = client(server, pool, timeout=60.0)
        whop.retrieve_ai_chat("aich_1")
        with time_limit(0.0), pytest.raises(APITimeoutError, match="the time limit of the whole call is over"):
            create(whop)
    assert server.requests == ["GET /ai_chats/aich_1 HTTP/1.1"]


def test_waiting_for_a_free_connection_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_CONNECTIONS", 1)
    with (
        serving(drip_body) as server,
        httpx.Client(transport=DeadlineTransport(), timeout=60.0) as plain,
        plain.stream("GET", server.base_url),
        within_the_limit(),
        time_limit(LIMIT),
        pytest.raises(httpx.PoolTimeout),
    ):
        plain.get(server.base_url)


# ---- connections


def test_a_connection_is_used_again(pool: DeadlineTransport) -> None:
    with serving(answer_all) as server:
        whop = client(server, pool, timeout=60.0)
        for _ in range(3):
            whop.retrieve_ai_chat("aich_1")
        create(WhopClient(token="another", base_url=server.base_url, transport=pool))
    assert (len(server.requests), server.connections) == (4, 1)


def test_a_connection_that_the_server_closed_in_the_meantime_is_replaced(pool: DeadlineTransport) -> None:
    with serving(answer_once_and_close) as server:
        whop = client(server, pool, timeout=60.0)
        for _ in range(3):
            create(whop)
            assert server.closed.acquire(timeout=PATIENCE)
    assert (len(server.requests), server.connections) == (3, 3)


def test_a_server_that_hangs_up_in_the_middle_of_a_request_is_an_error_as_httpx_has_it(pool: DeadlineTransport) -> None:
    with (
        serving(read_a_little_and_close) as server,
        httpx.Client(transport=pool, timeout=60.0) as plain,
        pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)),
    ):
        plain.post(server.base_url, content=b"x" * 64 * 1024 * 1024)


def test_a_request_that_meets_a_hang_up_is_repeated_unless_it_creates(pool: DeadlineTransport) -> None:
    with serving(hang_up_on_the_second) as server:
        whop = client(server, pool, timeout=60.0)
        whop.retrieve_ai_chat("aich_1")
        whop.update_ai_chat("aich_1", {"title": "T"})
    assert server.requests == ["GET /ai_chats/aich_1 HTTP/1.1", *["PATCH /ai_chats/aich_1 HTTP/1.1"] * 2]

    with serving(hang_up_on_the_second) as server:
        whop = client(server, pool, timeout=60.0)
        whop.retrieve_ai_chat("aich_1")
        with pytest.raises(OutcomeUnknownError):
            create(whop)
    assert server.requests == ["GET /ai_chats/aich_1 HTTP/1.1", "POST /ai_chats HTTP/1.1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"this is not HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
)
def test_a_broken_answer_is_an_error_as_httpx_has_it(content: bytes, pool: DeadlineTransport) -> None:
    with (
        serving(send_and_close(content)) as server,
        httpx.Client(transport=pool) as plain,
        pytest.raises(httpx.RemoteProtocolError) as raised,
    ):
        plain.get(server.base_url)
    assert raised.value.request.url.port == server.port


# ---- names, addresses, TLS


def test_a_port_without_a_server_is_a_connection_error(pool: DeadlineTransport) -> None:
    whop = WhopClient(token="a-token", base_url=f"http://127.0.0.1:{free_port()}", timeout=5.0, transport=pool)
    with pytest.raises(APIConnectionError, match="POST /ai_chats: the connection failed"):
        create(whop)


def test_an_unknown_host_is_a_connection_error(pool: DeadlineTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with httpx.Client(transport=pool) as plain, pytest.raises(httpx.ConnectError, match="Name or service not known"):
        plain.get("https://whop.invalid/")


def test_the_next_address_is_tried_where_one_rejects(pool: DeadlineTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def two_addresses(host: str, *rest: Any, **named: Any) -> list[Any]:
        hosts = ("::1", "127.0.0.1") if host == "two.invalid" else (host,)
        return [address for one in hosts for address in resolve(one, *rest, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    with serving(answer_all) as server:
        url = f"http://two.invalid:{server.port}"
        create(WhopClient(token="a-token", base_url=url, transport=pool))
    assert (server.requests, server.connections) == (["POST /ai_chats HTTP/1.1"], 1)


def test_a_scheme_that_is_no_http_is_rejected_at_once(pool: DeadlineTransport) -> None:
    whop = WhopClient(token="a-token", base_url="ftp://127.0.0.1", transport=pool)
    with pytest.raises(APIConnectionError, match="unsupported protocol"):
        create(whop)


def test_tls_is_spoken_within_the_limit_to_whom_the_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, tls = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(answer_all, tls) as server, serving(drip_body, tls) as slow, closing(DeadlineTransport()) as pool:
        for _ in range(2):
            create(client(server, pool, timeout=60.0))
        with within_the_limit(), pytest.raises(OutcomeUnknownError, match="no response in time"):
            create(client(slow, pool, timeout=5.0))
        by_address = f"https://127.0.0.1:{server.port}"
        with pytest.raises(APIConnectionError, match="IP address mismatch"):
            create(WhopClient(token="a-token", base_url=by_address, timeout=60.0, transport=pool))
    assert len(server.requests) == 2


def test_a_certificate_of_an_unknown_authority_is_rejected(pool: DeadlineTransport, tmp_path: Path) -> None:
    _, tls = make_certificate(tmp_path)
    with serving(answer_all, tls) as server, pytest.raises(APIConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        create(client(server, pool))
    assert server.requests == []
