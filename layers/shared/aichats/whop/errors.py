"""Whop's rejections as errors, and the style in which Whop is called.

The body is ``{"error": {"type", "message", "code", "param"}}``. It may also be ``{"error": null}``, have no ``type``,
or be a proxy's text instead of JSON.
"""

from http import HTTPStatus

from aichats.errors import APIStatusError
from aichats.http import Headers
from aichats.http.bodies import json_object
from aichats.http.client import HttpStyle
from aichats.http.masking import Mask
from aichats.http.rejections import CHECK_THE_KEY, NOTHING_TO_HIDE, rejection

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
    HTTPStatus.GONE: "Whop has retired this endpoint; upgrade aichats",
}


def whop_error(status: int, headers: Headers, content: bytes, mask: Mask = NOTHING_TO_HIDE) -> APIStatusError:
    """Return a response of 300 or above as an error."""
    envelope = json_object(content).get("error")
    error = envelope if isinstance(envelope, dict) else {}
    fields = {"code": error.get("code"), "error_type": error.get("type"), "param": _our_name(error.get("param"))}
    hint = _hint(status, mask.text(error.get("message")) or "")
    return rejection("whop", status, headers, mask, {"message": error.get("message"), **fields}, hint=hint)


def _our_name(param: object) -> object:
    """Return the API client's name of a field for Whop's name."""
    return _OUR_NAMES.get(param, param) if isinstance(param, str) else param


def _hint(status: int, message: str) -> str:
    if "Unknown Api-Version-Date" in message:
        return "set the parameter WhopApiVersion to a version that Whop knows"
    return _HINTS.get(status, "")


WHOP_STYLE = HttpStyle(name="whop", authorization=lambda token: {"authorization": f"Bearer {token}"}, error=whop_error)
