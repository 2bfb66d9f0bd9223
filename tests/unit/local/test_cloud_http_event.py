"""The event of a request, and the response for a result."""

import base64
from typing import Any

import pytest

from local.cloud.http_api import Route
from local.cloud.http_event import Request, event_of, reply_of

ROUTE = Route("ANY", "/{proxy+}", "function")


def event(
    method: str = "GET",
    target: str = "/chats",
    query: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> dict[str, Any]:
    request = Request(method, target, query, (("host", "127.0.0.1:3000"), *headers), body, "127.0.0.1")
    return event_of(request, "abc123", ROUTE, {"proxy": request.path.removeprefix("/")})


def test_a_plain_request_has_no_empty_parts() -> None:
    got = event(headers=(("user-agent", "curl/8"),))
    assert got["version"] == "2.0"
    assert got["routeKey"] == got["requestContext"]["routeKey"] == "ANY /{proxy+}"
    assert got["requestContext"]["http"] == {
        "method": "GET",
        "path": "/chats",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "curl/8",
    }
    assert got["requestContext"]["stage"] == "$default"
    assert got["rawQueryString"] == ""
    assert got["isBase64Encoded"] is False
    assert {"body", "cookies", "queryStringParameters"}.isdisjoint(got)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/chats/a%2Fb", "/chats/a/b"),
        ("/chats/%2e%2E", "/chats/.."),
        ("/chats/a%20b%3Fc", "/chats/a b?c"),
        ("/chats/%C3%A9%E2%82%AC", "/chats/é€"),
        ("/chats/a%252Fb", "/chats/a%252Fb"),
        ("/chats/100%", "/chats/100%"),
        ("/chats/a+b", "/chats/a+b"),
    ],
)
def test_the_path_is_decoded_but_for_the_percent_sign(target: str, path: str) -> None:
    got = event(target=target)
    assert got["rawPath"] == got["requestContext"]["http"]["path"] == path
    assert got["pathParameters"] == {"proxy": path.removeprefix("/")}


def test_the_query_is_kept_raw_and_given_decoded_with_repeated_names_joined() -> None:
    got = event(query="after=a%2Bb&tag=1&empty=&tag=2&plus=a+b")
    assert got["rawQueryString"] == "after=a%2Bb&tag=1&empty=&tag=2&plus=a+b"
    assert got["queryStringParameters"] == {"after": "a+b", "tag": "1,2", "empty": "", "plus": "a b"}


def test_repeated_headers_are_joined_and_cookies_stand_apart() -> None:
    got = event(
        headers=(("x-tag", "1"), ("x-tag", "2"), ("cookie", "a=1; b=2"), ("cookie", "c=3"), ("connection", "close"))
    )
    assert got["cookies"] == ["a=1", "b=2", "c=3"]
    assert got["headers"] == {
        "host": "127.0.0.1:3000",
        "x-tag": "1,2",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-proto": "http",
    }


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "text/plain", "Application/XML"]
)
def test_text_comes_as_text(kind: str) -> None:
    got = event("POST", headers=(("content-type", kind),), body="é".encode())
    assert (got["body"], got["isBase64Encoded"]) == ("é", False)


@pytest.mark.parametrize(
    "kind", ["application/octet-stream", "application/x-www-form-urlencoded", "", "application/json-seq"]
)
def test_everything_else_comes_in_base64(kind: str) -> None:
    got = event("POST", headers=(("content-type", kind),) if kind else (), body=b"\xff\x00")
    assert (base64.b64decode(got["body"]), got["isBase64Encoded"]) == (b"\xff\x00", True)


def test_a_result_becomes_the_reply_with_a_header_line_for_each_cookie() -> None:
    reply = reply_of(
        {"statusCode": 201, "headers": {"Location": "/chats/1", "X-Count": 2}, "body": "é", "cookies": ["a=1", "b=2"]}
    )
    assert reply.status == 201
    assert reply.headers == [("location", "/chats/1"), ("x-count", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert reply.body == "é".encode()


def test_a_base64_result_is_decoded() -> None:
    assert reply_of({"statusCode": 200, "isBase64Encoded": True, "body": "/wA="}).body == b"\xff\x00"


@pytest.mark.parametrize("result", [{"statusCode": 204}, {"statusCode": 204, "headers": None, "body": None}])
def test_a_result_without_a_body_is_an_empty_reply(result: dict[str, Any]) -> None:
    reply = reply_of(result)
    assert (reply.status, reply.headers, reply.body) == (204, [], b"")


@pytest.mark.parametrize("result", [{"id": 1}, [1], "text", None])
def test_a_result_without_a_status_is_the_body_itself(result: object) -> None:
    reply = reply_of(result)
    assert (reply.status, reply.headers) == (200, [("content-type", "application/json")])
    assert reply.body in {b'{"id": 1}', b"[1]", b'"text"', b"null"}


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "many"},
        {"statusCode": None},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["x"]},
    ],
)
def test_a_malformed_result_is_rejected(result: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Result|base64"):
        reply_of(result)
