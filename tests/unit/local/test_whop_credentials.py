from functools import partial

import pytest

from local.standins.whop.app import create_app
from tests.support.mock_servers import AI_CHATS, WhopInProcess


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "a-token"])
def test_a_call_without_a_bearer_token_is_unauthorized(whop: WhopInProcess, header: str | None) -> None:
    reply = whop.request("GET", AI_CHATS, headers={"Authorization": header} if header is not None else {})

    assert reply.status_code == 401
    assert reply.json()["error"]["type"] == "unauthorized"


@pytest.mark.parametrize("token", ["apik_1", "oauth_1", "anything at all"])
def test_any_bearer_token_is_taken(whop: WhopInProcess, token: str) -> None:
    assert whop.call("POST", json={"message_text": "hello"}, token=token).status_code == 200


def test_a_new_token_finds_the_chats_of_the_old_one(whop: WhopInProcess) -> None:
    chat = whop.create()

    assert whop.call("GET", token="another").json()["data"] == [chat]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_api_keys_may_not_write_where_they_are_forbidden(whop: WhopInProcess, method: str) -> None:
    chat = whop.create()
    path = "" if method == "POST" else f"/{chat['id']}"
    whop.mode(api_keys="forbidden")

    reply = whop.call(method, path, json={"message_text": "hello"} if method == "POST" else {})

    assert (reply.status_code, reply.json()["error"]["type"]) == (403, "forbidden")
    assert len(whop.state()["chats"]) == 1


def test_api_keys_that_are_forbidden_at_the_start_stay_forbidden_after_a_reset() -> None:
    with WhopInProcess(partial(create_app, api_keys="forbidden")) as whop:
        before = whop.call("POST", json={"message_text": "hello"})
        whop.control("reset", None)
        after = whop.call("POST", json={"message_text": "hello"})

    assert (before.status_code, after.status_code) == (403, 403)


def test_api_keys_may_read_where_they_may_not_write(whop: WhopInProcess) -> None:
    chat = whop.create()
    whop.mode(api_keys="forbidden")

    assert whop.call("GET").json()["data"] == [chat]
    assert whop.call("GET", f"/{chat['id']}").json() == chat


def test_a_users_token_may_write_where_api_keys_may_not(whop: WhopInProcess) -> None:
    whop.mode(api_keys="forbidden")

    assert whop.call("POST", json={"message_text": "hello"}, token="oauth_1").status_code == 200


def test_the_call_past_the_limit_gets_the_time_to_wait(whop: WhopInProcess) -> None:
    whop.mode(rate_limit=2)
    whop.call("GET")
    whop.advance(10.5)
    whop.call("GET")

    reply = whop.call("GET")

    assert reply.status_code == 429
    assert reply.json()["error"] == {
        "type": "rate_limit_exceeded",
        "message": "Try again in 50 seconds.",
        "code": None,
        "param": None,
    }
    assert {name for name in reply.headers if "rate" in name or "retry" in name} == set()


def test_after_the_wait_a_call_goes_through_and_rejected_ones_do_not_count(whop: WhopInProcess) -> None:
    whop.mode(rate_limit=1)
    statuses = []
    for wait in (0, 30, 29.9, 0.1, 0):
        whop.advance(wait)
        statuses.append(whop.call("GET").status_code)

    assert statuses == [200, 429, 429, 200, 429]


def test_each_operation_and_each_credential_has_a_limit_of_its_own(whop: WhopInProcess) -> None:
    whop.mode(rate_limit=1)
    chat = whop.create()

    assert whop.call("POST", json={"message_text": "hello"}).status_code == 429
    assert whop.call("POST", json={"message_text": "hello"}, token="another").status_code == 200
    assert whop.call("GET").status_code == 200
    assert whop.call("GET", f"/{chat['id']}").status_code == 200


def test_600_calls_a_minute_are_let_through(whop: WhopInProcess) -> None:
    statuses = [whop.call("GET", "/aich_none").status_code for _ in range(601)]

    assert statuses == [404] * 600 + [429]


def test_a_limit_of_none_rejects_every_call(whop: WhopInProcess) -> None:
    whop.mode(rate_limit=0)

    assert whop.call("GET").json()["error"]["message"] == "Try again in 60 seconds."
