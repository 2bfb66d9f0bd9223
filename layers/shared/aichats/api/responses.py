"""The headers of answers that keep browsers safe, and the body as API Gateway takes it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aichats.api.requests import ApiRequest

    type Headers = dict[str, str]

SECURITY: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}
"""The headers of every answer. An HTML page has its own Content-Security-Policy."""
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
"""The request headers that a page of an allowed origin may send."""
RESPONSE_HEADERS = (
    "Allow",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Paused",
    "Retry-After",
    "WWW-Authenticate",
    "X-Run-Id",
)
"""The response headers that such a page may read, in addition to those that every page may read."""
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PREFLIGHT_SECONDS = 600
JSON_TYPE = "application/json"
LONG_CHARACTERS = 1024
"""The longest text that is sent as it is to a client that accepts gzip. Compression gains nothing for shorter ones."""
_QUICK, _BEST = 1, 9
"""Levels of compression. The quick one makes 40 KB of JSON a third larger than the best, in a fifth of the time."""


class HttpAnswer:
    """An answer before it is encoded for API Gateway.

    Attributes:
        content_type: the media type of the body. It is sent only with a body.
        packs: whether the body is compressed as far as possible. Any other body is compressed quickly if it is long.
    """

    def __init__(
        self,
        status: int,
        body: str | bytes = "",
        content_type: str = JSON_TYPE,
        headers: Mapping[str, str] | None = None,
        *,
        packs: bool = False,
    ) -> None:
        self.status, self.body, self.packs = status, body, packs
        self.headers = dict(headers or {})
        if body or isinstance(body, bytes):
            self.headers["Content-Type"] = content_type


def gateway_answer(answer: HttpAnswer, request: ApiRequest, origins: Sequence[str]) -> dict[str, Any]:
    """Return an answer as API Gateway takes it, with the headers of all answers. Long texts are compressed."""
    headers = {**SECURITY, **cors_headers(request, origins), **answer.headers}
    varies = [each["Vary"] for each in (cors_headers(request, origins), answer.headers) if "Vary" in each]
    body = answer.body
    if isinstance(body, str) and (answer.packs or len(body) > LONG_CHARACTERS):
        varies.append("Accept-Encoding")
        if accepts(request.headers.get("accept-encoding", ""), "gzip"):
            body = _gzip(body.encode(), _BEST if answer.packs else _QUICK)
            headers["Content-Encoding"] = "gzip"
    if varies:
        headers["Vary"] = ", ".join(varies)
    is_base64 = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return {"statusCode": answer.status, "body": text, "isBase64Encoded": is_base64, "headers": headers, "cookies": []}


def accepts(accepted: str, coding: str) -> bool:
    """Return whether a client accepts a coding, by its header ``Accept-Encoding``."""
    for each in accepted.split(","):
        name, _, weight = each.partition(";")
        if name.strip().lower() == coding:
            return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _gzip(content: bytes, level: int) -> bytes:
    import zlib

    packer = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(content) + packer.flush()


def is_preflight(request: ApiRequest) -> bool:
    """Return whether a request is a CORS preflight."""
    return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= request.headers.keys()


def preflight() -> HttpAnswer:
    """Return the answer to a CORS preflight, which needs no token."""
    headers = {
        "Access-Control-Allow-Methods": ",".join(METHODS),
        "Access-Control-Allow-Headers": ",".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return HttpAnswer(204, headers=headers)


def cors_headers(request: ApiRequest, origins: Sequence[str]) -> Headers:
    """Return the headers that let pages of allowed origins read an answer; none if no origin is allowed."""
    if not origins:
        return {}
    origin = request.headers.get("origin", "")
    vary = {"Vary": "Origin"}
    if origin not in origins:
        return vary
    return vary | {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
    }
