import pytest

from tests.support.mock_servers import CHAT, KEY, Json, KodeyInProcess, user_message

DEFAULTS = {"rate_limit": None, "latency": 0.0, "list": "newest", "list_lag": 0.0, "answer_seconds": 0.0}
EMPTY = {"chats": [], "clock_ahead": 0.0, "requests": []}


def test_a_mode_changes_what_it_names_and_nothing_else(kodey: KodeyInProcess) -> None:
    assert kodey.control("mode", {"answer_seconds": 1}).json() == DEFAULTS | {"answer_seconds": 1.0}


@pytest.mark.parametrize(("mode", "hint"), [
    ({"idempotency": "ignored"}, "Use one of rate_limit, latency, list, list_lag, answer_seconds"),
    ({"api_keys": "forbidden"}, "Use one of rate_limit, latency, list, list_lag, answer_seconds"),
    ({"answer_seconds": -1}, "must be at least 0"),
    ({"rate_limit": -1}, "must be at least 0"),
])  # fmt: skip
def test_a_mode_that_kodey_does_not_have_is_rejected_by_name(kodey: KodeyInProcess, mode: Json, hint: str) -> None:
    reply = kodey.control("mode", mode)
    (error,) = reply.json()["errors"]

    assert (reply.status_code, error["field"]) == (422, next(iter(mode)))
    assert hint in error["message"]
    assert kodey.control("mode", {}).json() == DEFAULTS


def test_a_reset_forgets_chats_requests_and_the_mode(kodey: KodeyInProcess) -> None:
    kodey.create()
    kodey.mode(rate_limit=1)

    assert kodey.control("reset", None).json() == EMPTY
    assert kodey.control("mode", {}).json() == DEFAULTS


def test_the_clock_moves_ahead(kodey: KodeyInProcess) -> None:
    assert kodey.control("clock", {"advance": 90}).json() == {"now": "2027-01-15T08:01:30.000Z"}
    assert kodey.state()["clock_ahead"] == 90


def test_the_state_logs_every_request_without_its_key(kodey: KodeyInProcess) -> None:
    chat = kodey.create()
    kodey.call("POST", f"/{chat['id']}/message", json=user_message())
    kodey.call("GET", key=None)

    create, send, unauthorized = kodey.state()["requests"]
    assert create | {"method": "POST", "path": CHAT, "operation": "create", "status": 200} == create
    assert send | {"path": f"{CHAT}/{chat['id']}/message", "operation": "send_message"} == send
    assert unauthorized | {"credential": None, "status": 401} == unauthorized
    assert create["credential"] == send["credential"] is not None
    assert KEY not in str(kodey.state())


def test_a_path_that_no_operation_has_is_rejected(kodey: KodeyInProcess) -> None:
    reply = kodey.control("faults", [{"method": "PATCH", "path": "/chat/*", "fault": "drop_after"}])

    assert reply.status_code == 422
    assert "POST /chat/{id}/message" in reply.json()["errors"][0]["message"]
