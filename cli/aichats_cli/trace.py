"""The requests and responses that `--debug` shows: with their bodies, and without anything secret."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from datetime import timedelta

SECRET = re.compile(r"secret|token|password|authorization|credential|signature|cookie|api_?key|_key$", re.IGNORECASE)
"""The names of fields whose texts are not shown. Numbers, such as used tokens, are."""
HIDDEN = "(hidden)"
LONGEST = 4000
"""Characters of a body that are shown."""


def exchange(request: httpx.Request, result: httpx.Response | Exception, took: timedelta) -> str:
    """Return a request, and its response or the error that it ended with, as lines of text."""
    lines = [f"→ {request.method} {request.url}", *body_lines(request.headers, sent(request))]
    time = f"in {round(took.total_seconds() * 1000)} ms"
    if isinstance(result, Exception):
        return "\n".join([*lines, f"← {type(result).__name__} {time}: {result}"])
    request_id = result.headers.get("x-request-id")
    lines.append(f"← {result.status_code} {time}" + (f", request {request_id}" if request_id else ""))
    return "\n".join([*lines, *body_lines(result.headers, result.content)])


def sent(request: httpx.Request) -> bytes:
    """Return the body of a request: nothing for a file that was streamed."""
    try:
        return request.content
    except httpx.RequestNotRead:
        return b""


def body_lines(headers: httpx.Headers, content: bytes) -> list[str]:
    """Return a body without secrets, indented: only its size if it isn't JSON."""
    if not content:
        return []
    try:
        text = json.dumps(without_secrets(json.loads(content)), ensure_ascii=False)
    except ValueError:
        return [f"  {len(content)} bytes, {headers.get('content-type', 'of an unknown type')}"]
    return [f"  {text}" if len(text) <= LONGEST else f"  {text[:LONGEST]}… ({len(text)} characters)"]


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a JSON value in which the texts of secret fields are hidden, and all of each URL but its host."""
    match value:
        case dict():
            return {key: without_secrets(each, hides(name) or key) for key, each in value.items()}
        case list():
            return [without_secrets(each, name) for each in value]
        case str() if hides(name):
            return HIDDEN
        case str() if name.lower().endswith("url") and (parts := urlsplit(value)).scheme and parts.path.strip("/"):
            return f"{parts.scheme}://{parts.hostname}/{HIDDEN}"
    return value


def hides(name: str) -> str:
    """Return the name of a field if it is secret, or else an empty text."""
    return name if SECRET.search(name) else ""
