import pytest

from local.standins.whop.chats import Chats
from tests.support.mock_servers import AI_CHATS, TOKEN, Json, WhopInProcess

HELLO = {"message_text": "hello"}
FAULT = {"method": "POST", "path": AI_CHATS, "times": 1, "fault": "drop_after"}
DEFAULTS = {
    "idempotency": "honoured",
    "api_keys": "allowed",
    "oauth_tokens": "any",
    "rate_limit": 600,
    "latency": 0.0,
    "list": "newest",
    "list_lag": 0.0,
    "files": "any",
    "file_seconds": 0.0,
    "file_result": "ready",
    "replies": None,
}
EMPTY = {"chats": [], "files": [], "oauth": [], "webhooks": [], "clock_ahead": 0.0, "requests": []}


def rejected(whop: WhopInProcess, name: str, body: object) -> tuple[str, str]:
    reply = whop.control(name, body)
    assert reply.status_code == 422, reply.text
    (error,) = reply.json()["errors"]
    return error["field"], error["message"]


def test_the_state_logs_every_request_with_how_it_ended(whop: WhopInProcess) -> None:
    whop.faults(FAULT)
    whop.attempt("POST", json=HELLO, key="k")
    listed = whop.call("GET", params={"first": 5})
    whop.call("GET", "/elsewhere", token=None, version=None)

    dropped, ok, unauthorized = whop.state()["requests"]
    assert dropped | {"status": None, "fault": "drop_after", "idempotency_key": "k"} == dropped
    assert dropped["body"] == '{"message_text":"hello"}'
    assert ok | {"method": "GET", "path": AI_CHATS, "query": "first=5", "status": 200, "fault": None} == ok
    assert ok | {"at": "2027-01-15T08:00:00.000Z", "operation": "list", "api_version": "2026-07-08-1"} == ok
    assert ok["request_id"] == listed.headers["x-request-id"]
    assert unauthorized | {"path": f"{AI_CHATS}/elsewhere", "status": 401, "credential": None} == unauthorized


def test_the_state_distinguishes_credentials_without_showing_them(whop: WhopInProcess) -> None:
    for token in (TOKEN, TOKEN, "another-token"):
        whop.call("GET", token=token)

    first, second, third = (request["credential"] for request in whop.state()["requests"])
    assert first == second != third
    assert TOKEN not in str(whop.state())


def test_the_control_surface_needs_no_token_and_is_not_in_the_log(whop: WhopInProcess) -> None:
    whop.mode(latency=0)
    whop.faults(FAULT)

    assert whop.state() == EMPTY


def test_a_reset_forgets_everything(whop: WhopInProcess) -> None:
    whop.create()
    whop.call("POST", json=HELLO, key="k")
    whop.mode(rate_limit=2, latency=5, api_keys="forbidden")
    whop.faults(FAULT)

    assert whop.control("reset", None).json() == EMPTY
    assert whop.control("mode", {}).json() == DEFAULTS
    assert "Idempotent-Replayed" not in whop.call("POST", json=HELLO, key="k").headers


def test_a_mode_changes_what_it_names_and_nothing_else(whop: WhopInProcess) -> None:
    whop.mode(list="shuffled")

    assert whop.control("mode", {"latency": 1}).json() == DEFAULTS | {"list": "shuffled", "latency": 1.0}


@pytest.mark.parametrize(("mode", "hint"), [
    ({"idempotency": "maybe"}, "'honoured' or 'ignored'"),
    ({"api_keys": "none"}, "'allowed' or 'forbidden'"),
    ({"oauth_tokens": "none"}, "'any' or 'issued'"),
    ({"files": "none"}, "'any' or 'uploaded'"),
    ({"file_seconds": -1}, "must be at least 0"),
    ({"file_result": "lost"}, "'ready' or 'failed'"),
    ({"rate_limit": -1}, "must be at least 0"),
    ({"rate_limit": "600"}, "whole number"),
    ({"latency": -0.1}, "must be at least 0"),
    ({"list": "random"}, "'newest', 'oldest' or 'shuffled'"),
    ({"list_lag": None}, "number"),
    ({"idempotent": "honoured"}, "Use one of rate_limit, latency, list, list_lag, idempotency, api_keys, oauth_tokens"),
])  # fmt: skip
def test_a_mode_that_does_not_exist_is_rejected_by_name(whop: WhopInProcess, mode: Json, hint: str) -> None:
    field, message = rejected(whop, "mode", {**mode, "latency": mode.get("latency", 9)})

    assert field == next(iter(mode))
    assert hint in message
    assert whop.control("mode", {}).json() == DEFAULTS


@pytest.mark.parametrize(("change", "field", "hint"), [
    ({"fault": "explode"}, "[0].fault", "drop_before"),
    ({"fault": "status:200"}, "[0].fault", "status:CODE (400 to 599)"),
    ({"fault": "delay"}, "[0].fault", "delay:SECONDS"),
    ({"fault": "late:soon"}, "[0].fault", "late:SECONDS"),
    ({"fault": "late:-1"}, "[0].fault", "late:SECONDS"),
    ({"times": 0}, "[0].times", "must be at least 1"),
    ({"method": "post"}, "[0].method", "'POST'"),
    ({"path": "/ai_chats"}, "[0].path", "POST /api/v1/ai_chats"),
    ({"path": "/api/v1/ai_chats/*"}, "[0].path", "PATCH /api/v1/ai_chats/{id}"),
    ({"path": "/api/v1/ai_chats/a/*", "method": "GET"}, "[0].path", "GET /api/v1/ai_chats/{id}"),
    ({"faults": "drop_after"}, "[0].faults", "Use one of method, path, times, fault"),
])  # fmt: skip
def test_a_fault_that_could_never_happen_is_rejected_by_name(
    whop: WhopInProcess, change: Json, field: str, hint: str
) -> None:
    named, message = rejected(whop, "faults", [{**FAULT, **change}])

    assert named == field
    assert hint in message
    assert whop.control("faults", [FAULT]).json() == [FAULT]


def test_the_clock_moves_ahead_until_a_reset(whop: WhopInProcess) -> None:
    assert whop.control("clock", {"advance": 90}).json() == {"now": "2027-01-15T08:01:30.000Z"}
    assert whop.control("clock", {"advance": 0.5}).json() == {"now": "2027-01-15T08:01:30.500Z"}
    assert whop.create()["created_at"] == "2027-01-15T08:01:30.500Z"
    whop.control("reset", None)
    assert whop.create()["created_at"] == "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize(("body", "field", "hint"), [
    ({"advance": -1}, "advance", "must be at least 0"),
    ({"advance": 366 * 86_400 + 1}, "advance", "must be at most 31622400"),
    ({"advance": "90"}, "advance", "number"),
    ({}, "advance", "is required"),
    ({"advance": 1, "back": 1}, "back", "Use one of advance"),
    ([], "", "object"),
])  # fmt: skip
def test_a_move_that_a_clock_cannot_make_is_rejected_by_name(
    whop: WhopInProcess, body: object, field: str, hint: str
) -> None:
    named, message = rejected(whop, "clock", body)

    assert named == field
    assert hint in message
    assert whop.state()["clock_ahead"] == 0


@pytest.mark.parametrize("path", ["/api/v1/ai_chats/*", "/api/v1/*", "/*", "/api/v1/ai_chats/aich_1"])
def test_a_path_that_some_request_could_have_is_taken(whop: WhopInProcess, path: str) -> None:
    assert whop.control("faults", [{**FAULT, "method": "GET", "path": path}]).status_code == 200


@pytest.mark.parametrize(("name", "body"), [("mode", []), ("mode", 1), ("faults", FAULT), ("faults", 1)])
def test_a_control_body_of_another_shape_is_rejected(whop: WhopInProcess, name: str, body: object) -> None:
    field, message = rejected(whop, name, body)

    assert field == ""
    assert message in {"must be an object", "must be a list"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "mode", 405), ("POST", "stop", 404)])
def test_what_the_control_surface_does_not_have_is_no_request_of_the_api(
    whop: WhopInProcess, method: str, path: str, status: int
) -> None:
    assert whop.request(method, f"/_control/{path}").status_code == status
    assert whop.state()["requests"] == []


def test_a_chat_that_was_saved_before_its_reply_gets_the_reply_after_a_restart(whop: WhopInProcess) -> None:
    whop.mode(replies={"after": 20})
    whop.create()
    [saved] = whop.state()["chats"]
    chats = Chats(whop.clock)

    chats.load(saved)

    [chat] = chats.all()
    now = whop.clock.now()
    assert chat.as_state(now) == saved
    assert chat.as_ai_chat(now + 20, with_agent=True)["blended_token_usage"] == "123.45"


@pytest.mark.parametrize("replies", [{}, {"after": -1}, {"after": 1, "tokens": "many"}, {"after": 1, "text": "Hi"}])
def test_a_reply_needs_its_time_and_a_number_of_tokens(whop: WhopInProcess, replies: Json) -> None:
    field, message = rejected(whop, "mode", {"replies": replies})

    assert field.startswith("replies.")
    assert message
