"""The headers that every answer of the HTTP API has: those that keep browsers safe, and CORS."""

from collections.abc import Mapping, Sequence
from typing import Any

type Headers = dict[str, str]

SECURITY: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}
"""On every answer. A page that needs more than nothing has a policy of its own."""
REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
"""Headers that a page of an allowed origin may send."""
RESPONSE_HEADERS = ("Allow", "ETag", "Idempotent-Replayed", "Location", "Retry-After", "WWW-Authenticate", "X-Run-Id")
"""What it may read besides the headers that every page may read."""
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PREFLIGHT_SECONDS = 600


def is_preflight(event: Mapping[str, Any]) -> bool:
    """Return whether a browser asks what a page of another origin may send."""
    headers = _lower(event)
    is_options = event["requestContext"]["http"]["method"] == "OPTIONS"
    return is_options and {"origin", "access-control-request-method"} <= headers.keys()


def preflight() -> dict[str, Any]:
    """Return the answer to a preflight, which needs no token."""
    headers = {
        "Access-Control-Allow-Methods": ",".join(METHODS),
        "Access-Control-Allow-Headers": ",".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return {"statusCode": 204, "headers": headers, "body": "", "isBase64Encoded": False}


def cors_headers(event: Mapping[str, Any], origins: Sequence[str]) -> Headers:
    """Return the headers that let pages of allowed origins read an answer; none if no origin is allowed."""
    if not origins:
        return {}
    origin = _lower(event).get("origin", "")
    vary = {"Vary": "Origin"}
    if origin not in origins:
        return vary
    return vary | {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
    }


def _lower(event: Mapping[str, Any]) -> Headers:
    return {name.lower(): value for name, value in event.get("headers", {}).items()}
