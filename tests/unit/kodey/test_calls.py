"""The common parts of all operations: the keys that they need, their limits, and their retries."""

import logging
from typing import Any

import httpx
import pytest

from aichats.errors import (
    AichatsError,
    APIConnectionError,
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
)
from aichats.http import retry
from aichats.http.deadline import remaining
from aichats.http.retry import MAX_ATTEMPTS
from tests.support.fakes import ok
from tests.support.kodey_operations import OPERATIONS, Act, create, each_operation, each_post
from tests.support.kodey_replies import (
    FORBIDDEN,
    PUBLISHABLE_KEY,
    SECRET_KEY,
    TOO_MANY,
    UNAUTHORIZED,
    chat,
    client,
    kodey_error,
    message,
)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_BACKOFF_SECONDS", 0.0)


# ---- keys


@each_operation
def test_a_publishable_key_may_do_everything(operation: str) -> None:
    act, answer, call = OPERATIONS[operation]
    kodey, transport = client(answer, token=PUBLISHABLE_KEY)
    act(kodey)
    assert transport.calls == [call]


def test_the_refusal_of_a_publishable_key_hints_at_the_other_kind() -> None:
    kodey, _ = client(kodey_error(403, FORBIDDEN), token=PUBLISHABLE_KEY)
    with pytest.raises(PermissionDeniedError, match=r"403 Forbidden: Publishable keys cannot .* Hint: .*sk_live_"):
        create(kodey)


@each_post
def test_a_rejected_key_is_renewed_and_the_call_repeated_with_the_same_bytes(act: Act) -> None:
    asked: list[str | None] = []

    def token(rejected_key: str | None) -> str:
        asked.append(rejected_key)
        return "sk_live_old" if rejected_key is None else "sk_live_new"

    kodey, transport = client(kodey_error(401, UNAUTHORIZED), ok(chat() | message()), token=token)
    act(kodey)
    assert asked == [None, "sk_live_old"]
    assert [request.headers["x-api-key"] for request in transport.requests] == ["sk_live_old", "sk_live_new"]
    assert len({request.content for request in transport.requests}) == 1


def test_a_key_that_stays_rejected_is_reported_with_what_to_check() -> None:
    kodey, transport = client(kodey_error(401, UNAUTHORIZED))
    with pytest.raises(AuthenticationError, match=r"401: Unauthorized: Invalid API key\. Hint: check the api_key"):
        kodey.list_chats()
    assert len(transport.requests) == 1


@each_operation
@pytest.mark.parametrize(
    "failure",
    [
        kodey_error(401, UNAUTHORIZED),
        kodey_error(403, FORBIDDEN),
        kodey_error(500, {}),
        httpx.ReadTimeout("slow"),
        ok([]),
    ],
    ids=["401", "403", "500", "timeout", "unreadable"],
)
def test_a_key_appears_in_no_error_no_repr_and_no_log(
    operation: str, failure: httpx.Response | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    kodey, _ = client(*[failure] * MAX_ATTEMPTS, token=SECRET_KEY)
    caplog.set_level(logging.DEBUG)
    seen = [repr(kodey), repr(vars(kodey))]
    try:
        OPERATIONS[operation][0](kodey)
    except AichatsError as error:
        seen += [str(error), repr(error), repr(error.__cause__)]
    seen += [str(vars(record)) for record in caplog.records]
    assert SECRET_KEY not in "".join(seen)


# ---- repetition


@each_post
@pytest.mark.parametrize(
    "failure",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("hung up"),
        httpx.WriteError("cut"),
        kodey_error(408, {}),
        kodey_error(409, {"error": "Conflict", "message": "Try again."}),
        kodey_error(500, {"error": "Internal Server Error", "message": "Oops."}),
        kodey_error(502, None),
        kodey_error(504, {}),
    ],
    ids=["read timeout", "hung up", "write error", "408", "409", "500", "502", "504"],
)
def test_a_post_whose_outcome_is_unknown_is_not_repeated(act: Act, failure: httpx.Response | Exception) -> None:
    kodey, transport = client(failure)
    with pytest.raises(OutcomeUnknownError, match="Kodey may have performed the call"):
        act(kodey)
    assert len(transport.requests) == 1


@each_post
def test_a_post_that_surely_took_no_effect_is_repeated_with_the_same_bytes(act: Act) -> None:
    limited = kodey_error(429, TOO_MANY | {"retryAfter": 0})
    kodey, transport = client(httpx.ConnectError("refused"), limited, ok(chat() | message()))
    act(kodey)
    assert len({request.content for request in transport.requests}) == 1
    assert len(transport.requests) == 3


@each_post
def test_a_post_that_never_gets_through_did_nothing(act: Act) -> None:
    kodey, _ = client(*[httpx.ConnectError("refused")] * MAX_ATTEMPTS)
    with pytest.raises(APIConnectionError):
        act(kodey)


@pytest.mark.parametrize("operation", ["list", "retrieve", "delete", "messages"])
def test_a_call_without_an_effect_of_its_own_is_repeated(operation: str) -> None:
    act, answer, call = OPERATIONS[operation]
    kodey, transport = client(httpx.ReadTimeout("slow"), kodey_error(503, {}), answer)
    act(kodey)
    assert transport.calls == [call] * 3


@pytest.mark.parametrize("operation", ["retrieve", "delete", "send", "messages"])
def test_an_unknown_chat_is_not_found(operation: str) -> None:
    kodey, transport = client(kodey_error(404, {"error": "Not Found", "message": "Chat not found."}))
    with pytest.raises(NotFoundError, match="kodey: 404 Not Found: Chat not found"):
        OPERATIONS[operation][0](kodey)
    assert len(transport.requests) == 1


# ---- limits


def limit_of(act: Act, answer: httpx.Response, **options: Any) -> tuple[float, float]:
    """Return the limit of a read and of the whole call, to the nearest second."""
    seen: list[tuple[float, float]] = []

    def step(request: httpx.Request) -> httpx.Response:
        seen.append((request.extensions["timeout"]["read"], round(remaining(default=0.0))))
        return answer

    act(client(step, **options)[0])
    return seen[0]


@each_operation
def test_only_the_answer_to_a_message_may_take_minutes(operation: str) -> None:
    act, answer, _ = OPERATIONS[operation]
    expected = 240.0 if operation == "send" else 20.0
    assert limit_of(act, answer) == (expected, expected)
    expected = 600.0 if operation == "send" else 30.0
    assert limit_of(act, answer, timeout=30.0, answer_timeout=600.0) == (expected, expected)
