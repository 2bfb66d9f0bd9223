"""Answers of the API if Kodey rejects or throttles a request, doesn't answer, or if its secret is invalid."""

import httpx
import pytest

from tests.support.fakes import FakeSecretsManager, Json, Step
from tests.support.kodey_api import CHAT, CHATS, KEY, MESSAGES, NEW, POSTS, SENT, SLOW_QUEUE, KodeyApi, kodey_error
from tests.support.lambda_calls import KODEY_KEY, KODEY_SECRET, SECRETS

REFUSALS: list[tuple[Step, int]] = [
    (kodey_error(401), 502),
    (kodey_error(403), 502),
    (kodey_error(404), 404),
    (kodey_error(400), 502),
]


@pytest.mark.parametrize(("method", "path"), [("GET", CHATS), ("GET", CHAT), ("GET", MESSAGES), ("DELETE", CHAT)])
@pytest.mark.parametrize(
    ("step", "status"),
    [*REFUSALS, (kodey_error(500), 502), (httpx.ConnectError("no route"), 502), (httpx.ReadTimeout("slow"), 504)],
)
def test_a_call_that_kodey_rejects_is_reported_as_for_whop(
    api: KodeyApi, method: str, path: str, step: Step, status: int
) -> None:
    api.kodey.interfere = lambda _: step

    answer = api(method, path)

    assert answer.status == status
    assert KODEY_KEY not in answer.body
    assert (answer.json.get("upstream") or {"provider": "kodey"})["provider"] == "kodey"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_that_kodey_throttles_is_503_with_its_wait(api: KodeyApi, method: str) -> None:
    api.kodey.interfere = lambda _: kodey_error(429, retryAfter=60)

    answer = api(method, CHAT)

    assert (answer.status, answer.headers["retry-after"]) == (503, "60")


@POSTS
@pytest.mark.parametrize(("step", "status"), REFUSALS)
def test_a_run_that_failed_on_the_queue_is_reported_like_a_call_of_the_api(
    api: KodeyApi, path: str, body: Json, step: Step, status: int
) -> None:
    api.kodey.interfere = lambda request: step if request.method == "POST" else None

    first, again = (api("POST", path, body, headers=KEY) for _ in range(2))

    assert isinstance(step, httpx.Response)
    for answer in (first, again):
        assert answer.status == status
        said = {"provider": "kodey", "status": step.status_code, "request_id": "req_1"}
        assert answer.json["upstream"] == said
        assert answer.json["run_id"] == answer.headers["x-run-id"]
        assert "failed: kodey: " in answer.json["detail"]
    assert first.headers["x-run-id"] == again.headers["x-run-id"]


@POSTS
@pytest.mark.parametrize("step", [kodey_error(429, retryAfter=60), httpx.ConnectError("no route"), kodey_error(500)])
def test_a_run_that_must_wait_is_answered_202(api: KodeyApi, path: str, body: Json, step: Step) -> None:
    api.kodey.interfere = lambda request: step if request.method == "POST" else None
    api.meanwhile = api.until_time_is_up

    answer = api("POST", path, body, seconds=0.9)

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert answer.json["error"]["provider"] == "kodey"
    assert [sent.queue for sent in api.sqs.sent] == [SLOW_QUEUE]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "is empty"),
        ({"key": "sk_live_topsecret"}, "is malformed (api_key: is missing)"),
        ({"api_key": ""}, "is malformed (api_key: must have 1 to 4096 characters, without spaces)"),
        ({"api_key": "sk_live_top secret"}, "is malformed (api_key: must have 1 to 4096 characters, without spaces)"),
        ({"api_key": ["sk_live_topsecret"]}, "is malformed (api_key: must be a text)"),
        ("sk_live_topsecret", "is not JSON"),
        (b"sk_live_topsecret", "contains binary data"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"), [("GET", CHATS, None), ("POST", CHATS, NEW), ("POST", MESSAGES, SENT)]
)
def test_an_invalid_secret_is_reported_with_the_command_to_type_and_nothing_of_the_key(
    value: Json | str | bytes, message: str, method: str, path: str, body: Json | None
) -> None:
    api = KodeyApi(FakeSecretsManager({**SECRETS, KODEY_SECRET: value}))

    answer = api(method, path, body)

    # A failed run is no error of this API, so there is no alarm.
    assert answer.status == (500 if method == "GET" else 502)
    assert f"secret {KODEY_SECRET} {message}" in answer.json["detail"]
    assert "aichats admin secret set kodey" in answer.json["detail"]
    assert not [part for part in ("sk_live", "topsecret", "top secret") if part in answer.body]
    assert api.kodey.requests == []
