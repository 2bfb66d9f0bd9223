"""A call apart from its failures: what goes out, how tokens are renewed, what is read, and what is logged."""

import gzip
import json
import logging
from collections.abc import Callable, Iterator

import httpx
import pytest

from aichats.errors import AichatsError, AuthenticationError, BadRequestError, InputError
from aichats.http.client import MAX_ANSWER_BYTES, HttpClient
from aichats.http.deadline import remaining, time_limit
from aichats.http.retry import MAX_ATTEMPTS
from tests.support.fakes import FakeClock, ScriptedTransport, error_response, ok
from tests.support.http_calls import call, client, done, sent

SECRET = "sk_live_0123456789"


def renewing(*tokens: str) -> tuple[list[str | None], Callable[[str | None], str]]:
    """Return a function that returns the tokens in turn and then the last one, and the list of its arguments."""
    calls: list[str | None] = []

    def token(rejected_token: str | None) -> str:
        calls.append(rejected_token)
        return tokens[min(len(calls), len(tokens)) - 1]

    return calls, token


def authorizations(requests: list[httpx.Request]) -> list[str]:
    return [request.headers["authorization"] for request in requests]


# ---- what goes out


def test_a_body_goes_out_as_compact_json_in_utf_8(clock: FakeClock) -> None:
    http = client(clock, done())
    http.call("POST", "/ai_chats", body={"message_text": "Grüße", "title": None}, headers={"x-extra": "1"})
    request = sent(http)[0]
    assert request.content == '{"message_text":"Grüße","title":null}'.encode()
    assert (request.headers["content-type"], request.headers["x-extra"]) == ("application/json", "1")


def test_a_call_without_a_body_declares_none(clock: FakeClock) -> None:
    http = client(clock, done())
    http.call("GET", "/ai_chats", params={"after": "a/b c&d"})
    request = sent(http)[0]
    assert (request.content, "content-type" in request.headers) == (b"", False)
    assert request.url.params["after"] == "a/b c&d"


def test_a_slash_at_the_end_of_the_base_url_changes_nothing(clock: FakeClock) -> None:
    http = client(clock, done())
    http.base_url += "/"
    call(http)
    assert str(sent(http)[0].url) == "https://whop.invalid/api/v1/ai_chats"


# ---- limits


def limits_and_time_left(http: HttpClient, timeout: float | None = None) -> tuple[dict[str, float], float]:
    """Return the limits of a request, and the seconds until its deadline."""
    seen: list[tuple[dict[str, float], float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.extensions["timeout"], remaining(default=float("inf"))))
        return done()

    assert isinstance(http.transport, ScriptedTransport)
    http.transport.script.append(answer)
    http.call("POST", "/ai_chats", timeout=timeout)
    return seen[0]


def test_a_call_has_the_limit_of_the_client(clock: FakeClock) -> None:
    limits = {"connect": 5.0, "read": 60.0, "write": 60.0, "pool": 60.0}
    assert limits_and_time_left(client(clock, timeout=60.0)) == (limits, 60.0)


@pytest.mark.parametrize(("timeout", "connect"), [(240.0, 5.0), (2.0, 2.0)])
def test_a_call_may_have_a_limit_of_its_own(timeout: float, connect: float, clock: FakeClock) -> None:
    limits = {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
    assert limits_and_time_left(client(clock, timeout=60.0), timeout=timeout) == (limits, timeout)


def test_the_deadline_around_a_call_applies_whatever_its_own_limit(clock: FakeClock) -> None:
    with time_limit(7.0):
        assert limits_and_time_left(client(clock), timeout=240.0)[1] == 7.0


def test_a_longer_limit_of_one_call_applies_to_its_waits_too(clock: FakeClock) -> None:
    http = client(clock, error_response(429, headers={"retry-after": "12"}), done(), timeout=10.0)
    http.call("POST", "/ai_chats", timeout=240.0)
    assert clock.slept == [12.0]


# ---- tokens


def test_the_token_is_asked_for_before_each_call(clock: FakeClock) -> None:
    calls, token = renewing("first", "second")
    http = client(clock, done(), done(), token=token)
    call(http)
    call(http)
    assert (calls, authorizations(sent(http))) == ([None, None], ["Bearer first", "Bearer second"])


def test_a_rejected_token_is_handed_in_and_the_call_repeated_with_the_new_one(clock: FakeClock) -> None:
    calls, token = renewing("old", "new")
    http = client(clock, error_response(401), done(), token=token)
    call(http, "POST")
    assert calls == [None, "old"]
    assert authorizations(sent(http)) == ["Bearer old", "Bearer new"]
    assert len({request.content for request in sent(http)}) == 1
    assert clock.slept == []


def test_the_new_token_is_used_by_the_calls_that_follow(clock: FakeClock) -> None:
    calls, token = renewing("old", "new")
    http = client(clock, error_response(401), done(), done(), token=token)
    call(http)
    call(http)
    assert calls == [None, "old", None]
    assert authorizations(sent(http)) == ["Bearer old", "Bearer new", "Bearer new"]


def test_a_call_is_repeated_with_a_new_token_once_only(clock: FakeClock) -> None:
    calls, token = renewing("first", "second", "third")
    http = client(clock, error_response(401), error_response(401), token=token)
    with pytest.raises(AuthenticationError):
        call(http)
    assert calls == [None, "first"]


def test_a_call_is_not_repeated_with_the_token_that_was_rejected(clock: FakeClock) -> None:
    calls, token = renewing("same")
    http = client(clock, error_response(401), token=token)
    with pytest.raises(AuthenticationError):
        call(http)
    assert (calls, len(sent(http))) == ([None, "same"], 1)


def test_a_token_that_is_a_string_is_never_renewed(clock: FakeClock) -> None:
    http = client(clock, error_response(401), token="fixed")
    with pytest.raises(AuthenticationError):
        call(http)
    assert len(sent(http)) == 1


def test_a_renewed_token_takes_nothing_from_the_attempts(clock: FakeClock) -> None:
    _, token = renewing("old", "new")
    http = client(
        clock, error_response(401), *[error_response(503) for _ in range(MAX_ATTEMPTS - 1)], done(), token=token
    )
    call(http)
    assert len(sent(http)) == MAX_ATTEMPTS + 1


@pytest.mark.parametrize("token", ["", f"{SECRET}\n", f"{SECRET} ", "schlüssel"])
def test_a_token_that_cannot_mock_a_header_is_rejected_without_showing_it(token: str, clock: FakeClock) -> None:
    http = client(clock, token=token)
    with pytest.raises(InputError, match="token: must be visible ASCII") as raised:
        call(http, "POST")
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("failure", [error_response(401), error_response(500), httpx.ReadTimeout("slow"), done()])
def test_a_token_appears_in_no_error_no_repr_and_no_log(
    failure: httpx.Response | Exception, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = renewing(SECRET, SECRET + "_new")
    http = client(clock, failure, error_response(403), token=token)
    caplog.set_level(logging.DEBUG)
    seen = [repr(http)]
    try:
        call(http, "POST")
    except AichatsError as error:
        seen += [str(error), repr(error), repr(error.__cause__)]
    seen += [str(vars(record)) for record in caplog.records]
    assert SECRET not in "".join(seen)
    assert repr(client(clock, token=SECRET)).count(SECRET) == 0


# ---- what is read


def test_an_answer_comes_with_its_request_id(clock: FakeClock) -> None:
    http = client(clock, ok({"done": True}, **{"x-request-id": "req_1"}))
    answer = http.call("GET", "/ai_chats")
    assert (answer.status, answer.request_id) == (200, "req_1")


def test_an_answer_longer_than_the_limit_is_cut(clock: FakeClock) -> None:
    http = client(clock, httpx.Response(200, content=b'"' + b"x" * MAX_ANSWER_BYTES + b'"'))
    assert len(call(http)) == MAX_ANSWER_BYTES


def test_an_endless_answer_is_not_read_to_its_end(clock: FakeClock) -> None:
    given = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal given
            while True:
                given += 1
                yield b"x" * 65536

    call(client(clock, httpx.Response(200, stream=Endless())))
    assert given <= MAX_ANSWER_BYTES // 65536 + 2


def test_a_refusal_with_a_huge_body_is_still_the_refusal(clock: FakeClock) -> None:
    http = client(clock, httpx.Response(400, content=b"x" * (MAX_ANSWER_BYTES + 1)))
    with pytest.raises(BadRequestError):
        call(http, "POST")


def test_a_compressed_answer_is_read(clock: FakeClock) -> None:
    body = gzip.compress(json.dumps({"done": True}).encode())
    assert call(client(clock, httpx.Response(200, content=body, headers={"content-encoding": "gzip"}))) == (
        b'{"done": true}'
    )


@pytest.mark.parametrize("status", [200, 400])
def test_of_an_answer_with_a_broken_compression_the_status_counts(status: int, clock: FakeClock) -> None:
    stream = httpx.ByteStream(b"this is not gzip")
    http = client(clock, httpx.Response(status, stream=stream, headers={"content-encoding": "gzip"}))
    if status == 200:
        assert call(http, "POST") == b""
    else:
        with pytest.raises(BadRequestError):
            call(http, "POST")


# ---- what is logged


def test_the_announced_end_of_an_endpoint_is_logged_as_a_warning(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    announced = {
        "deprecation": "@1798761600",
        "sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
        "link": '<https://docs.whop.com/moved>; rel="successor-version"',
    }
    call(client(clock, ok({}, **announced)))
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "whop announces the end of an endpoint")
    assert vars(record).items() >= {"method": "GET", "path": "/api/v1/ai_chats", **announced}.items()


def test_a_refusal_announces_it_too(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AichatsError):
        call(client(clock, error_response(410, headers={"sunset": "Fri, 01 Jan 2027 00:00:00 GMT"})))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_link_alone_announces_nothing(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    call(client(clock, ok({}, link='<https://whop.invalid/next>; rel="next"')))
    assert caplog.records == []
