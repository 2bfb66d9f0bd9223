"""Answers of the API if Whop rejects a request, is slow or is down."""

import httpx
import pytest

from aichats.api.app import create_api
from tests.support.fakes import (
    FakeClock,
    FakeSecretsManager,
    Json,
    ScriptedTransport,
    SecretValue,
    Step,
    ai_chat,
    aws_error,
    error_response,
    ok,
)
from tests.support.lambda_calls import SECRETS, WHOP_KEY, WHOP_SECRET, Answer, HttpCaller, call_api, make_application

pytestmark = pytest.mark.usefixtures("one_attempt")

ROUTES = {
    "create": ("POST", "/chats", {"message_text": "hello"}),
    "list": ("GET", "/chats", None),
    "retrieve": ("GET", "/chats/aich_1", None),
    "update": ("PATCH", "/chats/aich_1", {"title": "New"}),
    "delete": ("DELETE", "/chats/aich_1", None),
}
MUTED = {"message_text": "hello", "notification_preference": "none"}
ALL = pytest.mark.parametrize("route", ROUTES)
REPEATABLE = pytest.mark.parametrize("route", [route for route in ROUTES if route != "create"])


def answer_when(step: Step, route: str) -> Answer:
    method, path, body = ROUTES[route]
    return call_api(ScriptedTransport(step))(method, path, body)


def upstream(answer: Answer) -> Json:
    said: Json = answer.json["upstream"]
    return said


SCOPES = {"create": "lack ai_chat:create", "update": "lack ai_chat:update", "delete": "lack ai_chat:delete"}


@ALL
@pytest.mark.parametrize("status", [401, 403])
def test_our_credential_rejected_is_502_with_a_hint(route: str, status: int) -> None:
    answer = answer_when(error_response(status, "No.", type="forbidden"), route)

    hint = SCOPES.get(route, "may not read this") if status == 403 else "check the API key"
    assert answer.status == 502
    assert hint in answer.json["detail"]
    assert upstream(answer) == {"provider": "whop", "status": status, "request_id": "req_refused"}


def test_the_answer_and_the_stored_error_of_a_forbidden_create_say_what_to_type() -> None:
    api = call_api(ScriptedTransport(error_response(403, "No.", type="forbidden")))

    answer = api("POST", "/chats", {"message_text": "hello"})

    stored = api("GET", f"/runs/{answer.json['run_id']}").json["error"]["message"]
    assert answer.json["detail"] == stored
    assert "aichats admin connect --stack … --client-id app_…" in stored


@ALL
def test_whops_code_is_passed_on(route: str) -> None:
    answer = answer_when(error_response(403, code="forbidden_by_plan"), route)

    assert upstream(answer)["code"] == "forbidden_by_plan"


@ALL
def test_what_whop_does_not_know_is_404(route: str) -> None:
    answer = answer_when(error_response(404, "No such thing"), route)

    assert answer.status == 404
    assert upstream(answer)["status"] == 404


@ALL
@pytest.mark.parametrize("status", [400, 422])
def test_a_field_that_whop_does_not_like_is_422_naming_it(route: str, status: int) -> None:
    answer = answer_when(error_response(status, "Not like this", code="parameter_invalid", param="title"), route)

    assert answer.status == 422
    assert answer.fields == ["title"]
    assert "Not like this" in answer.json["errors"][0]["message"]


@ALL
@pytest.mark.parametrize(
    "refusal",
    [error_response(400, "Unknown Api-Version-Date"), error_response(410), httpx.Response(422, json={"error": None})],
    ids=["400", "410", "422"],
)
def test_an_error_that_no_field_of_the_request_can_fix_is_502(route: str, refusal: httpx.Response) -> None:
    assert answer_when(refusal, route).status == 502


@REPEATABLE
@pytest.mark.parametrize(
    ("refusal", "seconds"),
    [
        (error_response(429, "Slow down. Try again in 12 seconds."), "12"),
        (error_response(429, headers={"retry-after": "1.2"}), "2"),
        (error_response(429, headers={"retry-after": "0"}), "1"),
        (httpx.Response(429, json={"error": None}), "1"),
    ],
    ids=["in words", "header", "at once", "not said"],
)
def test_throttled_is_503_with_the_wait_in_whole_seconds(route: str, refusal: httpx.Response, seconds: str) -> None:
    answer = answer_when(refusal, route)

    assert (answer.status, answer.headers["retry-after"]) == (503, seconds)
    assert upstream(answer)["status"] == 429


@REPEATABLE
@pytest.mark.parametrize(
    "failure",
    [
        error_response(500),
        httpx.Response(503, text="<html>"),
        httpx.ConnectError("no route"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=["500", "503", "not reached", "cut"],
)
def test_down_is_502(route: str, failure: Step) -> None:
    assert answer_when(failure, route).status == 502


@REPEATABLE
@pytest.mark.parametrize("failure", [httpx.ReadTimeout(""), httpx.WriteTimeout(""), httpx.ConnectTimeout("")], ids=repr)
def test_too_slow_is_504(route: str, failure: Step) -> None:
    assert answer_when(failure, route).status == 504


def is_told_where_to_look(answer: Answer) -> bool:
    """Return whether an answer says that the chat comes later, and names its run."""
    run_id = answer.headers["x-run-id"]
    assert (answer.json["run_id"], answer.headers["location"]) == (run_id, f"/runs/{run_id}")
    return answer.status == 202 and answer.json["status"] == "pending"


@pytest.mark.parametrize(
    "failure",
    [
        error_response(500),
        error_response(409),
        error_response(409, code="idempotency_request_in_progress"),
        error_response(400, code="idempotency_key_mismatch"),
        error_response(429, "Slow down. Try again in 12 seconds."),
        httpx.ReadTimeout(""),
        httpx.RemoteProtocolError("cut"),
        httpx.ConnectError("no route"),
        ok([]),
    ],
    ids=["500", "409", "in progress", "mismatch", "throttled", "slow", "cut", "not reached", "no chat"],
)
def test_a_create_that_waits_or_whose_outcome_is_not_known_is_202_with_its_run(failure: Step) -> None:
    answer = answer_when(failure, "create")

    assert is_told_where_to_look(answer)
    assert answer.json["chat_id"] is None
    assert answer.json["error"]["message"]


@REPEATABLE
def test_an_answer_that_cannot_be_read_is_502(route: str) -> None:
    expected = 204 if route == "delete" else 502

    assert answer_when(httpx.Response(200, text="<html>"), route).status == expected


@pytest.mark.parametrize(
    "answered",
    [{"id": "aich_9", "title": None}, ai_chat(id="aich_9", message_count="many")],
    ids=["fields missing", "field wrong"],
)
def test_a_create_whose_answer_cannot_be_read_but_for_the_chats_id_is_201(answered: object) -> None:
    whop = ScriptedTransport(ok(answered), ok(ai_chat(id="aich_9")))

    answer = call_api(whop)("POST", "/chats", MUTED)

    assert (answer.status, answer.json["id"]) == (201, "aich_9")
    assert whop.calls[1] == ("PATCH", "/api/v1/ai_chats/aich_9")


def test_a_mute_that_is_rejected_after_the_create_names_the_chat_and_the_run() -> None:
    whop = ScriptedTransport(ok(ai_chat(id="aich_9")), error_response(403))

    answer = call_api(whop)("POST", "/chats", MUTED)

    assert answer.status == 502
    assert answer.json["chat_id"] == "aich_9"
    assert len(answer.json["run_id"]) == 32
    assert [method for method, _ in whop.calls] == ["POST", "PATCH"]


@pytest.mark.parametrize(
    "failure",
    [error_response(429), error_response(500), httpx.ReadTimeout(""), error_response(404)],
    ids=["throttled", "down", "slow", "not found yet"],
)
def test_a_mute_that_fails_after_the_create_comes_later_and_the_chat_is_named(failure: Step) -> None:
    answer = call_api(ScriptedTransport(ok(ai_chat(id="aich_9")), failure))("POST", "/chats", MUTED)

    assert is_told_where_to_look(answer)
    assert answer.json["chat_id"] == "aich_9"


def test_a_run_that_failed_before_says_so_again_without_a_call() -> None:
    api = call_api(ScriptedTransport(error_response(403, "No.")))
    key = {"idempotency-key": "k"}
    first = api("POST", "/chats", MUTED, headers=key)

    again = api("POST", "/chats", MUTED, headers=key)

    assert (first.status, again.status) == (502, 502)
    assert f"run {first.json['run_id']} failed: whop: 403" in again.json["detail"]
    assert (again.json["run_id"], again.headers["x-run-id"]) == (first.json["run_id"], first.json["run_id"])


def test_a_cancelled_run_answers_its_key_with_409_because_no_retry_can_help() -> None:
    api = call_api(ScriptedTransport(error_response(429, "Slow down.")))
    key = {"idempotency-key": "k"}
    first = api("POST", "/chats", MUTED, headers=key)
    assert first.status == 202
    api("POST", f"/runs/{first.json['run_id']}/cancel", {"reason": "typo"})

    again = api("POST", "/chats", MUTED, headers=key)

    assert (again.status, again.json["type"]) == (409, "/docs/problems#conflict")
    assert f"run {first.json['run_id']} was cancelled by local: typo. To start another run, " in again.json["detail"]
    assert (again.json["run_id"], again.headers["x-run-id"]) == (first.json["run_id"], first.json["run_id"])


def test_a_key_that_was_rotated_is_read_again_and_the_call_works() -> None:
    clock, secrets = FakeClock(), FakeSecretsManager(SECRETS)
    whop = ScriptedTransport(ok(ai_chat()), error_response(401), ok(ai_chat()))
    application = make_application(whop, secrets)
    application.secrets.clock = clock
    api = HttpCaller(create_api(application).resolve)
    api("GET", "/chats/aich_1")
    secrets.values[WHOP_SECRET] = {"api_key": "rotated"}
    clock.sleep(60)

    answer = api("GET", "/chats/aich_1")

    assert answer.status == 200
    assert [request.headers["authorization"] for request in whop.requests[1:]] == [
        f"Bearer {WHOP_KEY}",
        "Bearer rotated",
    ]


@ALL
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is empty. To store it, type: aichats admin secret set whop"),
        ({"api_key": "key with spaces"}, "is malformed (api_key: "),
        ("not JSON", "is not JSON"),
        (aws_error("ResourceNotFoundException"), "does not exist"),
        (aws_error("AccessDeniedException"), "may not be read"),
    ],
    ids=["empty", "malformed", "no JSON", "missing", "forbidden"],
)
def test_whops_secret_that_cannot_be_used_is_named(route: str, value: SecretValue, message: str) -> None:
    method, path, body = ROUTES[route]
    whop = ScriptedTransport()

    answer = call_api(whop, FakeSecretsManager({**SECRETS, WHOP_SECRET: value}))(method, path, body)

    # A create then fails, as if Whop rejected the key.
    assert answer.status == (502 if route == "create" else 500)
    assert f"secret {WHOP_SECRET} {message}" in answer.json["detail"]
    assert "key with spaces" not in answer.body
    assert whop.requests == []


@ALL
def test_an_unexpected_error_is_reported_without_details_and_a_run_continues(route: str) -> None:
    answer = answer_when(ZeroDivisionError("internals"), route)

    assert answer.status == (202 if route == "create" else 500)
    assert "internals" not in answer.body
    assert "ZeroDivisionError" not in answer.body


@pytest.mark.parametrize("code", ["InternalServiceError", "ThrottlingException"])
def test_a_secret_that_cannot_be_read_just_now_is_503(code: str) -> None:
    secrets = FakeSecretsManager({**SECRETS, WHOP_SECRET: aws_error(code)})

    answer = call_api(ScriptedTransport(), secrets)("GET", "/chats")

    assert (answer.status, "retry-after" in answer.headers) == (503, True)
