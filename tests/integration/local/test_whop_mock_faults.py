"""The faults of the mock server over real sockets, as a client sees them."""

import logging
import time
from collections.abc import Iterator

import httpx
import pytest

from local.plain_http import plain_client
from tests.support.mock_servers import AI_CHATS, CUT, NEVER_SECONDS, MockServer, running_whop
from tests.support.waiting import until
from tests.support.whop_oauth import HOUR, OAuthApp

HELLO = {"message_text": "hello"}
DEADLINE_SECONDS = 30


@pytest.fixture(scope="module")
def running() -> Iterator[MockServer]:
    with running_whop() as mock:
        yield mock


@pytest.fixture
def whop(running: MockServer) -> MockServer:
    running.reset()
    return running


@pytest.fixture
def client(whop: MockServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer a-token", "Idempotency-Key": "k"}
    with plain_client(base_url=whop.base_url, headers=headers, timeout=DEADLINE_SECONDS) as http:
        yield http


def test_a_move_of_the_clock_ends_an_access_token(whop: MockServer) -> None:
    with plain_client(base_url=whop.origin) as http:
        headers = {"Authorization": f"Bearer {OAuthApp(http.request).log_in()['access_token']}"}
        before = http.get(AI_CHATS, headers=headers)
        http.post("/_control/clock", json={"advance": HOUR}).raise_for_status()
        after = http.get(AI_CHATS, headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)


def arm(whop: MockServer, fault: str) -> None:
    whop.faults({"method": "POST", "path": AI_CHATS, "fault": fault})


def chats(whop: MockServer) -> int:
    return len(whop.state()["chats"])


@pytest.mark.parametrize(("fault", "done", "replayed"), [
    ("drop_before", 0, None),
    ("drop_after", 1, "true"),
])  # fmt: skip
def test_a_dropped_connection_is_aborted_silently(
    whop: MockServer, client: httpx.Client, fault: str, done: int, replayed: str | None
) -> None:
    arm(whop, fault)

    with pytest.raises(CUT):
        client.post("/ai_chats", json=HELLO)

    assert chats(whop) == done
    again = client.post("/ai_chats", json=HELLO)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (200, replayed)
    assert chats(whop) == 1


def test_a_connection_can_be_aborted_after_it_served_other_calls(whop: MockServer, client: httpx.Client) -> None:
    assert client.get("/ai_chats").status_code == 200
    arm(whop, "drop_after")

    with pytest.raises(CUT):
        client.post("/ai_chats", json=HELLO)


def test_a_late_call_is_aborted_at_once_and_in_progress_until_it_is_done(
    whop: MockServer, client: httpx.Client
) -> None:
    arm(whop, f"late:{NEVER_SECONDS}")

    with pytest.raises(CUT):
        client.post("/ai_chats", json=HELLO)

    again = client.post("/ai_chats", json=HELLO)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "idempotency_request_in_progress")
    assert chats(whop) == 0


def test_a_late_call_is_done_in_the_end(whop: MockServer, client: httpx.Client) -> None:
    arm(whop, "late:0.1")
    with pytest.raises(CUT):
        client.post("/ai_chats", json=HELLO)

    until(lambda: chats(whop) == 1)

    again = client.post("/ai_chats", json=HELLO)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")


def test_a_delayed_answer_makes_the_client_give_up_although_it_was_done(whop: MockServer, client: httpx.Client) -> None:
    arm(whop, f"delay:{NEVER_SECONDS}")

    with pytest.raises(httpx.ReadTimeout):
        client.post("/ai_chats", json=HELLO, timeout=httpx.Timeout(DEADLINE_SECONDS, read=0.2))

    until(lambda: chats(whop) == 1)
    assert client.post("/ai_chats", json=HELLO).headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("seconds", [0.2])
def test_a_delayed_answer_comes_in_the_end(whop: MockServer, client: httpx.Client, seconds: float) -> None:
    arm(whop, f"delay:{seconds}")
    began = time.monotonic()

    assert client.post("/ai_chats", json=HELLO).status_code == 200
    assert time.monotonic() - began >= seconds


def test_latency_is_added_to_each_answer(whop: MockServer, client: httpx.Client) -> None:
    whop.mode(latency=0.1)
    began = time.monotonic()

    assert [client.get("/ai_chats").status_code for _ in range(2)] == [200, 200]
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("fault", "status", "done"), [
    ("status:500", 500, 0),
    ("status:429", 429, 0),
    ("error_after", 500, 1),
    ("malformed", 200, 1),
])  # fmt: skip
def test_an_answer_that_is_not_the_true_one_is_a_whole_answer(
    whop: MockServer, client: httpx.Client, fault: str, status: int, done: int
) -> None:
    arm(whop, fault)
    reply = client.post("/ai_chats", json=HELLO)

    assert reply.status_code == status
    assert (reply.headers["content-type"] == "application/json") is (fault != "malformed")
    assert chats(whop) == done


def test_a_malformed_answer_is_not_json(whop: MockServer, client: httpx.Client) -> None:
    arm(whop, "malformed")

    with pytest.raises(ValueError, match="Expecting value"):
        client.post("/ai_chats", json=HELLO).json()


def test_an_aborted_connection_is_no_error_in_the_servers_log(
    whop: MockServer, client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    for fault in ("drop_before", "drop_after", f"late:{NEVER_SECONDS}"):
        arm(whop, fault)
        with pytest.raises(CUT):
            client.post("/ai_chats", json=HELLO, headers={"Idempotency-Key": fault})
    assert chats(whop) == 1

    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_client_that_goes_away_in_the_middle_is_no_error_in_the_servers_log(caplog: pytest.LogCaptureFixture) -> None:
    with running_whop() as whop:
        arm(whop, f"delay:{NEVER_SECONDS}")
        timeout = httpx.Timeout(DEADLINE_SECONDS, read=0.2)
        with plain_client(timeout=timeout) as http, pytest.raises(httpx.ReadTimeout):
            http.post(f"{whop.base_url}/ai_chats", json=HELLO, headers={"Authorization": "Bearer a-token"})
        until(lambda: chats(whop) == 1)

    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
