"""Whop's refusals as our errors, and how Whop wants to be called.

The envelope is ``{"error": {"type", "message", "code", "param"}}``. ``{"error": null}``, a missing ``type`` and bodies
that are not JSON (a proxy's) occur too.
"""

import json
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aichats.errors import APIStatusError, status_error
from aichats.http import Headers
from aichats.http.client import Provider
from aichats.http.retry import named_wait

_OUR_NAMES = {
    "current_company_id": "company_id",
    "current_account_id": "company_id",
    "message_attachments": "attachments",
}

_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "check the api_key in the secret; it may have been revoked",
    HTTPStatus.FORBIDDEN: (
        "this credential may lack ai_chat:create, ai_chat:update or ai_chat:delete; "
        "API keys may need to be replaced by a user's OAuth token"
    ),
    HTTPStatus.GONE: "Whop retired this endpoint; a newer release of aichats may use its successor",
}


def refusal(status: int, headers: Headers, content: bytes) -> APIStatusError:
    """An answer of 300 and above as an error."""
    error = _envelope(content)
    message = _text(error.get("message")) or _phrase(status)
    return status_error(status)(
        message,
        provider="whop",
        status=status,
        code=_text(error.get("code")),
        error_type=_text(error.get("type")),
        param=_our_name(_text(error.get("param"))),
        request_id=request_id(headers),
        retry_after=named_wait(status, headers, message, now=datetime.now(UTC)),
        hint=_hint(status, message),
    )


def request_id(headers: Headers) -> str | None:
    """Whop's own id of a request, else the one of the proxy in front of it."""
    found: str | None = headers.get("x-request-id") or headers.get("cf-ray")
    return found


def _envelope(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _text(value: object) -> str | None:
    return value[:500] if isinstance(value, str) else None


def _our_name(param: str | None) -> str | None:
    """A field as callers know it, for the one that Whop names on the wire."""
    return _OUR_NAMES.get(param, param) if param else None


def _hint(status: int, message: str) -> str:
    if "Unknown Api-Version-Date" in message:
        return "set the parameter WhopApiVersion to a version that Whop knows"
    return _HINTS.get(status, "")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an answer without a reason"


WHOP = Provider(
    name="whop",
    authorization=lambda token: {"authorization": f"Bearer {token}"},
    error=refusal,
    request_id=request_id,
)
