"""The answers of the local HTTP API below ``/_local``."""

import asyncio
from typing import Any, cast

import httpx
import pytest

from local.cloud.clients import Clients
from local.cloud.functions import Answer
from local.cloud.http_api import HttpApi, Route
from local.cloud.http_front import HttpFront
from local.cloud.local_pages import LocalPages
from local.cloud.logs import LogStore

ABOUT = {"stack": "aichats-local", "region": "eu-west-1"}


class Groups:
    """In place of the clients: CloudWatch Logs with one line."""

    @property
    def logs(self) -> "Groups":
        return self

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": [{"logStreamName": "a", "timestamp": 1000, "message": "one"}]}


class Stack:
    """The front of a stack, which keeps what it logs and counts its resets."""

    def __init__(self, *, started: bool = True) -> None:
        self.logged: list[str] = []
        self.resets = 0
        self.fails: Exception | None = None
        api = HttpApi("abc123", (Route("ANY", "/{proxy+}", "function"),))
        self.front = HttpFront(api, lambda *_: Answer("of the function", "id"), log=self.logged.append)
        if started:
            store = LogStore(cast("Clients", Groups()), ["/aws/lambda/s-api"], prefix="/aws/lambda/s-")
            self.front.pages = LocalPages(ABOUT, store, self.reset)

    def reset(self) -> None:
        if self.fails:
            raise self.fails
        self.resets += 1

    def call(self, method: str, url: str, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.front)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000") as client:
                return await client.request(method, url, headers=headers)

        return asyncio.run(send())


def test_the_description_of_the_system_is_answered_without_the_function() -> None:
    assert Stack().call("GET", "/_local").json() == ABOUT


def test_during_the_start_it_asks_to_try_again() -> None:
    answer = Stack(started=False).call("GET", "/_local")
    assert (answer.status_code, answer.json()) == (503, {"message": "the local stack is starting"})


@pytest.mark.parametrize("path", ["/_locals", "/chats/_local"])
def test_other_paths_are_paths_of_the_api(path: str) -> None:
    assert Stack().call("GET", path).json() == "of the function"


@pytest.mark.parametrize(("method", "path"), [("GET", "/_local/x"), ("POST", "/_local"), ("GET", "/_local/reset")])
def test_other_requests_below_it_are_rejected(method: str, path: str) -> None:
    stack = Stack()
    assert (stack.call(method, path).status_code, stack.resets) == (404, 0)


def test_logs_come_with_a_cursor_for_what_follows() -> None:
    stack = Stack()

    first = stack.call("GET", "/_local/logs").json()
    second = stack.call("GET", f"/_local/logs?cursor={first['cursor']}").json()

    assert first["lines"] == [{"timestamp": 1000, "function": "api", "message": "one"}]
    assert second == {"lines": [], "cursor": first["cursor"]}


def test_its_calls_are_not_in_the_log_of_calls() -> None:
    stack = Stack()
    stack.call("GET", "/_local/logs")
    assert stack.logged == []


def test_a_reset_empties_the_mock_servers() -> None:
    stack = Stack()
    assert (stack.call("POST", "/_local/reset").status_code, stack.resets) == (204, 1)


def test_a_mock_server_that_does_not_answer_is_named_as_the_cause() -> None:
    stack = Stack()
    stack.fails = httpx.ConnectError("Connection refused")

    answer = stack.call("POST", "/_local/reset")

    assert answer.status_code == 502
    assert answer.json() == {"message": "a part of the local stack doesn't answer: Connection refused"}


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "[::1]:3000", "127.0.0.2"])
def test_an_address_of_this_machine_is_answered(host: str) -> None:
    assert Stack().call("GET", "/_local", host=host).json() == ABOUT


@pytest.mark.parametrize("host", ["rebound.example:3000", "127.0.0.1.example", "", "[", "10.0.0.1", "user@example"])
def test_another_host_gets_no_token_although_its_name_resolves_to_this_machine(host: str) -> None:
    answer = Stack().call("GET", "/_local", host=host)

    assert answer.status_code == 403
    assert answer.json() == {"message": "use an address of this machine, such as http://127.0.0.1:3000"}


@pytest.mark.parametrize("origin", ["https://web.example", "null", "http://localhost.example:3000"])
def test_a_page_of_the_web_does_not_empty_the_mock_servers(origin: str) -> None:
    stack = Stack()
    assert (stack.call("POST", "/_local/reset", origin=origin).status_code, stack.resets) == (403, 0)


def test_a_page_of_this_machine_may_empty_the_mock_servers() -> None:
    stack = Stack()
    assert (stack.call("POST", "/_local/reset", origin="http://localhost:3000").status_code, stack.resets) == (204, 1)
