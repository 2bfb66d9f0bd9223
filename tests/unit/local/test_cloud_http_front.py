"""The front of the local HTTP API, called in this process, with Python functions in place of Lambda's."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx

from local.cloud.functions import Answer, FunctionFailedError
from local.cloud.http_api import HttpApi, Route
from local.cloud.http_front import BODY_LIMIT, HttpFront

API = HttpApi("abc123", (Route("ANY", "/{proxy+}", "function"),))


def call(invoke: Callable[[str, dict[str, Any]], object], method: str, url: str, **request: Any) -> httpx.Response:
    """Return the response to one request."""

    async def send() -> httpx.Response:
        def answer(function: str, event: dict[str, Any]) -> Answer:
            return Answer(invoke(function, event), "an-id")

        options = {"time_limit": request.pop("time_limit", 30), "log": request.pop("log", None)}
        transport = httpx.ASGITransport(HttpFront(API, answer, **options))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000") as client:
            return await client.request(method, url, **request)

    return asyncio.run(send())


def echo(_function: str, event: dict[str, Any]) -> object:
    """Answers with the event itself."""
    return event


def test_the_function_gets_the_request_and_its_result_is_the_reply() -> None:
    def create(function: str, event: dict[str, Any]) -> object:
        assert (function, event["body"]) == ("function", '{"message_text":"Hi"}')
        headers = {"Content-Type": "application/problem+json", "Location": "/chats/1", "Content-Length": "999"}
        return {"statusCode": 201, "headers": headers, "cookies": ["a=1", "b=2"], "body": "{}"}

    reply = call(create, "POST", "/chats", json={"message_text": "Hi"})
    assert (reply.status_code, reply.text) == (201, "{}")
    assert reply.headers["location"] == "/chats/1"
    assert reply.headers.get_list("content-type") == ["application/problem+json"]
    assert reply.headers.get_list("content-length") == ["2"]
    assert reply.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_the_path_and_the_query_arrive_as_they_were_sent() -> None:
    event = call(echo, "GET", "/chats/a%2Fb%252F?after=%2B&after=x").json()
    assert event["rawPath"] == "/chats/a/b%252F"
    assert event["rawQueryString"] == "after=%2B&after=x"


def test_a_reply_without_content_has_no_body() -> None:
    reply = call(lambda *_: {"statusCode": 204}, "DELETE", "/chats/1")
    assert (reply.status_code, reply.content) == (204, b"")
    assert "content-length" not in reply.headers


def test_a_path_without_a_route_is_rejected_without_a_function() -> None:
    reply = call(lambda *_: 1 / 0, "GET", "/")
    assert (reply.status_code, reply.json()) == (404, {"message": "Not Found"})


def test_a_body_beyond_the_limit_is_rejected_without_a_function() -> None:
    reply = call(lambda *_: 1 / 0, "POST", "/chats", content=b"x" * (BODY_LIMIT + 1))
    assert reply.status_code == 413


def test_a_function_that_fails_is_an_internal_server_error() -> None:
    def fail(_function: str, _event: dict[str, Any]) -> object:
        raise FunctionFailedError("it raised, and nobody outside learns of it")

    reply = call(fail, "GET", "/chats")
    assert (reply.status_code, reply.json()) == (500, {"message": "Internal Server Error"})


def test_each_call_is_logged_with_the_id_of_its_request_and_without_its_query() -> None:
    def fail(_function: str, _event: dict[str, Any]) -> object:
        raise FunctionFailedError("no such company", "the-id-of-the-failure")

    lines: list[str] = []
    call(echo, "GET", "/chats?after=x", log=lines.append)
    call(lambda *_: {"statusCode": "x"}, "PUT", "/automations/a", log=lines.append)
    call(fail, "DELETE", "/chats/1", log=lines.append)
    call(echo, "GET", "/", log=lines.append)
    assert lines == [
        "GET /chats 200 request_id=an-id",
        "PUT /automations/a 500 request_id=an-id",
        "DELETE /chats/1 500 request_id=the-id-of-the-failure",
        "GET / 404",
    ]


def test_a_malformed_result_is_an_internal_server_error() -> None:
    assert call(lambda *_: {"statusCode": "x"}, "GET", "/chats").status_code == 500


def test_a_function_that_takes_too_long_is_not_waited_for() -> None:
    answered = threading.Event()

    def wait(_function: str, _event: dict[str, Any]) -> object:
        return answered.wait(30)

    reply = call(wait, "GET", "/chats", time_limit=0.01)
    answered.set()
    assert (reply.status_code, reply.json()) == (503, {"message": "Service Unavailable"})
