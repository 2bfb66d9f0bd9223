"""Convert HTTP requests to API Gateway events (payload format 2.0), and results of functions to HTTP responses."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from local.cloud.emulator import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from local.cloud.http_api import Route

TEXT = re.compile(r"text/.*|application/(json|xml|javascript)")
ESCAPES_BUT_PERCENT = re.compile(r"(%(?!25)[0-9A-Fa-f]{2})+")
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


@dataclass(frozen=True)
class Request:
    """An HTTP request as received: ``target`` and ``query`` are still escaped, and header lines are separate."""

    method: str
    target: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    client: str

    @property
    def path(self) -> str:
        """The path as an HTTP API passes it on: with all escapes decoded, even ``%2F``, except ``%25``."""
        return ESCAPES_BUT_PERCENT.sub(lambda escapes: unquote(escapes[0]), self.target)


@dataclass(frozen=True)
class Reply:
    """The response to the client, with the id of the invocation that produced it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    request_id: str = ""

    @classmethod
    def message(cls, status: int, message: str, request_id: str = "") -> Reply:
        """Return an error response of API Gateway itself."""
        body = json.dumps({"message": message}).encode()
        return cls(status, [("content-type", "application/json")], body, request_id)


def event_of(request: Request, api_id: str, route: Route, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the event for the function."""
    headers = joined((name, value) for name, value in request.headers if name not in HOP_BY_HOP | {"cookie"})
    cookies = [cookie for name, value in request.headers if name == "cookie" for cookie in value.split("; ")]
    query = joined(parse_qsl(request.query, keep_blank_values=True))
    event = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "cookies": cookies,
        "headers": headers | {"x-forwarded-for": request.client, "x-forwarded-proto": "http"},
        "queryStringParameters": query,
        "requestContext": context_of(request, api_id, route, headers),
        "pathParameters": dict(parameters),
        "isBase64Encoded": False,
    }
    event |= body_of(request.body, headers.get("content-type", ""))
    absent_when_empty = {"cookies", "queryStringParameters", "pathParameters"}
    return {key: value for key, value in event.items() if value or key not in absent_when_empty}


def context_of(request: Request, api_id: str, route: Route, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the event's ``requestContext``."""
    now = time.time()
    return {
        "accountId": ACCOUNT,
        "apiId": api_id,
        "domainName": headers.get("host", ""),
        "domainPrefix": api_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": uuid.uuid4().hex[:16],
        "routeKey": route.key,
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return one entry for each name, with several values joined by commas."""
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


def body_of(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the event's ``body`` fields, if any: text for the types that API Gateway treats as text, else base64."""
    if not body:
        return {}
    if TEXT.fullmatch(content_type.partition(";")[0].strip().lower()):
        return {"body": body.decode(errors="replace")}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


class Result(BaseModel, alias_generator=to_camel):
    """The value that a function returns to API Gateway."""

    status_code: int
    headers: dict[str, str | int | float | bool] | None = None
    cookies: list[str] | None = None
    body: str | None = None
    is_base64_encoded: bool = False

    def content(self) -> bytes:
        """Return the body's bytes.

        Raises:
            ValueError: the body must be base64 but isn't.
        """
        text = self.body or ""
        return base64.b64decode(text, validate=True) if self.is_base64_encoded else text.encode()


def reply_of(returned: object, request_id: str = "") -> Reply:
    """Return the response for the value that the function returned. Without ``statusCode`` the value is the JSON body.

    Raises:
        ValueError: the value is not valid for API Gateway.
    """
    if not isinstance(returned, dict) or "statusCode" not in returned:
        return Reply(200, [("content-type", "application/json")], json.dumps(returned).encode(), request_id)
    result = Result.model_validate(returned)
    headers = [(name.lower(), str(value)) for name, value in (result.headers or {}).items()]
    headers += [("set-cookie", cookie) for cookie in result.cookies or []]
    return Reply(result.status_code, headers, result.content(), request_id)
