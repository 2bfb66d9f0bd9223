"""CORS: off by default. Allowed origins can read answers and errors; others cannot."""

import pytest

from tests.support.fakes import ScriptedTransport, page
from tests.support.lambda_calls import LOCAL, Answer, HttpCaller, call_api, openapi

A, B, EVIL = "https://a.example", "https://b.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
REFUSED = [
    ("GET", "/chats", None, 401),
    ("GET", "/nowhere", LOCAL, 404),
    ("PUT", "/chats", LOCAL, 405),
    ("POST", "/chats", LOCAL, 422),
]
EACH_OPERATION = [operation for methods in openapi()["paths"].values() for operation in methods.values()]


def with_origins(origins: str) -> HttpCaller:
    return call_api(ScriptedTransport(page()), allowed_origins=origins)


def cors_headers(answer: Answer) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/chats", 200), ("GET", "/nowhere", 404), ("GET", "/health", 200), ("OPTIONS", "/chats", 405)],
)
def test_by_default_no_answer_has_a_header_of_cors(method: str, path: str, status: int) -> None:
    answer = with_origins("")(method, path, headers={"origin": A})

    assert answer.status == status
    assert cors_headers(answer) == set()


def test_by_default_a_preflight_needs_a_token_like_all_else() -> None:
    assert with_origins("")("OPTIONS", "/chats", token=None, headers={"origin": A} | PREFLIGHT).status == 401


@pytest.mark.parametrize("origin", [A, B])
@pytest.mark.parametrize("path", ["/chats", "/chats/aich_1", "/nowhere"])
def test_a_preflight_of_an_allowed_origin_needs_no_token(origin: str, path: str) -> None:
    answer = with_origins(f"{A}, {B}")("OPTIONS", path, token=None, headers={"origin": origin} | PREFLIGHT)

    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["access-control-allow-origin"] == origin
    assert {"DELETE", "GET", "PATCH", "POST"} <= set(answer.headers["access-control-allow-methods"].split(","))
    allowed = set(answer.headers["access-control-allow-headers"].split(","))
    assert {"Authorization", "Content-Type", "Idempotency-Key"} <= allowed


@pytest.mark.parametrize("origin", [EVIL, "null", "http://a.example", "https://a.example.evil.example", None])
@pytest.mark.parametrize(("method", "path"), [("OPTIONS", "/chats"), ("GET", "/chats"), ("GET", "/health")])
def test_another_origin_is_allowed_nothing(origin: str | None, method: str, path: str) -> None:
    answer = with_origins(f"{A},{B}")(method, path, headers={"origin": origin})

    assert "access-control-allow-origin" not in answer.headers


def test_an_answer_to_an_allowed_origin_may_be_read_with_its_headers() -> None:
    answer = with_origins(f"{A},{B}")("GET", "/chats", headers={"origin": B})

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == B
    assert {"Location", "X-Run-Id"} <= set(answer.headers["access-control-expose-headers"].split(","))
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(("method", "path", "token", "status"), REFUSED)
def test_a_refusal_may_be_read_by_an_allowed_origin_too(method: str, path: str, token: str | None, status: int) -> None:
    answer = with_origins(A)(method, path, token=token and f"Bearer {token}", headers={"origin": A})

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == A


@pytest.mark.parametrize("origin", [A, EVIL, None])
@pytest.mark.parametrize(
    ("method", "path", "token"),
    [("OPTIONS", "/chats", None), ("GET", "/health", None), *(rejected[:3] for rejected in REFUSED)],
)
def test_with_origins_every_answer_varies_by_origin(
    origin: str | None, method: str, path: str, token: str | None
) -> None:
    headers = {"origin": origin} | (PREFLIGHT if method == "OPTIONS" else {})

    answer = with_origins(A)(method, path, token=token and f"Bearer {token}", headers=headers)

    assert answer.headers["vary"] == "Origin"


def test_without_origins_nothing_varies() -> None:
    assert "vary" not in with_origins("")("GET", "/health", token=None, headers={"origin": A}).headers


def test_a_preflight_allows_just_the_headers_that_the_api_reads() -> None:
    answer = with_origins(A)("OPTIONS", "/chats", token=None, headers={"origin": A} | PREFLIGHT)

    parameters = [each for operation in EACH_OPERATION for each in operation.get("parameters", ())]
    read = {each["name"] for each in parameters if each["in"] == "header" and not each["name"].startswith("webhook-")}
    assert set(answer.headers["access-control-allow-headers"].split(",")) == read | {"Authorization", "Content-Type"}


def test_a_page_may_read_just_the_headers_that_the_api_sends() -> None:
    answer = with_origins(A)("GET", "/health", token=None, headers={"origin": A})

    responses = [response for operation in EACH_OPERATION for response in operation["responses"].values()]
    problems = openapi()["components"]["responses"].values()
    sent = {name for response in [*responses, *problems] for name in response.get("headers", ())} | {"Allow"}
    assert set(answer.headers["access-control-expose-headers"].split(",")) == sent


def test_options_without_what_makes_a_preflight_is_a_method_like_others() -> None:
    api = with_origins(A)

    assert api("OPTIONS", "/chats", token=None, headers={"origin": A}).status == 401
    assert api("OPTIONS", "/chats", headers={"origin": A}).headers["allow"] == "GET, POST"


def test_with_cors_on_a_call_still_needs_its_token() -> None:
    assert with_origins(A)("GET", "/chats", token=None, headers={"origin": A}).status == 401
