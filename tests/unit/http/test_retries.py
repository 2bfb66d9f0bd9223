"""A client's retries: every method with every failure, the waits between the attempts, and the final error."""

import httpx
import pytest

from aichats.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GoneError,
    InternalServerError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProviderError,
    RateLimitError,
    UnprocessableEntityError,
)
from aichats.http.deadline import time_limit
from aichats.http.retry import MAX_ATTEMPTS
from tests.support.fakes import FakeClock, Step, error_response
from tests.support.http_calls import Failure, broken, call, client, done, in_progress, mismatch, sent, status

type End = tuple[int, type[ProviderError]]
"""The number of attempts, and the final error."""

REPEATED, ONCE = MAX_ATTEMPTS, 1
UNKNOWN: End = (ONCE, OutcomeUnknownError)


def each_time(attempts: int, error: type[ProviderError]) -> tuple[End, End]:
    return (attempts, error), (attempts, error)


# Failure, and how a GET, PATCH or DELETE ends, and how a POST ends.
TABLE: dict[str, tuple[Failure, tuple[End, End]]] = {
    "connect error": (broken(httpx.ConnectError), each_time(REPEATED, APIConnectionError)),
    "connect timeout": (broken(httpx.ConnectTimeout), each_time(REPEATED, APITimeoutError)),
    "no free connection": (broken(httpx.PoolTimeout), each_time(REPEATED, APITimeoutError)),
    "unknown protocol": (broken(httpx.UnsupportedProtocol), each_time(ONCE, APIConnectionError)),
    "illegal request": (broken(httpx.LocalProtocolError), each_time(ONCE, APIConnectionError)),
    "write timeout": (broken(httpx.WriteTimeout), ((REPEATED, APITimeoutError), UNKNOWN)),
    "read timeout": (broken(httpx.ReadTimeout), ((REPEATED, APITimeoutError), UNKNOWN)),
    "write error": (broken(httpx.WriteError), ((REPEATED, APIConnectionError), UNKNOWN)),
    "read error": (broken(httpx.ReadError), ((REPEATED, APIConnectionError), UNKNOWN)),
    "hung up": (broken(httpx.RemoteProtocolError), ((REPEATED, APIConnectionError), UNKNOWN)),
    "300": (status(300), each_time(ONCE, APIStatusError)),
    "307": (status(307), each_time(ONCE, APIStatusError)),
    "400": (status(400), each_time(ONCE, BadRequestError)),
    "401": (status(401), each_time(ONCE, AuthenticationError)),
    "403": (status(403), each_time(ONCE, PermissionDeniedError)),
    "404": (status(404), each_time(ONCE, NotFoundError)),
    "408": (status(408), ((REPEATED, APIStatusError), UNKNOWN)),
    "409": (status(409), ((ONCE, ConflictError), UNKNOWN)),
    "409 in progress": (in_progress, ((ONCE, ConflictError), (REPEATED, OutcomeUnknownError))),
    "400 key mismatch": (mismatch, ((ONCE, BadRequestError), UNKNOWN)),
    "410": (status(410), each_time(ONCE, GoneError)),
    "418": (status(418), each_time(ONCE, APIStatusError)),
    "422": (status(422), each_time(ONCE, UnprocessableEntityError)),
    "429": (status(429), each_time(REPEATED, RateLimitError)),
    "499": (status(499), each_time(ONCE, APIStatusError)),
    "500": (status(500), ((REPEATED, InternalServerError), UNKNOWN)),
    "502": (status(502), ((REPEATED, InternalServerError), UNKNOWN)),
    "503": (status(503), ((REPEATED, InternalServerError), UNKNOWN)),
    "504": (status(504), ((REPEATED, InternalServerError), UNKNOWN)),
    "529": (status(529), ((REPEATED, InternalServerError), UNKNOWN)),
    "599": (status(599), ((REPEATED, InternalServerError), UNKNOWN)),
}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("failure", TABLE)
def test_a_failure_that_stays_is_repeated_and_raised_as_the_table_says(
    failure: str, method: str, clock: FakeClock
) -> None:
    make, (idempotent, post) = TABLE[failure]
    attempts, error = post if method == "POST" else idempotent
    http = client(clock, *[make() for _ in range(MAX_ATTEMPTS + 1)])
    with pytest.raises(ProviderError) as raised:
        call(http, method)
    assert (len(sent(http)), type(raised.value)) == (attempts, error)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("failure", TABLE)
def test_a_failure_that_passes_is_not_raised_if_the_call_may_be_repeated(
    failure: str, method: str, clock: FakeClock
) -> None:
    make, (idempotent, post) = TABLE[failure]
    attempts, error = post if method == "POST" else idempotent
    http = client(clock, make(), make(), done())
    if attempts == ONCE:
        with pytest.raises(error):
            call(http, method)
    else:
        assert call(http, method) == b'{"done":true}'
        assert len(sent(http)) == 3


def test_every_attempt_sends_the_same_bytes_under_the_same_key(clock: FakeClock) -> None:
    http = client(clock, httpx.ConnectError("refused"), error_response(429), in_progress(), done())
    call(http, "POST")
    attempts = {(request.content, request.headers["idempotency-key"], str(request.url)) for request in sent(http)}
    assert attempts == {('{"message_text":"Grüße"}'.encode(), "run.1", "https://whop.invalid/api/v1/ai_chats")}


# ---- waits


@pytest.mark.parametrize(
    ("refusal", "wait"),
    [
        (error_response(429, headers={"retry-after": "7"}), 7.0),
        (error_response(503, headers={"retry-after": "7"}), 7.0),
        (error_response(429, "Rate limit exceeded. Try again in 12 seconds."), 12.0),
        (error_response(429, headers={"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}), 0.0),
    ],
)
def test_the_wait_that_the_provider_names_is_kept(refusal: httpx.Response, wait: float, clock: FakeClock) -> None:
    call(client(clock, refusal, done()))
    assert clock.slept == [wait]


@pytest.mark.parametrize("retry_after", ["soon", "-1", "nan", "inf", "99999999"])
def test_where_no_sane_wait_is_named_it_backs_off(retry_after: str, clock: FakeClock) -> None:
    refusals = [error_response(503, headers={"retry-after": retry_after}) for _ in range(3)]
    call(client(clock, *refusals, done()))
    assert clock.slept == [0.25, 0.5, 1.0]


def test_a_wait_that_would_end_after_the_limit_is_not_begun(clock: FakeClock) -> None:
    http = client(clock, error_response(429, headers={"retry-after": "10"}), timeout=10.0)
    with pytest.raises(RateLimitError) as raised:
        call(http, "POST")
    assert (clock.slept, raised.value.retry_after) == ([], 10.0)


def test_a_long_wait_is_left_to_the_caller_however_much_time_there_is(clock: FakeClock) -> None:
    http = client(clock, *[error_response(429, headers={"retry-after": wait}) for wait in ("15", "16")], timeout=240.0)
    with pytest.raises(RateLimitError) as raised:
        call(http, "POST")
    assert (clock.slept, raised.value.retry_after) == ([15.0], 16.0)


def test_the_limit_applies_to_all_waits_together(clock: FakeClock) -> None:
    http = client(clock, *[error_response(429, headers={"retry-after": "9"}) for _ in range(3)], timeout=20.0)
    with pytest.raises(RateLimitError):
        call(http)
    assert clock.slept == [9.0, 9.0]


def test_the_deadline_around_the_call_applies_too(clock: FakeClock) -> None:
    http = client(clock, error_response(429, headers={"retry-after": "6"}), timeout=60.0)
    with time_limit(5.0), pytest.raises(RateLimitError):
        call(http)
    assert clock.slept == []


def test_without_time_left_not_even_a_backoff_is_begun(clock: FakeClock) -> None:
    http = client(clock, httpx.ConnectError("refused"))
    with time_limit(0.0), pytest.raises(APIConnectionError):
        call(http)
    assert clock.slept == []


# ---- unknown outcomes


def test_an_unknown_outcome_keeps_what_made_it_unknown(clock: FakeClock) -> None:
    with pytest.raises(OutcomeUnknownError) as raised:
        call(client(clock, error_response(500, "Something broke.", headers={"x-request-id": "req_9"})), "POST")
    error = raised.value
    assert isinstance(error.__cause__, InternalServerError)
    assert (error.request_id, error.provider, error.chat_id) == ("req_9", "whop", None)
    assert str(error) == (
        "whop: POST /api/v1/ai_chats: 500 a_type: Something broke. Whop may have performed the call. (request req_9)"
    )


def test_an_unknown_outcome_without_an_answer_has_no_request_id(clock: FakeClock) -> None:
    with pytest.raises(OutcomeUnknownError, match=r"POST /api/v1/ai_chats: no response in time\. Whop may") as raised:
        call(client(clock, httpx.ReadTimeout("")), "POST")
    assert isinstance(raised.value.__cause__, httpx.ReadTimeout)
    assert raised.value.request_id is None


@pytest.mark.parametrize(
    "last",
    [status(400), status(401), status(404), status(429), status(422), broken(httpx.ConnectError), in_progress],
    ids=["400", "401", "404", "429", "422", "connect error", "in progress"],
)
def test_after_the_key_was_in_progress_no_failure_means_that_nothing_was_done(last: Failure, clock: FakeClock) -> None:
    http = client(clock, in_progress(), *[last() for _ in range(MAX_ATTEMPTS - 1)])
    with pytest.raises(OutcomeUnknownError):
        call(http, "POST")


# ---- what is raised


def test_a_final_refusal_is_raised_as_it_is(clock: FakeClock) -> None:
    with pytest.raises(NotFoundError) as raised:
        call(client(clock, error_response(404)))
    assert raised.value.__cause__ is None


def test_a_connection_error_says_what_was_tried(clock: FakeClock) -> None:
    failures = [httpx.ConnectError("[Errno 111] Connection refused") for _ in range(MAX_ATTEMPTS)]
    with pytest.raises(APIConnectionError) as raised:
        call(client(clock, *failures), "POST")
    assert str(raised.value) == "whop: POST /api/v1/ai_chats: the connection failed ([Errno 111] Connection refused)."
    assert raised.value.__cause__ is failures[-1]


def test_a_redirect_is_not_followed(clock: FakeClock) -> None:
    http = client(clock, httpx.Response(308, headers={"location": "https://elsewhere.invalid/"}))
    with pytest.raises(APIStatusError, match="308: Permanent Redirect"):
        call(http, "POST")
    assert len(sent(http)) == 1


# ---- deletes


@pytest.mark.parametrize(
    "lost", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), error_response(500), error_response(408)]
)
def test_a_delete_whose_answer_got_lost_succeeded_if_there_is_nothing_any_more(lost: Step, clock: FakeClock) -> None:
    http = client(clock, lost, error_response(404))
    assert call(http, "DELETE") == b""
    assert len(sent(http)) == 2


@pytest.mark.parametrize("before", [[], [httpx.ConnectError("no route")], [error_response(429)]])
def test_a_delete_of_what_is_not_there_is_an_error(before: list[Step], clock: FakeClock) -> None:
    with pytest.raises(NotFoundError):
        call(client(clock, *before, error_response(404)), "DELETE")


def test_only_a_delete_takes_nothing_for_success(clock: FakeClock) -> None:
    with pytest.raises(NotFoundError):
        call(client(clock, error_response(500), error_response(404)), "PATCH")
