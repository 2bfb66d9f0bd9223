"""Requests to receivers of events: real servers with TLS, which misbehave in all ways."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpcore
import pytest

from aichats.errors import InputError
from aichats.http.public_urls import check_receiver_url
from aichats.http.receiver import MAX_READ_BYTES, ReceiverAnswer, ReceiverClient, ReceiverError
from benchmarks.raw_server import Connection, serving
from tests.support.small_internet import HOST, PUBLIC, Answer, SmallInternet, response, small_internet
from tests.support.waiting import PATIENCE

SECRET_PATH = "/services/canary-of-a-secret"
URL = f"https://{HOST}{SECRET_PATH}"
QUICK = 0.5
"""The time limit of requests to servers that never answer completely."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Internet:
    """A public receiver that answers each request in the same way."""

    def __init__(self, stack: ExitStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack, self._folder, self._monkeypatch = stack, folder, monkeypatch
        self.small: SmallInternet | None = None

    def answering(self, answer: Answer, **options: str) -> SmallInternet:
        answers = {SECRET_PATH: answer, "/": answer, "/there": response(200)}
        internet = small_internet(answers, self._folder, self._monkeypatch, **options)
        return self._stack.enter_context(internet)


@pytest.fixture
def internet(stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(stack, tmp_path, monkeypatch)


def post(small: SmallInternet, url: str = URL, limit: float = PATIENCE) -> ReceiverAnswer:
    return ReceiverClient(resolve=small.resolve).post(url, b'{"id":"evt_1"}', {"webhook-id": "evt_1"}, limit)


def failure(small: SmallInternet, url: str = URL, limit: float = PATIENCE) -> ReceiverError:
    with pytest.raises(ReceiverError) as raised:
        post(small, url, limit)
    assert "canary" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_status_of_2xx_accepts_the_event(internet: Internet, status: int) -> None:
    small = internet.answering(response(status))

    assert post(small).status == status

    assert small.public.requests == [f"POST {SECRET_PATH} HTTP/1.1"]
    head = small.public.heads[0]
    assert "webhook-id: evt_1" in head
    assert "user-agent: aichats" in head
    assert "content-length: 14" in head
    assert (small.looked_up, small.connected) == ([HOST], [(PUBLIC, 443)])


def test_the_time_of_a_request_is_measured(internet: Internet) -> None:
    small, times = internet.answering(response(200)), iter([10.0, 12.5])
    client = ReceiverClient(resolve=small.resolve, clock=lambda: next(times))
    assert client.post(URL, b"{}", {}, PATIENCE).seconds == 2.5


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_another_status_is_a_failure_that_shows_the_beginning_of_the_answer(internet: Internet, status: int) -> None:
    error = failure(internet.answering(response(status, b"no\n\x00 such  thing \xff" + b"x" * 500)))
    assert error.status == status
    assert str(error).startswith(f"{HOST} answered {status}: no such thing �xxx")
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "repeated",
    [f"Cannot POST {SECRET_PATH}", "canary-of-a-secret is unknown", 'bad event {"reply":"a canary of Kodey"}'],
)
def test_a_failure_shows_nothing_of_the_request_that_the_answer_repeats(internet: Internet, repeated: str) -> None:
    small = internet.answering(response(404, f"<pre>{repeated}</pre>".encode()))
    with pytest.raises(ReceiverError) as raised:
        ReceiverClient(resolve=small.resolve).post(URL, b'{"id":"evt_1","reply":"a canary of Kodey"}', {}, PATIENCE)
    assert str(raised.value).startswith(f"{HOST} answered 404: ")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_a_failure_that_says_so(internet: Internet, status: int) -> None:
    small = internet.answering(response(status, location="/there"))
    error = failure(small)
    assert str(error) == f"{HOST} answered {status}, a redirect, which aichats does not follow. Use the final URL"
    assert len(small.public.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_a_receiver_asks_for_is_returned(internet: Internet, status: int) -> None:
    assert failure(internet.answering(response(status, retry_after="120"))).retry_after == 120


def test_a_receiver_gets_no_cookie_and_no_proxy_is_used(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.9:3128")
    small = internet.answering(response(200, set_cookie="a=b"))
    client = ReceiverClient(resolve=small.resolve)
    for _ in range(2):
        client.post(URL, b"{}", {}, PATIENCE)
    assert [head for head in small.public.heads if "cookie" in head] == []
    assert {address for address, _ in small.connected} == {PUBLIC}


def drip(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 500 .\r\ncontent-length: 1000000\r\n\r\n")
    connection.drip(b"x")


def drip_headers(connection: Connection) -> None:
    connection.send(b"HTTP/1.1 200 OK\r\n")
    connection.drip(b"x-more: and more\r\n")


@pytest.mark.parametrize("behavior", [Connection.wait, drip_headers], ids=["hangs", "headers without an end"])
def test_a_receiver_that_does_not_answer_in_time_fails(internet: Internet, behavior: Answer) -> None:
    small = internet.answering(behavior)
    assert str(failure(small, limit=QUICK)) == f"{HOST} did not answer within 0.5 seconds"


def test_a_body_that_drips_costs_no_more_than_the_limit(internet: Internet) -> None:
    error = failure(internet.answering(drip), limit=QUICK)
    assert error.status == 500


def test_a_body_that_drips_after_200_costs_nothing(internet: Internet) -> None:
    def slow(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        connection.drip(b"x")

    assert post(internet.answering(slow)).status == 200


def test_of_a_huge_answer_only_the_beginning_is_read(internet: Internet) -> None:
    sent = []

    def huge(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 500 .\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(15_000):
            connection.send(b"x" * 65536)
            sent.append(1)

    error = failure(internet.answering(huge))
    assert error.status == 500
    assert len(sent) * 65536 < 500 * 1024 * MAX_READ_BYTES


@pytest.mark.parametrize("bytes_", [b"", b"\x00\x01 rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-le"])
def test_an_answer_that_is_no_http_is_a_failure_that_does_not_show_it(internet: Internet, bytes_: bytes) -> None:
    def hang_up(connection: Connection) -> None:
        connection.send(bytes_)
        raise ConnectionAbortedError

    assert str(failure(internet.answering(hang_up))) == f"the connection to {HOST} failed"


def test_a_certificate_for_another_name_is_a_failure(internet: Internet) -> None:
    small = internet.answering(response(200), certified_host="other.example")
    assert "certificate" in str(failure(small)).lower()
    assert small.public.requests == []


def test_a_closed_port_is_a_failure_that_says_why() -> None:
    with serving(Connection.wait) as server:
        port = server.port
    client = ReceiverClient(allow_loopback=True)
    with pytest.raises(ReceiverError, match=r"the connection to 127\.0\.0\.1 failed: Connection refused"):
        client.post(f"http://127.0.0.1:{port}/", b"{}", {}, PATIENCE)


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:169.254.169.254", "100.64.0.1"]
)
def test_a_name_that_leads_to_a_private_address_is_not_called(internet: Internet, address: str) -> None:
    small = internet.answering(response(200))
    small.names[HOST] = [[PUBLIC, address]]
    assert str(failure(small)).endswith(f"{HOST} is not allowed: it has an address that is not public")
    assert small.connected == []


def test_a_name_that_changes_to_a_private_address_later_is_not_called_then(internet: Internet) -> None:
    small = internet.answering(response(200, connection="close"))
    small.names[HOST] = [[PUBLIC], ["10.0.0.7"]]
    client = ReceiverClient(resolve=small.resolve)
    client.post(URL, b"{}", {}, PATIENCE)
    with pytest.raises(ReceiverError, match="not public"):
        client.post(URL, b"{}", {}, PATIENCE)
    assert small.connected == [(PUBLIC, 443)]


def test_a_name_whose_resolution_hangs_costs_no_more_than_the_limit(internet: Internet) -> None:
    small, released = internet.answering(response(200)), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        released.wait(PATIENCE)
        return small.resolve(host, port)

    with pytest.raises(ReceiverError, match=f"{HOST} did not answer within 0.5 seconds"):
        ReceiverClient(resolve=resolve).post(URL, b"{}", {}, QUICK)
    released.set()


def test_a_name_that_does_not_exist_is_a_failure_that_says_why(internet: Internet) -> None:
    def resolve(_host: str, _port: int) -> list[str]:
        raise httpcore.ConnectError("[Errno -2] Name or service not known")

    internet.answering(response(200))
    with pytest.raises(ReceiverError) as raised:
        ReceiverClient(resolve=resolve).post(URL, b"{}", {}, PATIENCE)
    assert str(raised.value) == f"the connection to {HOST} failed: Name or service not known"


def test_a_receiver_on_this_machine_is_called_only_if_that_is_allowed() -> None:
    def answer(connection: Connection) -> None:
        if connection.read_request():
            connection.send(response(204))

    with serving(answer) as server:
        url = f"http://127.0.0.1:{server.port}/hook"
        assert ReceiverClient(allow_loopback=True).post(url, b"{}", {}, PATIENCE).status == 204
        with pytest.raises(ReceiverError, match="a URL must begin with https://"):
            ReceiverClient().post(url, b"{}", {}, PATIENCE)
        with pytest.raises(ReceiverError, match="not public"):
            ReceiverClient().post(f"https://127.0.0.1:{server.port}/hook", b"{}", {}, PATIENCE)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/",
        "ftp://receiver.example/",
        "receiver.example",
        "",
        "https://user:secret@receiver.example/",
        "https://receiver.example:0/",
        "https://receiver.example:99999/",
        "https://bad host/",
        "https://127.0.0.1/",
        "https://10.0.0.7/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://2130706433/",
    ],
)
def test_the_url_of_a_subscription_is_checked_as_it_is_written(url: str) -> None:
    with pytest.raises(InputError) as raised:
        check_receiver_url(url, allow_loopback=False)
    [(field, problem)] = raised.value.problems
    assert field == "url"
    assert "secret" not in problem


@pytest.mark.parametrize(
    "url", ["https://receiver.example", "https://8.8.8.8:8443/x?y=z", "https://xn--bcher-kva.example"]
)
def test_a_public_url_is_accepted(url: str) -> None:
    check_receiver_url(url, allow_loopback=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:3004/", "http://localhost:3004", "http://[::1]:3004/x"])
def test_a_url_of_this_machine_is_accepted_only_if_that_is_allowed(url: str) -> None:
    check_receiver_url(url, allow_loopback=True)
    with pytest.raises(InputError):
        check_receiver_url(url, allow_loopback=False)
