"""The server that receives the redirect of a login: two sockets of this machine, and a browser that waits."""

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from aichats_cli.admin.oauth_login.callback import MAX_CONNECTIONS, Callback, Redirect, listening
from aichats_cli.admin.oauth_login.pages import CONNECTED, DENIED, FAILED, HEADERS
from aichats_cli.errors import CommandError
from local.plain_http import plain_client
from local.ports import free_port, listen
from tests.support.fake_oauth import Browser
from tests.support.waiting import PATIENCE


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def request(port: int, method: str, target: str, host: str = "127.0.0.1") -> httpx.Response:
    with plain_client() as http:
        return http.request(method, f"http://{host}:{port}{target}")


def redirect_of(server: Callback) -> Redirect:
    redirect = server.wait(PATIENCE)
    assert redirect is not None
    return redirect


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_browser_waits_at_either_address_of_localhost_until_the_login_has_a_result(
    port: int, browser: Browser, host: str
) -> None:
    with listening(port, "s") as server:
        browser.open(f"http://{host}:{port}/callback?code=c&state=s")
        redirect = redirect_of(server)
        assert (redirect.target, browser.pages) == ("/callback?code=c&state=s", [])
        redirect.answer(CONNECTED)
        browser.close()

    [page] = browser.pages
    assert (page.status_code, page.content) == (200, CONNECTED.body)
    assert page.headers.items() >= {name.lower(): value for name, value in HEADERS.items()}.items()
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/callback/?state=s", 404),
        ("GET", "/callback", 400),
        ("GET", "/callback?code=c", 400),
        ("GET", "/callback?code=c&state=", 400),
        ("GET", "/callback?code=c&state=other", 400),
        ("GET", "/callback?code=c&state=s&state=other", 400),
        ("POST", "/callback?code=c&state=s", 501),
    ],
)
def test_any_other_request_gets_an_error_and_does_not_end_the_wait(
    port: int, browser: Browser, method: str, target: str, status: int
) -> None:
    with listening(port, "s") as server:
        reply = request(port, method, target)
        assert (reply.status_code, "state=" in reply.text) == (status, False)
        assert reply.headers["Cache-Control"] == "no-store"

        browser.open(f"http://127.0.0.1:{port}/callback?code=c&state=s")
        redirect_of(server).answer(CONNECTED)


def test_a_second_redirect_is_rejected_while_the_first_one_is_used(port: int, browser: Browser) -> None:
    with listening(port, "s") as server:
        browser.open(f"http://127.0.0.1:{port}/callback?code=c&state=s")
        redirect = redirect_of(server)
        assert request(port, "GET", "/callback?code=other&state=s").status_code == 409
        redirect.answer(CONNECTED)


def test_a_browser_that_still_waits_at_the_end_sees_that_the_login_failed(port: int, browser: Browser) -> None:
    with listening(port, "s") as server:
        browser.open(f"http://127.0.0.1:{port}/callback?code=c&state=s")
        redirect_of(server)
    browser.close()

    assert [page.content for page in browser.pages] == [FAILED.body]


def test_the_first_answer_is_the_page(port: int, browser: Browser) -> None:
    with listening(port, "s") as server:
        browser.open(f"http://127.0.0.1:{port}/callback?error=access_denied&state=s")
        redirect = redirect_of(server)
        redirect.answer(DENIED)
        redirect.answer(FAILED)
    browser.close()

    assert [page.content for page in browser.pages] == [DENIED.body]


def test_a_browser_that_hung_up_and_an_idle_connection_do_not_keep_the_server(port: int) -> None:
    before = set(threading.enumerate())
    with listening(port, "s") as server, socket.create_connection(("127.0.0.1", port)):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /callback?code=c&state=s HTTP/1.1\r\n\r\n")
            redirect = redirect_of(server)
        redirect.answer(CONNECTED)
    assert not any(thread.name.endswith("(serve_forever)") for thread in set(threading.enumerate()) - before)


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_another_program_at_one_address_of_localhost_is_reported_with_the_option_to_set(port: int, taken: str) -> None:
    with listen(taken, port):
        with (
            pytest.raises(CommandError, match=rf"port {port} is in use"),
            listening(port, "s"),
        ):
            pytest.fail("it listens")
        other = "::1" if taken == "127.0.0.1" else "127.0.0.1"
        listen(other, port).close()


def test_a_machine_without_ipv6_listens_at_127_0_0_1_alone(
    port: int, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = socket.create_server

    def without_ipv6(address: tuple[str, int], **options: Any) -> socket.socket:
        if address[0] == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "no such address")
        return create(address, **options)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    with listening(port, "s") as server:
        browser.open(f"http://127.0.0.1:{port}/callback?code=c&state=s")
        redirect_of(server).answer(CONNECTED)


def test_connections_that_send_no_request_keep_the_redirect_neither_out_nor_from_its_page(
    port: int, browser: Browser
) -> None:
    with listening(port, "s") as server, ExitStack() as flood:

        def connect() -> list[socket.socket]:
            address = ("127.0.0.1", port)
            return [
                flood.enter_context(socket.create_connection(address, PATIENCE)) for _ in range(2 * MAX_CONNECTIONS)
            ]

        first = connect()
        browser.open(f"http://127.0.0.1:{port}/callback?code=c&state=s")
        redirect = redirect_of(server)
        connect()
        assert [connection.recv(1) for connection in first] == [b""] * len(first)
        redirect.answer(CONNECTED)
        browser.close()

    [page] = browser.pages
    assert page.content == CONNECTED.body
