"""Whop's rejections as errors, and the style of calls to Whop.

The body of a rejection is ``{"error": {"type", "message", "code", "param"}}``. It may also be ``{"error": null}``, have
no ``type``, or be the text of a proxy.
"""

from http import HTTPStatus

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import CHECK_THE_KEY, NOTHING_TO_HIDE, rejection

_FIELD_NAMES = {
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
    HTTPStatus.GONE: "Whop has retired this endpoint; upgrade aichats",
}


def whop_error(status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE) -> APIStatusError:
    """Return a response of 300 or above as an error."""
    envelope = json_object(content).get("error")
    error = envelope if isinstance(envelope, dict) else {}
    fields = {"code": error.get("code"), "error_type": error.get("type"), "param": _field_name(error.get("param"))}
    hint = _hint(status, mask.text(error.get("message")) or "")
    return rejection("whop", status, headers, mask, {"message": error.get("message"), **fields}, hint=hint)


def _field_name(param: object) -> object:
    """Return the name of a field in aichats for Whop's name."""
    return _FIELD_NAMES.get(param, param) if isinstance(param, str) else param


def _hint(status: int, message: str) -> str:
    if "Unknown Api-Version-Date" in message:
        return "set the parameter WhopApiVersion to a version that Whop knows"
    return _HINTS.get(status, "")


WHOP_STYLE = HttpStyle(name="whop", authorization=lambda token: {"authorization": f"Bearer {token}"}, error=whop_error)
