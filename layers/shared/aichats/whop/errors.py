"""Whop's refusals as our errors, and how Whop wants to be called.

The envelope is ``{"error": {"type", "message", "code", "param"}}``. ``{"error": null}``, a missing ``type`` and bodies
that are not JSON (a proxy's) occur too.
"""

from http import HTTPStatus

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import Provider
from aichats.http.masking import Mask
from aichats.http.refusals import CHECK_THE_KEY, NOTHING_TO_HIDE, refused

_OUR_NAMES = {
    "current_company_id": "company_id",
    "current_account_id": "company_id",
    "message_attachments": "attachments",
}

_HINTS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: CHECK_THE_KEY,
    HTTPStatus.FORBIDDEN: (
        "this credential may lack ai_chat:create, ai_chat:update or ai_chat:delete; "
        "API keys may need to be replaced by a user's OAuth token"
    ),
    HTTPStatus.GONE: "Whop retired this endpoint; a newer release of aichats may use its successor",
}


def refusal(status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE) -> APIStatusError:
    """An answer of 300 and above as an error."""
    envelope = json_object(content).get("error")
    error = envelope if isinstance(envelope, dict) else {}
    return refused(
        "whop",
        status,
        headers,
        mask,
        message=error.get("message"),
        code=error.get("code"),
        error_type=error.get("type"),
        param=_our_name(error.get("param")),
        hint=_hint(status, mask.text(error.get("message")) or ""),
    )


def _our_name(param: object) -> object:
    """A field as callers know it, for the one that Whop names on the wire."""
    return _OUR_NAMES.get(param, param) if isinstance(param, str) else param


def _hint(status: int, message: str) -> str:
    if "Unknown Api-Version-Date" in message:
        return "set the parameter WhopApiVersion to a version that Whop knows"
    return _HINTS.get(status, "")


WHOP = Provider(
    name="whop",
    authorization=lambda token: {"authorization": f"Bearer {token}"},
    error=refusal,
)
